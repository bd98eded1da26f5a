/* Encrypted keys: as callers send them, and as they are answered. */
#ifndef KH_KMS_EEK_H
#define KH_KMS_EEK_H

#include "server/kms/internal.h"
#include "server/kms/scan.h"

#define KH_KMS_EEK_MAX 1024 /* bytes of encrypted material */

/* One as it was sent. What is missing has its `has` false. */
struct kh_kms_eek {
    bool has_name;
    bool has_version; /* of the item of a batch */
    bool has_iv;
    bool has_material;
    bool has_inner; /* of the item of a batch: encryptedKeyVersion */
    char name[512];
    char version[512];
    char inner_version[32];
    size_t iv_len;
    unsigned char iv[64];
    size_t len;
    unsigned char material[KH_KMS_EEK_MAX];
};

/* Reads the object that comes next: {name, iv, material}, or, of a batch, {versionName,
 * iv, encryptedKeyVersion{name, versionName, material}}; other members are passed over.
 * False: scan->why. */
KH_CHECK bool kh_kms_eek_scan(struct kh_kms_scan *scan, struct kh_kms_eek *out);

/* What stands between material and iv, the same in every encrypted key under one key. */
struct kh_kms_frame {
    size_t len;
    char text[2 * KH_NAME_MAX + 96];
};
void kh_kms_frame_make(const struct kh_kms_key *key, struct kh_kms_frame *frame);

/* {"encryptedKeyVersion":{"material","name","versionName":"EEK"},"versionName","iv"} of
 * LEN bytes of MATERIAL under the key of FRAME. */
void kh_kms_eek_write(struct kh_kms_out *out, const struct kh_kms_frame *frame,
    const unsigned char iv[KH_KMS_IV], const unsigned char *material, size_t len);

/* What is in EEK, encrypted under KEY; OUT is allocated. KH_INVALID: under the token
 * scheme, that it was not made with KEY, or was altered. */
KH_CHECK kh_status kh_kms_eek_open(struct kh_app *app, struct evp_cipher_ctx_st *work,
    const struct kh_kms_key *key, const struct kh_kms_eek *eek, struct kh_buf *out,
    struct kh_error *err);

/* What is encrypted under KEYS[0] becomes encrypted under KEYS[1], with the same iv, each
 * by its own scheme. KH_INVALID as above; nothing is passed on that was altered. */
KH_CHECK kh_status kh_kms_eek_turn(struct kh_app *app, struct evp_cipher_ctx_st *work,
    struct kh_kms_key *const keys[2], struct kh_kms_eek *eek, struct kh_error *err);

#endif
