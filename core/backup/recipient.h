/* The CMS message of a backup, before its content: whom it is for. */
#ifndef KH_BACKUP_RECIPIENT_H
#define KH_BACKUP_RECIPIENT_H

#include "core/backup/sink.h"

#include <openssl/cms.h>

/* PBKDF2-HMAC-SHA1, the function that every implementation of RFC 3211 has; so many
 * rounds take about half a second. */
#define KH_BACKUP_ROUNDS 1300000
/* A message of others may ask for this many; more would keep a reader busy for hours. */
#define KH_BACKUP_ROUNDS_MAX 20000000

/* A new AuthEnvelopedData for LOCK, which is not in clear text. *OUT goes to
 * CMS_ContentInfo_free. KH_INVALID: see kh_backup_sink_open. */
KH_CHECK kh_status kh_backup_message_new(
    CMS_ContentInfo **out, const struct kh_backup_lock *lock, struct kh_error *err);

/* The first certificate in file PATH, PEM or DER; goes to X509_free. */
KH_CHECK kh_status kh_backup_certificate(
    X509 **out, const char *path, struct kh_error *err);

#endif
