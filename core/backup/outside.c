#include "core/backup/outside.h"

#include "core/backup/digest.h"
#include "core/backup/manifest.h"
#include "core/backup/sink.h"
#include "core/backup/ustar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct frame {
    int fd;
    const char *path;
    uint64_t size; /* of the file */
};

static kh_status cut(const struct frame *f, struct kh_error *err)
{
    return kh_fail(err, KH_CORRUPT, "%s: altered or damaged: it is cut short", f->path);
}

static kh_status altered(const struct frame *f, struct kh_error *err)
{
    return kh_fail(err, KH_CORRUPT,
        "%s: altered or damaged: the frame around its contents", f->path);
}

static kh_status read_at(
    const struct frame *f, void *data, size_t len, uint64_t at, struct kh_error *err)
{
    unsigned char *to = data;

    if (at > f->size || len > f->size - at)
        return cut(f, err);
    while (len > 0) {
        ssize_t n = pread(f->fd, to, len, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kh_fail(
                err, KH_UNAVAILABLE, "%s: cannot be read: %s", f->path, strerror(errno));
        if (n == 0)
            return cut(f, err);
        to += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return KH_OK;
}

/* LEN zero bytes at AT; at most three blocks. */
static kh_status zeros_at(
    const struct frame *f, size_t len, uint64_t at, struct kh_error *err)
{
    unsigned char bytes[3 * KH_USTAR_BLOCK];
    kh_status st = read_at(f, bytes, len, at, err);

    if (st == KH_OK && !kh_ustar_zero(bytes, len))
        st = altered(f, err);
    return st;
}

bool kh_outside_sum(const void *message, size_t len, char out[KH_BACKUP_SUM_LEN + 1])
{
    struct kh_digest *digest = kh_digest_new();
    char hex[65];
    bool ok = kh_digest_add(digest, message, len);

    ok = kh_digest_end(digest, hex) && ok;
    return ok && snprintf(out, KH_BACKUP_SUM_LEN + 1, "%s  " KH_BACKUP_MESSAGE "\n",
                     hex) == KH_BACKUP_SUM_LEN;
}

/* What a member must be. */
struct wanted {
    const char *name;
    size_t min;
    size_t max;
};

/* One small member at *AT, which is moved behind it; *BYTES is malloc'd. */
static kh_status read_member(const struct frame *f, uint64_t *at,
    const struct wanted *wanted, unsigned char **bytes, size_t *len, struct kh_error *err)
{
    unsigned char block[KH_USTAR_BLOCK];
    char name[KH_USTAR_NAME_MAX];
    uint64_t size = 0;
    kh_status st = read_at(f, block, sizeof block, *at, err);

    if (st != KH_OK)
        return st;
    if (!kh_ustar_parse(block, name, &size) || strcmp(name, wanted->name) != 0 ||
        size < wanted->min || size > wanted->max)
        return altered(f, err);
    *bytes = malloc(size);
    if (!*bytes)
        return kh_fail(err, KH_FATAL, "out of memory");
    *len = (size_t)size;
    *at += KH_USTAR_BLOCK;
    st = read_at(f, *bytes, *len, *at, err);
    *at += size;
    if (st == KH_OK)
        st = zeros_at(f, kh_ustar_padding(size), *at, err);
    *at += kh_ustar_padding(size);
    return st;
}

static kh_status check_sum(const struct frame *f, const struct kh_outside *out,
    const unsigned char *sum, struct kh_error *err)
{
    char line[KH_BACKUP_SUM_LEN + 1];

    if (!kh_outside_sum(out->message, out->message_len, line))
        return kh_fail(err, KH_FATAL, "SHA-256 failed");
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): read_member made it */
    return memcmp(line, sum, KH_BACKUP_SUM_LEN) == 0 ? KH_OK : altered(f, err);
}

/* The members that follow the ciphertext, and the end of the archive. */
static kh_status read_message(
    const struct frame *f, struct kh_outside *out, struct kh_error *err)
{
    static const struct wanted message = {KH_BACKUP_MESSAGE, 1, KH_BACKUP_MESSAGE_MAX};
    static const struct wanted digest = {
        KH_BACKUP_SUM, KH_BACKUP_SUM_LEN, KH_BACKUP_SUM_LEN};
    uint64_t at = (uint64_t)out->at + out->len;
    unsigned char *sum = NULL;
    size_t len = 0;
    kh_status st = zeros_at(f, kh_ustar_padding(out->len), at, err);

    at += kh_ustar_padding(out->len);
    if (st == KH_OK)
        st = read_member(f, &at, &message, &out->message, &out->message_len, err);
    if (st == KH_OK)
        st = read_member(f, &at, &digest, &sum, &len, err);
    if (st == KH_OK)
        st = check_sum(f, out, sum, err);
    free(sum);
    if (st == KH_OK)
        st = zeros_at(f, 2 * KH_USTAR_BLOCK, at, err);
    if (st == KH_OK && at + 2 * KH_USTAR_BLOCK != f->size)
        st = altered(f, err);
    return st;
}

static kh_status read_frame(
    const struct frame *f, struct kh_outside *out, struct kh_error *err)
{
    unsigned char block[KH_USTAR_BLOCK];
    char name[KH_USTAR_NAME_MAX];
    uint64_t size = 0;
    kh_status st;

    if (f->size < KH_USTAR_BLOCK)
        return kh_fail(err, KH_INVALID, "%s: no backup: too short", f->path);
    st = read_at(f, block, sizeof block, 0, err);
    if (st != KH_OK)
        return st;
    if (!kh_ustar_parse(block, name, &size))
        return kh_fail(
            err, KH_INVALID, "%s: no backup, or its first bytes were altered", f->path);
    if (strcmp(name, KH_BACKUP_MANIFEST) == 0) {
        *out = (struct kh_outside){.at = 0, .len = f->size};
        return KH_OK;
    }
    if (strcmp(name, KH_BACKUP_CONTENT) != 0)
        return kh_fail(err, KH_INVALID, "%s: an archive, but no backup", f->path);
    *out = (struct kh_outside){.at = KH_USTAR_BLOCK, .len = size};
    if (size > f->size - KH_USTAR_BLOCK)
        return cut(f, err);
    return read_message(f, out, err);
}

kh_status kh_outside_read(
    struct kh_outside *outside, int fd, const char *path, struct kh_error *err)
{
    struct frame f = {.fd = fd, .path = path};
    struct stat sb;
    kh_status st;

    memset(outside, 0, sizeof *outside);
    if (fstat(fd, &sb) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", path, strerror(errno));
    if (!S_ISREG(sb.st_mode))
        return kh_fail(err, KH_INVALID, "%s: not a regular file", path);
    f.size = (uint64_t)sb.st_size;
    st = read_frame(&f, outside, err);
    if (st != KH_OK)
        kh_outside_free(outside);
    return st;
}

void kh_outside_free(struct kh_outside *outside)
{
    free(outside->message);
    memset(outside, 0, sizeof *outside);
}
