/*
 * The token scheme of encrypted keys ([kms] eek_scheme = token): a version of a Hadoop
 * key has no material, but an AES key of its own that the token made and that never
 * leaves it. An encrypted key is the AES key wrap (RFC 3394) of the bytes that a client
 * will use: 8 bytes longer than they, and refused when a bit of it was changed.
 *
 * Which AES key stands as an attribute inside of the version's envelope. Its name is
 * bound to that of the Hadoop key (wrap_name.h), so that nobody can make a deposit that
 * decrypts with another's. Whether the version can be used is the deposit's state alone;
 * the AES key is made before it is stored, and destroyed before it is purged.
 */
#ifndef KH_KMS_WRAP_H
#define KH_KMS_WRAP_H

#include "server/kms/internal.h"
#include "server/kms/wanted.h"
#include "server/kms/wrap_name.h"

#define KH_KMS_WRAP_MORE 8 /* bytes that an encrypted key is longer by */
#define KH_KMS_WRAP_MIN 16 /* bytes that can be wrapped, by eights */
#define KH_KMS_WRAP_MAX 64

/* Bytes, and how many. */
struct kh_kms_bytes {
    const unsigned char *data;
    size_t len;
};

/* IN encrypted by KEY, which has a wrapping key; OUT (IN.len + KH_KMS_WRAP_MORE bytes) is
 * not secret. KH_INVALID: IN cannot be wrapped. KH_CORRUPT: the AES key is gone. */
KH_CHECK kh_status kh_kms_wrap(struct kh_app *app, const struct kh_kms_key *key,
    struct kh_kms_bytes in, unsigned char *out, struct kh_error *err);
/* And decrypted; OUT is allocated. KH_INVALID: it was not made with this key, or was
 * altered. */
KH_CHECK kh_status kh_kms_unwrap(struct kh_app *app, const struct kh_kms_key *key,
    struct kh_kms_bytes in, struct kh_buf *out, struct kh_error *err);

/* ---- wrap_many.c ---- */

/* Encrypted keys for the caller of REQUEST. */
struct kh_kms_many {
    const struct kh_request *request;
    const struct kh_kms_key *key; /* that has a wrapping key */
    size_t count;
};

/* Writes them to OUT as a JSON array: keys drawn from the token's generator, each wrapped
 * by one operation of the token. Ends early (KH_BUSY) when the deadline of the request
 * has passed, and nobody waits any more. */
KH_CHECK kh_status kh_kms_wrap_many(struct kh_app *app, const struct kh_kms_many *many,
    struct kh_kms_out *out, struct kh_error *err);

/* ---- wrap_key.c: the AES keys ---- */

/* The name of the AES key that DEPOSIT, a Hadoop key, encrypts with; NULL: it has
 * material. DEPOSIT's. */
const char *kh_kms_wrapping_key(const struct kh_deposit *deposit);
/* Makes an AES key for a new version of DEPOSIT, to encrypt keys of BITS, and notes it in
 * its attributes; its data becomes empty. */
KH_CHECK kh_status kh_kms_wrap_make(
    struct kh_app *app, struct kh_deposit *deposit, unsigned bits, struct kh_error *err);
/* DEPOSIT was stored just now. Was its AES key destroyed meanwhile, by somebody who
 * purged the key? Then the version is taken back: KH_BUSY. */
KH_CHECK kh_status kh_kms_wrap_stored(
    struct kh_app *app, const struct kh_deposit *deposit, struct kh_error *err);
/* Destroys what a crash, or a purge by another way, left of AES keys for NAME, which was
 * made anew just now and of which DEPOSIT is the one version: those over a day old. What
 * fails is logged. */
void kh_kms_wrap_sweep(struct kh_app *app, const struct kh_deposit *deposit);

#endif
