/*
 * The keyed digests of records that were opened, kept for the seal.
 *
 * A migration opens every version to copy it, and the seal wants a digest of each record.
 * Here it finds those of the versions whose stored bytes are still the ones that were
 * opened; only the others are opened again. The memory is fixed (3 MiB, for some 60,000
 * versions): when it is full the oldest are forgotten. A digest is no secret: the seal
 * publishes it.
 */
#ifndef KH_SOFTFILE_KNOWN_H
#define KH_SOFTFILE_KNOWN_H

#include "plugins/softfile/files.h"
#include "plugins/softfile/keys.h"

struct kh_soft_known;

/* A version as it was found. */
struct kh_soft_found {
    const char *name;
    uint32_t version;
    const struct kh_soft_bytes *stored; /* its envelope */
};

/* KEYS has the private key, which the digests' key is derived from
 * (kh_soft_keys_seal_key). KEYS outlives *OUT. */
KH_CHECK kh_status kh_soft_known_new(
    struct kh_soft_known **out, const struct kh_soft_keys *keys, struct kh_error *err);
/* NULL is fine. */
void kh_soft_known_free(struct kh_soft_known *known);

/* HMAC-SHA256 of RECORD in HMAC. False: libcrypto failed. Thread safe, as those below. */
bool kh_soft_known_digest(const struct kh_soft_known *known, const struct kh_buf *record,
    unsigned char hmac[KH_SOFT_DIGEST_SIZE]);

/* RECORD is what FOUND holds: it was opened and checked. Without memory or when libcrypto
 * fails nothing is kept. */
void kh_soft_known_note(struct kh_soft_known *known, const struct kh_soft_found *found,
    const struct kh_buf *record);

/* True: a version of that name and number with exactly these stored bytes was noted, and
 * HMAC is the digest of its record. */
bool kh_soft_known_find(struct kh_soft_known *known, const struct kh_soft_found *found,
    unsigned char hmac[KH_SOFT_DIGEST_SIZE]);

#endif
