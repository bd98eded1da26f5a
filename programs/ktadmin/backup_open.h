/* Opening a backup, for the commands that read one. */
#ifndef KH_KTADMIN_BACKUP_OPEN_H
#define KH_KTADMIN_BACKUP_OPEN_H

#include "core/backup/archive.h"
#include "programs/ktadmin/identity.h"

/* What the command line says; zero-initialise. */
struct kh_backup_open_args {
    const char *recipient; /* certificate */
    const char *keyfile;   /* its private key: PEM, or a URI */
    const char *passphrase_source;
    bool passphrase; /* ask for it */
};

#define KH_BACKUP_OPEN_OPTIONS(args)                                                     \
    {"recipient", 'r', "CERT", "the certificate it was encrypted to", &(args).recipient, \
        NULL, 0},                                                                        \
        {"recipient-key", 'k', "KEY",                                                    \
            "its private key: PEM, or a URI that OpenSSL knows", &(args).keyfile, NULL,  \
            0},                                                                          \
        {"passphrase", 0, NULL, "ask for the passphrase, of the backup or of KEY",       \
            &(args).passphrase, NULL, 0},                                                \
    {                                                                                    \
        "passphrase-source", 0, "SOURCE",                                                \
            "or take it from file:/PATH, credential:NAME or fd:N",                       \
            &(args).passphrase_source, NULL, 0                                           \
    }

/* An open backup, and what opens it. Zero-initialise. */
struct kh_backup_opened {
    struct kh_backup_source *source;
    struct kh_buf passphrase;
    struct kh_identity identity;
    X509 *certificate;
    struct kh_backup_key key; /* refers to the three above */
};

/* Opens FILE and gets what it needs; asks for a passphrase when that is what is needed
 * and standard input is a terminal. OPENED goes to kh_backup_opened_free in any case. */
KH_CHECK kh_status kh_backup_open(struct kh_backup_opened *opened, const char *file,
    const struct kh_backup_open_args *args, struct kh_error *err);
void kh_backup_opened_free(struct kh_backup_opened *opened);

/* Reads it once, from its beginning to its end. See kh_backup_unpack. */
KH_CHECK kh_status kh_backup_pass(struct kh_backup_opened *opened,
    struct kh_backup_manifest *manifest, const struct kh_backup_taker *taker,
    struct kh_error *err);

/* Secret memory and the log with their defaults, for a command that reads no
 * configuration. */
KH_CHECK kh_status kh_backup_bare_setup(struct kh_error *err);

/* "2 days 3 hours" since THEN, into OUT. */
void kh_backup_age(int64_t then, char out[64]);
/* Prints what MANIFEST says, for people. */
void kh_backup_print(const struct kh_backup_manifest *manifest);

#endif
