#include "core/backup/sink.h"

#include "core/backup/outside.h"
#include "core/backup/recipient.h"
#include "core/backup/span.h"
#include "core/backup/ustar.h"
#include "core/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 16384 };

struct kh_bytes {
    const void *data;
    size_t len;
};

struct kh_backup_sink {
    int fd;
    CMS_ContentInfo *cms; /* NULL: clear text */
    BIO *sum;             /* a SHA-256 of what goes into the file */
    BIO *chain;           /* cipher, sum and file; what is written goes here */
    int64_t at;           /* where in the file the sum begins */
    uint64_t len;
};

static kh_status no_write(int cause, struct kh_error *err)
{
    return kh_fail(err, KH_UNAVAILABLE, "cannot write the backup: %s",
        cause ? strerror(cause) : "the file takes no more");
}

static kh_status write_at(
    int fd, const void *data, size_t len, off_t at, struct kh_error *err)
{
    const unsigned char *from = data;

    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return no_write(n < 0 ? errno : 0, err);
        from += n;
        at += n;
        len -= (size_t)n;
    }
    return KH_OK;
}

static kh_status begin_message(
    struct kh_backup_sink *sink, const struct kh_backup_lock *lock, struct kh_error *err)
{
    kh_status st = kh_backup_message_new(&sink->cms, lock, err);

    if (st != KH_OK)
        return st;
    /* The header of message.enc is written last: only then its size is known. */
    if (lseek(sink->fd, KH_USTAR_BLOCK, SEEK_SET) < 0)
        return no_write(errno, err);
    sink->at = KH_USTAR_BLOCK;
    sink->chain = CMS_dataInit(sink->cms, sink->sum);
    if (sink->chain)
        return KH_OK;
    sink->chain = sink->sum;
    return kh_fail(err, KH_FATAL, "cannot encrypt the backup: %s",
        kh_crypto_reason("out of memory"));
}

