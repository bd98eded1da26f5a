#include "server/kms/cipher.h"

#include "core/crypto.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum { KINDS = 3 };

struct kh_kms_cipher {
    EVP_CIPHER *kinds[KINDS]; /* for keys of 16, 24 and 32 bytes */
};

kh_status kh_kms_cipher_new(struct kh_kms_cipher **out, struct kh_error *err)
{
    static const char *const names[KINDS] = {"AES-128-CTR", "AES-192-CTR", "AES-256-CTR"};
    struct kh_kms_cipher *cipher = calloc(1, sizeof *cipher);

    *out = NULL;
    if (!cipher)
        return kh_fail(err, KH_FATAL, "no memory for the cipher of the KMS");
    for (size_t i = 0; i < KINDS; i++) {
        cipher->kinds[i] = EVP_CIPHER_fetch(NULL, names[i], NULL);
        if (!cipher->kinds[i]) {
            kh_kms_cipher_free(cipher);
            return kh_fail(err, KH_INVALID,
                "[openssl] does not give %s, which the KMS needs: %s", names[i],
                kh_crypto_reason("not found"));
        }
    }
    *out = cipher;
    return KH_OK;
}

void kh_kms_cipher_free(struct kh_kms_cipher *cipher)
{
    if (!cipher)
        return;
    for (size_t i = 0; i < KINDS; i++)
        EVP_CIPHER_free(cipher->kinds[i]);
    free(cipher);
}

EVP_CIPHER_CTX *kh_kms_work_new(void)
{
    return EVP_CIPHER_CTX_new();
}

void kh_kms_work_free(EVP_CIPHER_CTX *work)
{
    EVP_CIPHER_CTX_free(work);
}

static const EVP_CIPHER *kind_of(const struct kh_kms_cipher *cipher, size_t len)
{
    return len == 16 || len == 24 || len == 32 ? cipher->kinds[len / 8 - 2] : NULL;
}

kh_status kh_kms_cipher_apply(const struct kh_kms_cipher *cipher, EVP_CIPHER_CTX *work,
    const struct kh_buf *key, const unsigned char iv[KH_KMS_IV], const unsigned char *in,
    unsigned char *out, size_t len, struct kh_error *err)
{
    const EVP_CIPHER *kind = kind_of(cipher, key->len);
    unsigned char counter[KH_KMS_IV];
    int done = 0;

    for (size_t i = 0; i < sizeof counter; i++)
        counter[i] = (unsigned char)~iv[i];
    if (kind && work && len <= INT32_MAX &&
        EVP_EncryptInit_ex2(work, kind, key->data, counter, NULL) == 1 &&
        EVP_EncryptUpdate(work, out, &done, in, (int)len) == 1 && (size_t)done == len)
        return KH_OK;
    return kh_fail(
        err, KH_FATAL, "the cipher of the KMS failed: %s", kh_crypto_reason("no memory"));
}
