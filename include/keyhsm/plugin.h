/*
 * The backend plugin ABI.
 *
 * A backend is a place deposits live in. A plugin is one shared object, NAME.so, that
 * exports one data symbol:
 *
 *     const struct kh_plugin kh_plugin = {
 *         .abi = KH_PLUGIN_ABI, .size = sizeof(struct kh_plugin), .name = "NAME", ...
 *     };
 *
 * The core loads it from an absolute path and looks at `abi` and `size` before it reads
 * anything else. Another `abi` is refused. Fields are only ever added at the end: a
 * plugin built against older headers of the same ABI has a smaller `size` and is taken,
 * as one without the methods that came later; a plugin built against newer headers is
 * refused. A plugin that uses a service of struct kh_host which came after its first
 * version looks at kh_host.size first. A plugin includes <keyhsm/...> and links against
 * nothing of this project: memory, logging, options, secrets, the catalog and the clock
 * arrive in struct kh_host at open.
 *
 * Rules for every method
 * ----------------------
 *  - It returns a kh_status that the caller checks. On anything but KH_OK it has filled
 *    ERR (which is never NULL) with one line naming the thing and the cause, and has
 *    left every output as it was on entry (zeroed by the caller).
 *  - Outputs come before errors; a string or buffer given in belongs to the caller and
 *    is not kept.
 *  - With KH_CAP_THREADSAFE any method but open and close may be called from many
 *    threads at once. Without it the core holds a lock around every call.
 *  - open is called once, before any other method; close once, after the last has
 *    returned.
 *  - Names have been checked for length (1 to 255 bytes, no NUL). The creation rule
 *    ([A-Za-z0-9][A-Za-z0-9._-]*) is checked by the core before put, but for plugins
 *    with KH_CAP_LEGACY_NAMES. Sizes and attribute limits have been checked too.
 *  - A method must not block for ever: give up after the plugin's own deadline with
 *    KH_UNAVAILABLE.
 *  - Secrets travel in struct kh_buf only. They are never logged and never written to
 *    an error.
 *  - fork is never called between open and close by the core.
 */
#ifndef KEYHSM_PLUGIN_H
#define KEYHSM_PLUGIN_H

#include <keyhsm/key.h>
#include <keyhsm/types.h>

struct kh_catalog; /* keyhsm/catalog.h */

#define KH_PLUGIN_ABI 1U
#define KH_PLUGIN_SYMBOL "kh_plugin"

/* ---- capabilities ---- */

enum {
    KH_CAP_READ = 1u << 0,        /* get */
    KH_CAP_WRITE = 1u << 1,       /* put, remove, restore, purge */
    KH_CAP_LIST = 1u << 2,        /* list, stat */
    KH_CAP_EXPORT = 1u << 3,      /* may release plaintext to a migration */
    KH_CAP_SEAL = 1u << 4,        /* can become read-only for ever and be left */
    KH_CAP_HARDWARE = 1u << 5,    /* private keys never leave a device */
    KH_CAP_THREADSAFE = 1u << 6,  /* methods may run at the same time */
    KH_CAP_LEGACY_NAMES = 1u << 7 /* put accepts names that break today's rule */
};

/* ---- declared options: the source of INI validation, --help and the manual ---- */

typedef enum kh_option_type {
    KH_OPT_STRING,  /* any text, at most 1024 bytes */
    KH_OPT_INT,     /* decimal, 0 .. 2^31-1 */
    KH_OPT_SIZE,    /* decimal bytes, optional suffix K, M or G (1024-based) */
    KH_OPT_SECONDS, /* decimal seconds, optional suffix s, m, h or d */
    KH_OPT_BOOL,    /* yes no true false on off 1 0 */
    KH_OPT_PATH,    /* absolute path */
    KH_OPT_ENUM     /* one of `values`, separated by | */
} kh_option_type;

enum {
    KH_OPT_REQUIRED = 1u << 0,
    /* Its value is hidden in settings; it names a secret's source. */
    KH_OPT_SECRET = 1u << 1,
    /* It names a file of certificates, PEM: a daemon tells when they end. */
    KH_OPT_CERTIFICATES = 1u << 2,
    /* A directory that the backend keeps its state in. A program that root runs works in
     * it as the owner of it, so that the daemon can use what was made. */
    KH_OPT_PLACE = 1u << 3
};

