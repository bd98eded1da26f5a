/* The cipher of EEKs: AES in counter mode, as Hadoop has it. Thread safe. */
#ifndef KH_KMS_CIPHER_H
#define KH_KMS_CIPHER_H

#include <keyhsm/types.h>

#define KH_KMS_IV 16 /* bytes */

struct kh_kms_cipher;

/* Fetches the algorithms once. KH_INVALID: OpenSSL as it is configured has none. */
KH_CHECK kh_status kh_kms_cipher_new(struct kh_kms_cipher **out, struct kh_error *err);
/* NULL is fine. */
void kh_kms_cipher_free(struct kh_kms_cipher *cipher);

/* A working place of one thread; NULL: no memory. */
struct evp_cipher_ctx_st *kh_kms_work_new(void);
/* Wipes it. NULL is fine. */
void kh_kms_work_free(struct evp_cipher_ctx_st *work);

/*
 * What decrypts also encrypts: OUT = IN, both LEN bytes, under KEY (16, 24 or 32 bytes).
 * The counter begins with IV, every bit of it turned over: HDFS uses IV itself for the
 * file. OUT may be IN. KH_FATAL: OpenSSL failed.
 */
KH_CHECK kh_status kh_kms_cipher_apply(const struct kh_kms_cipher *cipher,
    struct evp_cipher_ctx_st *work, const struct kh_buf *key,
    const unsigned char iv[KH_KMS_IV], const unsigned char *in, unsigned char *out,
    size_t len, struct kh_error *err);

#endif
