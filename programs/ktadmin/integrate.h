/*
 * `ktadmin keyhsm`: the integration of a key trustee server with keyhsmd, and its end.
 * One command, one thread; the parts below are called in the order they stand here.
 */
#ifndef KH_KTADMIN_INTEGRATE_H
#define KH_KTADMIN_INTEGRATE_H

#include "programs/common/migration.h"
#include "programs/ktadmin/confdir.h"
#include "programs/ktadmin/identity.h"
#include "programs/ktadmin/peer.h"
#include "programs/ktadmin/target.h"

#include <limits.h>

/* What the command line says; strings live as long as argv. */
struct kh_integration_args {
    const char *program;
    struct kh_setup_args setup;
    const char *server; /* https://HOST:PORT */
    const char *certfile;
    const char *keyfile; /* or a URI */
    bool passphrase;     /* ask for it */
    const char *passphrase_source;
    bool trust;
    bool replace_pin;
    struct kh_migration_request migration; /* all but the ends and begin */
};

/* The work under way. */
struct kh_integration {
    const struct kh_integration_args *args;
    const char *config; /* path of keytrustee.ini, which may be missing */
    char confdir[PATH_MAX];
    char pin[PATH_MAX];       /* where the pin belongs */
    char certfile[PATH_MAX];  /* as keytrustee.ini is to say it */
    char keyfile[PATH_MAX];   /* the same */
    char daemon_source[1025]; /* keytrusteed's source of the key's passphrase, or "" */
    struct kh_identity identity;
    struct kh_peer peer;    /* keyhsmd */
    bool pinned;            /* its certificate stands in PIN already */
    char scratch[PATH_MAX]; /* a directory of this run, or "" */
    char
        scratch_pin[PATH_MAX]; /* keyhsmd's certificate in there, until PIN may be made */
    char scratch_config[PATH_MAX]; /* keytrustee.ini as it is going to be */
    char key_pipe[16];             /* "fd:N", which gives the key's passphrase once; "" */
    int lock;                      /* -1: none */
};

/* Paths, the configuration, the client's key (whose passphrase may be asked for), and the
 * turn: one integration at a time. KH_INVALID, KH_UNAVAILABLE; KH_BUSY names the process
 * whose turn it is. clean_up follows in any case. */
KH_CHECK kh_status kh_integration_prepare(
    struct kh_integration *in, struct kh_error *err);

/* One at a time changes what belongs to CONFDIR: *LOCK, for kh_unlock. KH_BUSY names the
 * process whose turn it is. */
KH_CHECK kh_status kh_integration_take_turn(
    const char *confdir, int *lock, struct kh_error *err);

/* Meets keyhsmd and compares its certificate with the pin; without one, or when it may be
 * replaced, shows it on standard error. Fills PEER, PINNED and the file SCRATCH_PIN.
 * KH_INVALID: no pin and no --trust. KH_REFUSED: another certificate, or keyhsmd does not
 * take ours. KH_UNAVAILABLE: no answer. */
KH_CHECK kh_status kh_integration_trust(struct kh_integration *in, struct kh_error *err);

/* Makes the pin durable at its place, for CONFDIR's owner. Once is enough; again is no
 * harm. */
KH_CHECK kh_status kh_integration_pin(struct kh_integration *in, struct kh_error *err);

/* Writes SCRATCH_CONFIG: what keytrustee.ini will say, for the plugin to be opened with,
 * and so that what cannot be written is found before anything is moved. KH_INVALID,
 * KH_UNAVAILABLE: it cannot. */
KH_CHECK kh_status kh_integration_preview(
    const struct kh_integration *in, struct kh_error *err);

/* Writes keytrustee.ini: backend = keyhsm. Says on standard error what was done. */
KH_CHECK kh_status kh_integration_configure(
    const struct kh_integration *in, struct kh_error *err);

/* Removes what SCRATCH holds: once the configuration is read and keyhsmd's certificate is
 * loaded nobody needs it, and a process that is killed later leaves nothing behind. */
void kh_integration_drop_scratch(struct kh_integration *in);
void kh_integration_clean_up(struct kh_integration *in);

/* Runs it all. Returns the exit status. */
int kh_integrate(const struct kh_integration_args *args);

/* Sets keytrustee.ini back to softfile once keyhsmd holds nothing any more. Of ARGS only
 * program and setup count. Returns the exit status. */
int kh_disintegrate(const struct kh_integration_args *args);

/* "PROGRAM: ..." on standard error; control characters escaped. */
void kh_integration_say(const struct kh_integration_args *args, const char *format, ...)
    KH_PRINTF(2, 3);
/* The exit status for an outcome: 0, 1, 2, 5, 7. */
int kh_integration_exit(kh_status status);

#endif