struct kh_option {
    const char *name; /* [a-z0-9_]+ ; the INI key in [backend.NAME] */
    kh_option_type type;
    const char *default_value; /* in INI notation; NULL: unset */
    unsigned flags;
    const char *values; /* KH_OPT_ENUM: "a|b|c"; else NULL */
    const char *help;   /* one line, lower case, no full stop */
};

/* ---- what the host gives ---- */

typedef enum kh_open_mode {
    /* One command of an administrator: short. */
    KH_OPEN_TOOL = 0,
    /* A daemon: refuse a second daemon on the same place (KH_BUSY, with its pid). */
    KH_OPEN_SERVE,
    /* A migration: no other process may write until close (KH_BUSY, with its pid). */
    KH_OPEN_MIGRATE,
    /* A look, before something is decided: nothing is changed on a device, not even
     * tidied up, and what does not fit together is counted in struct kh_info, not
     * refused. */
    KH_OPEN_LOOK
} kh_open_mode;

typedef enum kh_log_level {
    KH_LOG_ERROR,
    KH_LOG_WARNING,
    KH_LOG_NOTICE,
    KH_LOG_INFO,
    KH_LOG_DEBUG
} kh_log_level;

/*
 * Host services. Valid from open until close returns; all thread safe. Pass the table
 * itself as first argument.
 */
struct kh_host {
    uint32_t abi;         /* KH_PLUGIN_ABI of the host */
    uint32_t size;        /* sizeof(struct kh_host) of the host */
    const char *instance; /* the backend's name, as in [backend.NAME] */
    kh_open_mode mode;
    void *priv; /* the host's own */

    /* One line to the log. LEVEL filters. Never a secret. */
    void (*log)(const struct kh_host *host, kh_log_level level, const char *format, ...)
        KH_PRINTF(3, 4);

    /* Secret memory. buf_alloc: LEN bytes, zeroed, len == LEN (0 is allowed and gives an
     * empty buffer). KH_FATAL when locked memory is used up. buf_free wipes and zeroes
     * *BUF. */
    KH_CHECK kh_status (*buf_alloc)(
        const struct kh_host *host, struct kh_buf *buf, size_t len, struct kh_error *err);
    void (*buf_free)(const struct kh_host *host, struct kh_buf *buf);

    /* Attributes. Copies NAME and VALUE; replaces an existing NAME. KH_INVALID over a
     * limit or when a string is not UTF-8. */
    KH_CHECK kh_status (*attrs_set)(const struct kh_host *host, struct kh_attrs *attrs,
        const char *name, const char *value, struct kh_error *err);
    void (*attrs_free)(const struct kh_host *host, struct kh_attrs *attrs);
    void (*deposit_free)(const struct kh_host *host, struct kh_deposit *deposit);

    /*
     * The deposit's record: one JSON object (RFC 8259) of "name", "version", "created",
     * "attributes" and "data"; created as an RFC 3339 UTC time, data in base64 (RFC
     * 4648). What an envelope holds. record_encode: OUT is allocated. record_decode:
     * strict (no unknown members, no duplicates, limits as above); OUT->state is set to
     * KH_ACTIVE; KH_CORRUPT when the text is not a record.
     */
    KH_CHECK kh_status (*record_encode)(const struct kh_host *host,
        const struct kh_deposit *deposit, struct kh_buf *out, struct kh_error *err);
    KH_CHECK kh_status (*record_decode)(const struct kh_host *host,
        const unsigned char *text, size_t len, struct kh_deposit *out,
        struct kh_error *err);

    /* The value of a declared option of this backend, default applied. The typed ones
     * never fail: values were checked when the configuration was read. option_string:
     * NULL when unset; valid until close. option_int serves INT, SIZE and SECONDS. */
    const char *(*option_string)(const struct kh_host *host, const char *name);
    int64_t (*option_int)(const struct kh_host *host, const char *name);
    bool (*option_bool)(const struct kh_host *host, const char *name);

    /*
     * A PIN or passphrase from SOURCE: "prompt" (the terminal, without echo, PROMPT
     * shown), "file:/absolute/path" (regular, owner root or us, no group/other access;
     * one trailing newline dropped), "credential:NAME" (systemd, $CREDENTIALS_DIRECTORY),
     * "fd:N". At most 1024 bytes. KH_INVALID for a malformed source, KH_UNAVAILABLE when
     * it cannot be read.
     */
    KH_CHECK kh_status (*secret)(const struct kh_host *host, const char *source,
        const char *prompt, struct kh_buf *out, struct kh_error *err);

