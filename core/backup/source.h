/*
 * The outside of a backup file, read: see sink.h. What a source gives is NOT to be
 * trusted before it has given all: only then the tag was checked. So a restore reads it
 * twice, and acts on the second reading. Insists on every byte of the file.
 */
#ifndef KH_BACKUP_SOURCE_H
#define KH_BACKUP_SOURCE_H

#include <keyhsm/types.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

typedef enum kh_backup_kind {
    KH_BACKUP_CLEAR,       /* anybody reads it */
    KH_BACKUP_PASSPHRASE,  /* whoever knows the passphrase */
    KH_BACKUP_CERTIFICATE, /* whoever has the private key of a certificate */
} kh_backup_kind;

/* What opens it. All borrowed, until the source is freed. */
struct kh_backup_key {
    const struct kh_buf *passphrase; /* of KH_BACKUP_PASSPHRASE */
    X509 *certificate;               /* of KH_BACKUP_CERTIFICATE, both */
    EVP_PKEY *key;
};

struct kh_backup_source;

/* Opens PATH, which stays open, and looks at its outside. KH_NOT_FOUND, KH_UNAVAILABLE,
 * KH_INVALID (no backup); KH_CORRUPT: one, but cut or altered. Used by one thread. */
KH_CHECK kh_status kh_backup_source_open(
    struct kh_backup_source **out, const char *path, struct kh_error *err);
kh_backup_kind kh_backup_source_kind(const struct kh_backup_source *source);

/* Begins to read from the beginning. KH_REFUSED: a wrong passphrase, another recipient.
 * KH_CORRUPT. */
KH_CHECK kh_status kh_backup_source_begin(struct kh_backup_source *source,
    const struct kh_backup_key *key, struct kh_error *err);
/* Up to LEN (at least 1) bytes into DATA; *GOT of 0 is the end, reached only when all was
 * authentic. KH_CORRUPT: it is not. KH_UNAVAILABLE: cannot be read. */
KH_CHECK kh_status kh_backup_source_read(struct kh_backup_source *source, void *data,
    size_t len, size_t *got, struct kh_error *err);
/* NULL is fine. */
void kh_backup_source_free(struct kh_backup_source *source);

#endif
