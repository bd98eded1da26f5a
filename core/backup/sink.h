/*
 * The outside of a backup file: what is written into a sink arrives in the file encrypted
 * and authenticated.
 *
 * The file is a tar archive of three members: message.enc, the ciphertext; message.cms,
 * the CMS AuthEnvelopedData (RFC 5083, AES-256-GCM, RFC 5084) that belongs to it, with
 * its content detached (RFC 5652, 5.2: absent); and message.sha256, its digest, because
 * a few bytes of a CMS message mean nothing and no tag covers them. So it is written and
 * read in one stream, whatever its size, and stock tools open it:
 *
 *     tar xf BACKUP
 *     openssl cms -decrypt -inform DER -in message.cms -content message.enc \
 *         -recip CERT -inkey KEY -binary -out inner.tar
 *
 * A sink in clear text writes the inner archive itself.
 */
#ifndef KH_BACKUP_SINK_H
#define KH_BACKUP_SINK_H

#include <keyhsm/types.h>

#define KH_BACKUP_CONTENT "message.enc"
#define KH_BACKUP_MESSAGE "message.cms"
#define KH_BACKUP_SUM "message.sha256"
#define KH_BACKUP_MESSAGE_MAX 65536U /* bytes of message.cms */

/* Whom a backup is for: the certificate in file RECIPIENT (PEM, or DER), or whoever knows
 * PASSPHRASE, or, with neither, anybody. */
struct kh_backup_lock {
    const char *recipient;
    const struct kh_buf *passphrase;
};

struct kh_backup_sink;

/*
 * Begins to write at FD, an empty regular file open for reading and writing, which stays
 * the caller's. KH_INVALID: no certificate in the file, or one whose key cannot be
 * encrypted to. One sink is used by one thread.
 */
KH_CHECK kh_status kh_backup_sink_open(struct kh_backup_sink **out, int fd,
    const struct kh_backup_lock *lock, struct kh_error *err);
/* KH_UNAVAILABLE: the file cannot be written, no space left. */
KH_CHECK kh_status kh_backup_sink_write(
    struct kh_backup_sink *sink, const void *data, size_t len, struct kh_error *err);
/* Completes the file, and flushes it to the disk. As kh_backup_sink_write; KH_FATAL: it
 * cannot be flushed. */
KH_CHECK kh_status kh_backup_sink_finish(
    struct kh_backup_sink *sink, struct kh_error *err);
/* Once, after that: reads the contents again from the file, and compares. KH_CORRUPT. */
KH_CHECK kh_status kh_backup_sink_check(
    struct kh_backup_sink *sink, struct kh_error *err);
/* NULL is fine. */
void kh_backup_sink_free(struct kh_backup_sink *sink);

#endif