    /* Wall clock, seconds since 1970 UTC; and a monotonic clock, nanoseconds. */
    int64_t (*now)(const struct kh_host *host);
    uint64_t (*monotonic)(const struct kh_host *host);

    /*
     * Durable replace: temporary file in the same directory, written, fsynced, mode set,
     * renamed over PATH, directory fsynced. With EXCLUSIVE an existing PATH is KH_EXISTS
     * and is left alone (link(2) in place of rename). KH_UNAVAILABLE: disk full,
     * read-only; KH_FATAL: fsync failed.
     */
    KH_CHECK kh_status (*file_write)(const struct kh_host *host, const char *path,
        const void *data, size_t len, unsigned mode, bool exclusive,
        struct kh_error *err);

    /*
     * An exclusive lock on file PATH (made with mode 0600 when missing), held until
     * unlock or until the process ends. Does not wait: KH_BUSY names WHAT and the
     * holder's pid. *LOCK is a handle.
     */
    KH_CHECK kh_status (*lock)(const struct kh_host *host, const char *path,
        const char *what, int *lock, struct kh_error *err);
    void (*unlock)(const struct kh_host *host, int lock);

    /*
     * Opens (creates when missing, mode 0600) the catalog database at PATH. The caller
     * holds an exclusive lock on its directory. See keyhsm/catalog.h. Close it through
     * its own method.
     */
    KH_CHECK kh_status (*catalog_open)(const struct kh_host *host, const char *path,
        struct kh_catalog **catalog, struct kh_error *err);

    /* The id of the request that the calling thread works for, to send on to whoever is
     * asked for it; "" when there is none. At most 64 bytes of [A-Za-z0-9._-]. Valid
     * until the plugin's method returns. A host of an older size has no such service. */
    const char *(*request_id)(const struct kh_host *host);
};

/* ---- what the plugin gives ---- */

/* put: what must not exist yet. Nothing is ever overwritten. */
typedef enum kh_put_mode {
    KH_PUT_NEW,    /* no version of the name, in any state: creates the deposit */
    KH_PUT_VERSION /* not this version, in any state: rolls a deposit, or copies one */
} kh_put_mode;

/* What a migration says when it leaves a backend for ever. */
struct kh_seal {
    const char *destination; /* for people: backend and identity the deposits went to */
    const char *migration;   /* the migration's id */
    bool keep_source;        /* do not destroy key material and deposits after sealing */
};

/* Facts about an open backend. Fixed size; unknown numbers are 0. */
struct kh_info {
    char place[256];    /* for people: "token 'lab' (serial 1a2b)", a directory, a URL */
    char identity[192]; /* the same for the same place, always; else another */
    char key_scope[16]; /* "deposit", "epoch" or "" */
    char profile[32];   /* how envelopes are keyed, e.g. "ecdh-p256", "rsa-oaep-sha1" */
    uint64_t data_max;  /* largest data of one version */
    uint64_t versions;  /* stored, deleted ones included */
    uint64_t keys;      /* deposit keys in the hardware */
    uint64_t max_keys;  /* 0: no ceiling */
    bool sealed;
    bool read_only;
    char sealed_for[256];  /* when sealed: struct kh_seal.destination */
    uint64_t unknown_keys; /* made for this place, on the device, and not known here */
};

/* What is stored, by state, and the room of the device. */
struct kh_usage {
    uint64_t deposits;         /* names with an active version */
    uint64_t deleted_deposits; /* names all of whose versions are deleted */
    uint64_t versions;         /* active ones */
    uint64_t deleted_versions;
    uint64_t memory; /* of the device for private objects, bytes; 0: it does not say */
    uint64_t memory_free;
};

/* One thing that examine looked at. The strings are valid during the call only. */
struct kh_finding {
    const char *check;  /* what was looked at, in a word or two: "token" */
    kh_status status;   /* KH_OK: as it must be */
    const char *detail; /* one line: what was found, or what is wrong */
    const char *remedy; /* one line: what would put it right; NULL: detail says it all */
};
typedef void (*kh_finding_fn)(void *arg, const struct kh_finding *finding);

/* What create makes a place of. */
struct kh_creation {
    const char *name;                  /* of the place, e.g. a token's label */
    const struct kh_buf *secret;       /* what open will ask for: the user PIN */
    const struct kh_buf *admin_secret; /* what can set another: the officer's PIN */
};