/* A filter of SHA-256; NULL: out of memory. (BIO_set_md casts const away.) */
static BIO *new_sum(void)
{
    BIO *sum = BIO_new(BIO_f_md());
    EVP_MD_CTX *ctx = NULL;

    if (sum && BIO_get_md_ctx(sum, &ctx) == 1 &&
        EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
        return sum;
    BIO_free(sum);
    return NULL;
}

static bool make_chain(struct kh_backup_sink *sink, int fd)
{
    BIO *file = BIO_new_fd(fd, BIO_NOCLOSE);

    sink->fd = fd;
    sink->sum = new_sum();
    if (!file || !sink->sum) {
        BIO_free(file);
        BIO_free(sink->sum);
        return false;
    }
    sink->chain = BIO_push(sink->sum, file);
    return true;
}

kh_status kh_backup_sink_open(struct kh_backup_sink **out, int fd,
    const struct kh_backup_lock *lock, struct kh_error *err)
{
    struct kh_backup_sink *sink = calloc(1, sizeof *sink);
    kh_status st = KH_OK;

    *out = NULL;
    ERR_clear_error();
    if (!sink || !make_chain(sink, fd)) {
        free(sink);
        return kh_fail(err, KH_FATAL, "out of memory");
    }
    if (lock->recipient || lock->passphrase)
        st = begin_message(sink, lock, err);
    if (st != KH_OK) {
        kh_backup_sink_free(sink);
        return st;
    }
    *out = sink;
    return KH_OK;
}

kh_status kh_backup_sink_write(
    struct kh_backup_sink *sink, const void *data, size_t len, struct kh_error *err)
{
    const unsigned char *from = data;

    while (len > 0) {
        int want = len > INT_MAX ? INT_MAX : (int)len;
        int n;

        errno = 0;
        n = BIO_write(sink->chain, from, want);
        if (n <= 0)
            return no_write(errno, err);
        from += n;
        len -= (size_t)n;
    }
    return KH_OK;
}

/* One member of a few bytes at *AT, which is moved behind it. */
static kh_status write_member(struct kh_backup_sink *sink, off_t *at, const char *name,
    const struct kh_bytes *bytes, struct kh_error *err)
{
    static const unsigned char zeros[KH_USTAR_BLOCK];
    size_t padding = kh_ustar_padding(bytes->len);
    unsigned char header[KH_USTAR_BLOCK];
    kh_status st;

    if (!kh_ustar_header(header, name, bytes->len))
        return kh_fail(err, KH_FATAL, "cannot name %s", name);
    st = write_at(sink->fd, header, sizeof header, *at, err);
    if (st == KH_OK)
        st = write_at(sink->fd, bytes->data, bytes->len, *at + KH_USTAR_BLOCK, err);
    *at += (off_t)(KH_USTAR_BLOCK + bytes->len);
    if (st == KH_OK)
        st = write_at(sink->fd, zeros, padding, *at, err);
    *at += (off_t)padding;
    return st;
}

/* message.cms behind message.enc, which ends at AT, its digest, and the end of the
 * archive. */
static kh_status write_message(
    struct kh_backup_sink *sink, off_t at, struct kh_error *err)
{
    static const unsigned char zeros[2 * KH_USTAR_BLOCK];
    unsigned char *der = NULL;
    int len = i2d_CMS_ContentInfo(sink->cms, &der);
    struct kh_bytes message = {der, len > 0 ? (size_t)len : 0};
    char line[KH_BACKUP_SUM_LEN + 1];
    struct kh_bytes sum = {line, KH_BACKUP_SUM_LEN};
    kh_status st = KH_OK;

    if (len <= 0 || len > (int)KH_BACKUP_MESSAGE_MAX ||
        !kh_outside_sum(der, message.len, line))
        st = kh_fail(err, KH_FATAL, "cannot encode the backup's CMS message: %s",
            kh_crypto_reason("too large"));
    if (st == KH_OK)
        st = write_member(sink, &at, KH_BACKUP_MESSAGE, &message, err);
    if (st == KH_OK)
        st = write_member(sink, &at, KH_BACKUP_SUM, &sum, err);
    if (st == KH_OK)
        st = write_at(sink->fd, zeros, sizeof zeros, at, err);
    OPENSSL_free(der);
    return st;
}

static kh_status finish_message(struct kh_backup_sink *sink, struct kh_error *err)
{
    static const unsigned char zeros[KH_USTAR_BLOCK];
    unsigned char header[KH_USTAR_BLOCK];
    uint64_t size = sink->len;
    off_t end = (off_t)(sink->at + (int64_t)size);
    kh_status st;

    if (CMS_dataFinal(sink->cms, sink->chain) != 1)
        return kh_fail(
            err, KH_FATAL, "cannot encrypt the backup: %s", kh_crypto_reason("no tag"));
    if (!kh_ustar_header(header, KH_BACKUP_CONTENT, size))
        return kh_fail(err, KH_INVALID, "the backup is larger than 8 GiB");
    st = write_at(sink->fd, zeros, kh_ustar_padding(size), end, err);
    if (st == KH_OK)
        st = write_message(sink, end + (off_t)kh_ustar_padding(size), err);
    return st == KH_OK ? write_at(sink->fd, header, sizeof header, 0, err) : st;
}

kh_status kh_backup_sink_finish(struct kh_backup_sink *sink, struct kh_error *err)
{
    off_t end;
    kh_status st;

    errno = 0;
    if (BIO_flush(sink->chain) != 1)
        return no_write(errno, err);
    end = lseek(sink->fd, 0, SEEK_CUR);
    if (end < sink->at)
        return no_write(errno, err);
    sink->len = (uint64_t)(end - sink->at);
    st = sink->cms ? finish_message(sink, err) : KH_OK;
    /* After a failed fsync the page cache lies. */
    if (st == KH_OK && fsync(sink->fd) != 0)
        st = kh_fail(err, KH_FATAL, "cannot fsync the backup: %s", strerror(errno));
    return st;
}

kh_status kh_backup_sink_check(struct kh_backup_sink *sink, struct kh_error *err)
{
    char wanted[EVP_MAX_MD_SIZE];
    char found[EVP_MAX_MD_SIZE];
    char bytes[CHUNK];
    BIO *span = kh_span_new(sink->fd, sink->at, sink->len);
    BIO *sum = new_sum();
    bool same = false;

    (void)posix_fadvise(sink->fd, 0, 0, POSIX_FADV_DONTNEED);
    if (span && sum) {
        (void)BIO_push(sum, span);
        while (BIO_read(sum, bytes, sizeof bytes) > 0) {
        }
        same = BIO_gets(sink->sum, wanted, sizeof wanted) == SHA256_DIGEST_LENGTH &&
               BIO_gets(sum, found, sizeof found) == SHA256_DIGEST_LENGTH &&
               memcmp(wanted, found, SHA256_DIGEST_LENGTH) == 0;
    }
    BIO_free(sum);
    BIO_free(span);
    ERR_clear_error();
    return same ? KH_OK
                : kh_fail(err, KH_CORRUPT,
                      "the backup was not stored as it was written: the disk is not to "
                      "be trusted");
}

void kh_backup_sink_free(struct kh_backup_sink *sink)
{
    if (!sink)
        return;
    BIO_free_all(sink->chain); /* its last link is the file's */
    CMS_ContentInfo_free(sink->cms);
    free(sink);
}
