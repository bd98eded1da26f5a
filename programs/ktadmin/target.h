/*
 * What a command on deposits or named keys works on: an open backend of this process, or
 * a daemon. Both do the same things, so that a command never asks which one it has.
 */
#ifndef KH_KTADMIN_TARGET_H
#define KH_KTADMIN_TARGET_H

#include "programs/common/setup.h"
#include <keyhsm/key.h>
#include <keyhsm/types.h>

#define KH_DEFAULT_CONFIG "/etc/keyhsm/keyhsm.ini"            /* read when it is there */
#define KH_KEYTRUSTEE_CONFIG "/etc/keytrustee/keytrustee.ini" /* the same */

/* One deposit in a listing. */
struct kh_entry {
    char name[KH_NAME_MAX + 1];
    uint32_t versions; /* deleted ones included */
    uint32_t latest;   /* the highest active version, else the highest */
    kh_state state;    /* of LATEST */
    bool corrupt;      /* some version cannot be trusted */
};

/* One version of a deposit. */
struct kh_version_entry {
    uint32_t version;
    kh_state state;
    int64_t created; /* 0: not known */
    char note[160];  /* why it cannot be trusted; empty when it can */
};

/* Called for each entry in turn; anything but KH_OK ends the walk with that status. */
typedef kh_status (*kh_entry_fn)(
    void *arg, const struct kh_entry *entry, struct kh_error *err);
typedef kh_status (*kh_version_fn)(
    void *arg, const struct kh_version_entry *version, struct kh_error *err);

typedef kh_status (*kh_key_fn)(
    void *arg, const struct kh_named_key *key, struct kh_error *err);

struct kh_target;

/*
 * The methods. Each fills ERR with one line on failure. NAME is 1 to 255 bytes; VERSION
 * may be KH_LATEST for get, and KH_ALL_VERSIONS for remove, restore and purge.
 */
struct kh_target_ops {
    /* DEPOSIT holds name, attributes and data; version and created are filled in. put
     * makes version 0 of a new deposit (KH_EXISTS when there is one of that name), roll
     * the next one. */
    KH_CHECK kh_status (*put)(
        struct kh_target *target, struct kh_deposit *deposit, struct kh_error *err);
    KH_CHECK kh_status (*roll)(
        struct kh_target *target, struct kh_deposit *deposit, struct kh_error *err);
    /* DEPOSIT is zeroed by the caller, who frees it with kh_deposit_free. Without
     * WITH_ATTRS a target may leave the attributes out. */
    KH_CHECK kh_status (*get)(struct kh_target *target, struct kh_deposit *deposit,
        bool with_attrs, struct kh_error *err);
    /* In order of name; in order of version. versions: KH_NOT_FOUND when there is no
     * NAME. */
    KH_CHECK kh_status (*list)(
        struct kh_target *target, kh_entry_fn fn, void *arg, struct kh_error *err);
    KH_CHECK kh_status (*versions)(struct kh_target *target, const char *name,
        kh_version_fn fn, void *arg, struct kh_error *err);
    KH_CHECK kh_status (*remove)(struct kh_target *target, const char *name,
        uint32_t version, struct kh_error *err);
    KH_CHECK kh_status (*restore)(struct kh_target *target, const char *name,
        uint32_t version, struct kh_error *err);
    KH_CHECK kh_status (*purge)(struct kh_target *target, const char *name,
        uint32_t version, struct kh_error *err);
    /* Named keys, as kh_backend_key_* (core/backend_key.h). key_list: in order of name.
     * key_sign: OUT is zeroed by the caller, who frees it with kh_buf_free. */
    KH_CHECK kh_status (*key_create)(
        struct kh_target *target, struct kh_named_key *key, struct kh_error *err);
    KH_CHECK kh_status (*key_stat)(struct kh_target *target, const char *name,
        struct kh_named_key *key, struct kh_error *err);
    KH_CHECK kh_status (*key_list)(
        struct kh_target *target, kh_key_fn fn, void *arg, struct kh_error *err);
    KH_CHECK kh_status (*key_sign)(struct kh_target *target, const char *name,
        const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err);
    KH_CHECK kh_status (*key_change)(struct kh_target *target, const char *name,
        kh_key_change change, struct kh_error *err);
    /* Frees TARGET. */
    void (*close)(struct kh_target *target);
};

/* The head of every implementation. Not for two threads at once. */
struct kh_target {
    const struct kh_target_ops *ops;
    struct kh_setup setup;
};

/* What the command line says of the target; strings live as long as argv. */
struct kh_target_options {
    struct kh_setup_args setup;
    const char *backend;
    const char *server;
    const char *socket; /* of the daemon; SERVER then names its certificate's host */
    const char *client_certfile;
    const char *client_keyfile;
    const char *cacert;
    bool negotiate;  /* show a Kerberos ticket; a certificate is then optional */
    bool passphrase; /* ask for it */
    const char *passphrase_source;
};

/* The rows of an option table that name a daemon, and who asks it, in OPTIONS. */
#define KH_SERVER_OPTIONS(options)                                                       \
    {"server", 's', "URL", "work on a daemon: https://HOST:PORT", &(options).server,     \
        NULL, 0},                                                                        \
        {"unix-socket", 0, "FILE",                                                       \
            "connect to this socket of the daemon, not to a port", &(options).socket,    \
            NULL, 0},                                                                    \
        {"client-certfile", 0, "FILE", "certificate to show to the daemon, PEM",         \
            &(options).client_certfile, NULL, 0},                                        \
        {"client-keyfile", 0, "FILE",                                                    \
            "its private key: PEM, or a URI that OpenSSL knows",                         \
            &(options).client_keyfile, NULL, 0},                                         \
        {"negotiate", 0, NULL, "show a Kerberos ticket (kinit) to the daemon",           \
            &(options).negotiate, NULL, 0},                                              \
        {"cacert", 0, "FILE", "certificates that vouch for the daemon, PEM",             \
            &(options).cacert, NULL, 0},                                                 \
        {"passphrase", 0, NULL, "ask for the password of the private key",               \
            &(options).passphrase, NULL, 0},                                             \
    {                                                                                    \
        "passphrase-source", 0, "SOURCE",                                                \
            "or take it from file:/PATH, credential:NAME or fd:N",                       \
            &(options).passphrase_source, NULL, 0                                        \
    }

/* KH_INVALID, in words, unless OPTIONS name exactly one target, completely. */
KH_CHECK kh_status kh_target_check(
    const struct kh_target_options *options, struct kh_error *err);

/* The two implementations. The caller has set secret memory up; SETUP's configuration
 * outlives the target, which is closed through its own method. */
KH_CHECK kh_status kh_target_backend(struct kh_target **out,
    const struct kh_target_options *options, const struct kh_setup *setup,
    struct kh_error *err);
KH_CHECK kh_status kh_target_server(struct kh_target **out,
    const struct kh_target_options *options, struct kh_error *err);

/* Checks OPTIONS, reads the configuration, sets secret memory up and opens the target
 * they mean. */
KH_CHECK kh_status kh_target_open(struct kh_target **out,
    const struct kh_target_options *options, struct kh_error *err);
/* NULL is fine. */
void kh_target_close(struct kh_target *target);

#endif