#define KH_FINGERPRINT_LEN 32
#define KH_RANDOM_MAX 1024 /* bytes of one call of random */

struct kh_plugin {
    uint32_t abi;  /* KH_PLUGIN_ABI */
    uint32_t size; /* sizeof(struct kh_plugin) when the plugin was built */

    const char *name;        /* equals the file's name without .so */
    const char *version;     /* of the plugin, for people */
    const char *description; /* one line */
    uint32_t capabilities;   /* KH_CAP_* */
    const struct kh_option *options;
    size_t option_count;

    /* Lifetime. MANDATORY. open: *CTX is the plugin's own. HOST stays valid until close.
     * A wrong PIN is KH_REFUSED and is tried once only; a missing device is
     * KH_UNAVAILABLE; a place another process holds is KH_BUSY and names its pid. close
     * takes any CTX open returned. */
    KH_CHECK kh_status (*open)(
        const struct kh_host *host, void **ctx, struct kh_error *err);
    void (*close)(void *ctx);

    /* Is the place usable now? Cheap; a real operation on the device. MANDATORY. */
    KH_CHECK kh_status (*probe)(void *ctx, struct kh_error *err);

    /* Facts. MANDATORY. INFO is zeroed by the caller. */
    KH_CHECK kh_status (*info)(void *ctx, struct kh_info *info, struct kh_error *err);

    /* Stores DEPOSIT (name, version, state, created, attributes and data as given)
     * durably before it returns KH_OK. KH_EXISTS as MODE says. With KH_CAP_WRITE. */
    KH_CHECK kh_status (*put)(void *ctx, const struct kh_deposit *deposit,
        kh_put_mode mode, struct kh_error *err);

    /* Opens one version. VERSION may be KH_LATEST. A deleted one is KH_NOT_FOUND unless
     * WITH_DELETED. KH_CORRUPT when the stored bytes or their key are not as they were (a
     * key revoked on the device says so in words). With KH_CAP_READ. */
    KH_CHECK kh_status (*get)(void *ctx, const char *name, uint32_t version,
        bool with_deleted, struct kh_deposit *deposit, struct kh_error *err);

    /* With KH_CAP_LIST. stat: KH_LATEST falls back to the highest deleted version when
     * all are deleted (state says so). list: up to MAX items after AFTER in byte order of
     * name, then version; *COUNT == 0 is the end. Corrupt entries are listed as such,
     * never skipped. */
    KH_CHECK kh_status (*stat)(void *ctx, const char *name, uint32_t version,
        struct kh_stat *stat, struct kh_error *err);
    KH_CHECK kh_status (*list)(void *ctx, const struct kh_cursor *after,
        struct kh_item *items, size_t max, size_t *count, struct kh_error *err);

    /* Soft delete and its undoing: VERSION or KH_ALL_VERSIONS. Idempotent. purge destroys
     * the data and, in hardware, its key: nothing brings it back. With KH_CAP_WRITE. */
    KH_CHECK kh_status (*remove)(
        void *ctx, const char *name, uint32_t version, struct kh_error *err);
    KH_CHECK kh_status (*restore)(
        void *ctx, const char *name, uint32_t version, struct kh_error *err);
    KH_CHECK kh_status (*purge)(
        void *ctx, const char *name, uint32_t version, struct kh_error *err);

    /* From now on reads and writes are KH_REFUSED, durably, before KH_OK is returned;
     * then destroys key material unless kept. Idempotent: a second call finishes what a
     * crash left. With KH_CAP_SEAL, and only in KH_OPEN_MIGRATE. */
    KH_CHECK kh_status (*seal)(
        void *ctx, const struct kh_seal *seal, struct kh_error *err);

    /* Would VERSIONS more versions fit (keys, disk)? KH_REFUSED or KH_UNAVAILABLE says
     * why not. Changes nothing. OPTIONAL. */
    KH_CHECK kh_status (*reserve)(void *ctx, uint64_t versions, struct kh_error *err);

    /* A digest of the stored form of one version: equal while the stored bytes are
     * unchanged, and different whenever they are not. Needs no device. MANDATORY for both
     * sides of a migration. */
    KH_CHECK kh_status (*fingerprint)(void *ctx, const char *name, uint32_t version,
        unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err);

    /* Reads the key of one version again from the device and confirms it private,
     * sensitive, never extractable and usable. KH_CORRUPT otherwise. With
     * KH_CAP_HARDWARE. */
    KH_CHECK kh_status (*attest)(
        void *ctx, const char *name, uint32_t version, struct kh_error *err);

