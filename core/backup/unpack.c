#include "core/backup/archive.h"

#include "core/backup/digest.h"
#include "core/secmem.h"

#include <string.h>

enum { CHUNK = 65536 };

struct reader {
    struct kh_backup_source *source;
    const struct kh_backup_taker *taker;
    struct kh_buf chunk; /* what is read may be a private key */
};

static kh_status wrong(const char *what, struct kh_error *err)
{
    return kh_fail(err, KH_CORRUPT, "the backup is damaged: %s", what);
}

/* Exactly LEN bytes. */
static kh_status read_all(
    struct reader *r, unsigned char *to, size_t len, struct kh_error *err)
{
    size_t got = 0;
    kh_status st = KH_OK;

    while (st == KH_OK && len > 0) {
        st = kh_backup_source_read(r->source, to, len, &got, err);
        if (st == KH_OK && got == 0)
            return wrong("it ends too early", err);
        to += got;
        len -= got;
    }
    return st;
}

static kh_status read_zeros(struct reader *r, size_t len, struct kh_error *err)
{
    unsigned char bytes[2 * KH_USTAR_BLOCK];
    kh_status st = read_all(r, bytes, len, err);

    if (st == KH_OK && !kh_ustar_zero(bytes, len))
        st = wrong("its archive", err);
    return st;
}

static kh_status read_header(
    struct reader *r, char name[KH_USTAR_NAME_MAX], uint64_t *size, struct kh_error *err)
{
    unsigned char block[KH_USTAR_BLOCK];
    kh_status st = read_all(r, block, sizeof block, err);

    if (st == KH_OK && !kh_ustar_parse(block, name, size))
        st = wrong("its archive", err);
    return st;
}

static kh_status read_manifest(
    struct reader *r, struct kh_backup_manifest *manifest, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    char name[KH_USTAR_NAME_MAX];
    uint64_t size = 0;
    kh_status st = read_header(r, name, &size, err);

    if (st == KH_OK && (strcmp(name, KH_BACKUP_MANIFEST) != 0 || size < 1 ||
                           size > KH_BACKUP_MANIFEST_MAX))
        return wrong("it does not begin with its manifest", err);
    if (st == KH_OK)
        st = kh_buf_alloc(&text, (size_t)size, err);
    if (st == KH_OK)
        st = read_all(r, text.data, text.len, err);
    if (st == KH_OK)
        st = read_zeros(r, kh_ustar_padding(size), err);
    return st == KH_OK ? kh_backup_manifest_decode(manifest, &text, err) : st;
}

/* The bytes of one member, to the digest and the taker. */
static kh_status read_bytes(
    struct reader *r, uint64_t left, struct kh_digest *digest, struct kh_error *err)
{
    const struct kh_backup_taker *t = r->taker;
    kh_status st = KH_OK;

    while (st == KH_OK && left > 0) {
        size_t len = left < r->chunk.len ? (size_t)left : r->chunk.len;

        st = read_all(r, r->chunk.data, len, err);
        if (st == KH_OK && !kh_digest_add(digest, r->chunk.data, len))
            st = kh_fail(err, KH_FATAL, "SHA-256 failed");
        if (st == KH_OK && t && t->chunk)
            st = t->chunk(t->arg, r->chunk.data, len, err);
        left -= len;
    }
    return st;
}

static kh_status read_member(
    struct reader *r, struct kh_backup_member *member, struct kh_error *err)
{
    const struct kh_backup_taker *t = r->taker;
    struct kh_digest *digest;
    char name[KH_USTAR_NAME_MAX];
    char sha256[KH_SHA256_TEXT];
    uint64_t size = 0;
    kh_status st = read_header(r, name, &size, err);

    if (st == KH_OK && (strcmp(name, member->name) != 0 || size != member->size))
        return wrong("a member is not the one that its manifest names", err);
    if (st == KH_OK && t && t->begin)
        st = t->begin(t->arg, member, err);
    if (st != KH_OK)
        return st;
    digest = kh_digest_new();
    st = read_bytes(r, size, digest, err);
    if (!kh_digest_end(digest, sha256) && st == KH_OK)
        st = kh_fail(err, KH_FATAL, "SHA-256 failed");
    if (st == KH_OK && strcmp(sha256, member->sha256) != 0)
        st = kh_fail(err, KH_CORRUPT, "the backup is damaged: %s has another digest",
            member->name);
    if (st == KH_OK)
        st = read_zeros(r, kh_ustar_padding(size), err);
    if (st == KH_OK && t && t->end)
        st = t->end(t->arg, err);
    return st;
}

/* Nothing follows; and only at the end of a source all of it is authentic. */
static kh_status read_end(struct reader *r, struct kh_error *err)
{
    size_t got = 0;
    kh_status st = read_zeros(r, 2 * KH_USTAR_BLOCK, err);

    if (st == KH_OK)
        st = kh_backup_source_read(r->source, r->chunk.data, 1, &got, err);
    return st == KH_OK && got != 0 ? wrong("something follows its end", err) : st;
}

/* What ciphertext deciphers to when it was altered is anything; that it was altered is
 * what there is to say. So the rest is read before what was odd inside is told. */
static kh_status prefer_authenticity(struct reader *r, kh_status st, struct kh_error *err)
{
    struct kh_error outside = {0};
    size_t got = 1;

    while (st == KH_CORRUPT && got > 0) {
        if (kh_backup_source_read(
                r->source, r->chunk.data, r->chunk.len, &got, &outside) != KH_OK) {
            *err = outside;
            return outside.status;
        }
    }
    return st;
}

kh_status kh_backup_unpack(struct kh_backup_source *source,
    struct kh_backup_manifest *manifest, const struct kh_backup_taker *taker,
    struct kh_error *err)
{
    struct reader r = {.source = source, .taker = taker};
    kh_status st;

    memset(manifest, 0, sizeof *manifest);
    st = kh_buf_alloc(&r.chunk, CHUNK, err);
    if (st != KH_OK)
        return st;
    st = read_manifest(&r, manifest, err);
    for (size_t i = 0; st == KH_OK && i < manifest->count; i++)
        st = read_member(&r, &manifest->members[i], err);
    if (st == KH_OK)
        st = read_end(&r, err);
    st = prefer_authenticity(&r, st, err);
    kh_buf_free(&r.chunk);
    return st;
}
