/* An envelope from a catalog that somebody else may have written: the first byte chooses
 * the key type, the rest is opened with a token that answers anything with the same
 * bytes. Nothing can open. */
#include "core/secmem.h"
#include "plugins/pkcs11/envelope.h"
#include "tests/fuzz/fuzz.h"

#include <sanitizer/lsan_interface.h>
#include <stdlib.h>
#include <string.h>

static kh_status ecdh(void *token, const struct kh_token_key *key,
    const unsigned char *peer, size_t peer_len, unsigned char secret[32],
    struct kh_error *err)
{
    (void)token, (void)key, (void)peer, (void)peer_len, (void)err;
    memset(secret, 7, 32);
    return KH_OK;
}

static kh_status oaep_decrypt(void *token, const struct kh_token_key *key,
    kh_oaep_hash hash, const unsigned char *in, size_t in_len, unsigned char *out,
    size_t *out_len, struct kh_error *err)
{
    (void)token, (void)key, (void)hash, (void)in, (void)in_len, (void)err;
    memset(out, 7, 32);
    *out_len = 32;
    return KH_OK;
}

static kh_status random_bytes(
    void *token, unsigned char *out, size_t len, struct kh_error *err)
{
    (void)token, (void)err;
    memset(out, 7, len);
    return KH_OK;
}

static kh_status buf_alloc(
    const struct kh_host *host, struct kh_buf *buf, size_t len, struct kh_error *err)
{
    (void)host;
    return kh_buf_alloc(buf, len, err);
}

static void buf_free(const struct kh_host *host, struct kh_buf *buf)
{
    (void)host;
    kh_buf_free(buf);
}

static struct kh_envelopes *make_envelopes(void)
{
    static const struct kh_host host = {.buf_alloc = buf_alloc, .buf_free = buf_free};
    static const struct kh_token_ops ops = {NULL, ecdh, oaep_decrypt, random_bytes};
    static struct kh_provider *provider;
    struct kh_envelopes *envelopes = NULL;
    struct kh_error err = {0};

    /* Made once and kept. The leak checker does not look into the secure heap, where
     * libcrypto has the pointers to its generators. */
    __lsan_disable();
    if (kh_provider_new(&provider, &ops, "default", "", &err) != KH_OK ||
        kh_envelopes_new(&envelopes, &host, provider, &err) != KH_OK)
        abort();
    __lsan_enable();
    return envelopes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kh_envelopes *envelopes;
    struct kh_token_key key = {.type = KH_KEY_EC_P256, .bits = 256, .id.len = 20};
    struct kh_buf record = {0};
    struct kh_error err = {0};

    if (size == 0)
        return 0;
    if (!envelopes)
        envelopes = make_envelopes();
    if (data[0] & 1) {
        key.type = KH_KEY_RSA;
        key.bits = 2048;
    }
    memset(key.id.bytes, key.type == KH_KEY_RSA ? 0x5a : 0xec, 20);
    if (kh_envelope_open(envelopes, &key, data + 1, size - 1, &record, &err) !=
            KH_CORRUPT ||
        record.data)
        abort();
    return 0;
}