    /* From a call with BEGIN to the next call without, a migration attests each version
     * it has copied: a key that several versions share may then be read from the device
     * once for all of them. What was read in one round counts in no other, and outside of
     * a round every attest reads. Never fails. OPTIONAL. */
    void (*attest_round)(void *ctx, bool begin);

    /* Looks at what open needs, without opening: no login, nothing is changed, and no
     * secret is asked for on a terminal or read from a descriptor. Tells FN each thing it
     * looked at, in the order in which open takes them; after one that fails it goes on
     * with those that do not need it. KH_OK: it has looked, whatever it found. HOST is
     * valid until it returns. OPTIONAL. */
    KH_CHECK kh_status (*examine)(
        const struct kh_host *host, kh_finding_fn fn, void *arg, struct kh_error *err);

    /* Makes the place that open needs, where that is a matter of software; touches none
     * that is there. KH_EXISTS: there is one of that name. KH_REFUSED: it must be made
     * with the vendor's tools. HOST is valid until it returns. OPTIONAL. */
    KH_CHECK kh_status (*create)(const struct kh_host *host,
        const struct kh_creation *creation, struct kh_error *err);

    /* Checks all that is stored as far as that needs no device; slow. KH_CORRUPT names
     * what is damaged. OPTIONAL. */
    KH_CHECK kh_status (*check)(void *ctx, struct kh_error *err);

    /* Counts what is stored. No deposit is opened; it may cost a pass over their names,
     * and is asked for more rarely the longer it takes. USAGE is zeroed by the caller.
     * OPTIONAL. */
    KH_CHECK kh_status (*usage)(void *ctx, struct kh_usage *usage, struct kh_error *err);
    /* Fills OUT (out->len bytes, at most KH_RANDOM_MAX) from the place's own generator:
     * what a device makes keys from. OPTIONAL; without it the host draws them itself. */
    KH_CHECK kh_status (*random)(void *ctx, struct kh_buf *out, struct kh_error *err);

    /* May a migration to here be committed, as far as backups are concerned? Asked after
     * all was copied and verified. KH_REFUSED says, in words for an operator, which
     * backup is to be made or confirmed first; the migration then stops, and its next run
     * asks again. OPTIONAL; without it the answer is yes. */
    KH_CHECK kh_status (*backed_up)(void *ctx, struct kh_error *err);

    /*
     * Named keys: pairs, or AES keys, that the device makes and that never leave it. All
     * five or none; OPTIONAL. A name is either a key's or a deposit's.
     *
     * key_create: makes KEY->name of KEY->kind for KEY->purposes, durably, and fills the
     * rest of KEY. KH_EXISTS: the name is taken, in any state. KH_REFUSED: the device has
     * no such kind or purpose. KH_REFUSED, too, at max_keys.
     * key_stat: facts of NAME, a removed one as well (state says so).
     * key_list: up to MAX keys after the name AFTER (NULL: from the first) in byte order,
     * removed ones as well; *COUNT == 0 is the end.
     * key_use: OUT is allocated (buf_alloc) and holds the result. KH_NOT_FOUND: none, or
     * removed. KH_INVALID: the input does not fit the scheme (length of a digest, a point
     * that is none, a ciphertext that does not open). KH_REFUSED: not a purpose of this
     * key, or the device has no such scheme. KH_CORRUPT: it is not on the device any
     * more, or its signature does not match its public half.
     * key_change: KH_NOT_FOUND when there is no such key.
     */
    KH_CHECK kh_status (*key_create)(
        void *ctx, struct kh_named_key *key, struct kh_error *err);
    KH_CHECK kh_status (*key_stat)(
        void *ctx, const char *name, struct kh_named_key *key, struct kh_error *err);
    KH_CHECK kh_status (*key_list)(void *ctx, const char *after,
        struct kh_named_key *keys, size_t max, size_t *count, struct kh_error *err);
    KH_CHECK kh_status (*key_use)(void *ctx, const char *name,
        const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err);
    KH_CHECK kh_status (*key_change)(
        void *ctx, const char *name, kh_key_change change, struct kh_error *err);
};

/* The one symbol a plugin exports. Declared here so that it is seen from outside even
 * when everything else is compiled with -fvisibility=hidden. */
extern const struct kh_plugin kh_plugin __attribute__((visibility("default")));

#endif
