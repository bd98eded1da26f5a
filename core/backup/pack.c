#include "core/backup/archive.h"

#include "core/backup/digest.h"
#include "core/secmem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 65536 };

/* Where the bytes of a member go. */
struct flow {
    const struct kh_backup_member *member;
    struct kh_digest *digest;
    struct kh_backup_sink *sink; /* NULL: nowhere */
    uint64_t size;
};

static kh_status pass(
    struct flow *flow, const void *data, size_t len, struct kh_error *err)
{
    flow->size += len;
    if (!kh_digest_add(flow->digest, data, len))
        return kh_fail(err, KH_FATAL, "SHA-256 failed");
    return flow->sink ? kh_backup_sink_write(flow->sink, data, len, err) : KH_OK;
}

/* No secret is in a file that a member is read from: it is a copy of the catalog, or
 * made from one. */
static kh_status pass_file(struct flow *flow, struct kh_error *err)
{
    const char *path = flow->member->file;
    static _Thread_local unsigned char chunk[CHUNK];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = -1;
    kh_status st = KH_OK;

    if (fd >= 0) {
        while (st == KH_OK && (n = read(fd, chunk, sizeof chunk)) > 0)
            st = pass(flow, chunk, (size_t)n, err);
    }
    if (n < 0)
        st =
            kh_fail(err, KH_UNAVAILABLE, "%s: cannot be read: %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return st;
}

static kh_status pass_member(
    struct flow *flow, char sha256[KH_SHA256_TEXT], struct kh_error *err)
{
    const struct kh_backup_member *m = flow->member;
    kh_status st;

    flow->digest = kh_digest_new();
    if (!flow->digest)
        return kh_fail(err, KH_FATAL, "SHA-256 failed");
    st = m->file ? pass_file(flow, err) : pass(flow, m->data.data, m->data.len, err);
    if (!kh_digest_end(flow->digest, sha256) && st == KH_OK)
        st = kh_fail(err, KH_FATAL, "SHA-256 failed");
    return st;
}

kh_status kh_backup_measure(struct kh_backup_member *member, struct kh_error *err)
{
    struct flow flow = {.member = member};
    kh_status st = pass_member(&flow, member->sha256, err);

    member->size = flow.size;
    return st;
}

static kh_status write_header(
    struct kh_backup_sink *sink, const char *name, uint64_t size, struct kh_error *err)
{
    unsigned char header[KH_USTAR_BLOCK];

    if (!kh_ustar_header(header, name, size))
        return kh_fail(err, KH_INVALID, "%s: %llu bytes are more than a backup can hold",
            name, (unsigned long long)size);
    return kh_backup_sink_write(sink, header, sizeof header, err);
}

static kh_status write_zeros(
    struct kh_backup_sink *sink, size_t count, struct kh_error *err)
{
    static const unsigned char zeros[2 * KH_USTAR_BLOCK];

    return kh_backup_sink_write(sink, zeros, count, err);
}

static kh_status pack_member(
    const struct kh_backup_member *m, struct kh_backup_sink *sink, struct kh_error *err)
{
    struct flow flow = {.member = m, .sink = sink};
    char sha256[KH_SHA256_TEXT];
    kh_status st = write_header(sink, m->name, m->size, err);

    if (st == KH_OK)
        st = pass_member(&flow, sha256, err);
    if (st == KH_OK && (flow.size != m->size || strcmp(sha256, m->sha256) != 0))
        return kh_fail(
            err, KH_BUSY, "%s changed while it was read", m->path ? m->path : m->name);
    return st == KH_OK ? write_zeros(sink, kh_ustar_padding(m->size), err) : st;
}

kh_status kh_backup_pack(const struct kh_backup_manifest *manifest,
    struct kh_backup_sink *sink, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    kh_status st = kh_backup_manifest_encode(manifest, &text, err);

    if (st == KH_OK && text.len > KH_BACKUP_MANIFEST_MAX)
        st = kh_fail(err, KH_INVALID, "the backup's manifest is too large");
    if (st == KH_OK)
        st = write_header(sink, KH_BACKUP_MANIFEST, text.len, err);
    if (st == KH_OK)
        st = kh_backup_sink_write(sink, text.data, text.len, err);
    if (st == KH_OK)
        st = write_zeros(sink, kh_ustar_padding(text.len), err);
    for (size_t i = 0; st == KH_OK && i < manifest->count; i++)
        st = pack_member(&manifest->members[i], sink, err);
    return st == KH_OK ? write_zeros(sink, 2 * KH_USTAR_BLOCK, err) : st;
}
