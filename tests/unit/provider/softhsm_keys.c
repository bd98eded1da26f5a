#include "tests/unit/provider/backing.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One session behind a mutex: these tests look at results, not at speed. */
struct softhsm {
    void *module;
    CK_FUNCTION_LIST_PTR p11;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE ec;
    CK_OBJECT_HANDLE rsa;
    pthread_mutex_t mutex;
};

static void need(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "SoftHSM: %s: 0x%lx\n", what, rv);
        abort();
    }
}

static kh_status derive(struct softhsm *own, const unsigned char *peer, size_t peer_len,
    unsigned char secret[32], struct kh_error *err)
{
    CK_ECDH1_DERIVE_PARAMS params = {
        CKD_NULL, 0, NULL, peer_len, (CK_BYTE_PTR)(uintptr_t)peer};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof params};
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_ULONG len = 32;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &no, sizeof no},
        {CKA_SENSITIVE, &no, sizeof no},
        {CKA_EXTRACTABLE, &yes, sizeof yes},
        {CKA_VALUE_LEN, &len, sizeof len},
    };
    CK_ATTRIBUTE value = {CKA_VALUE, secret, 32};
    CK_OBJECT_HANDLE object;
    CK_RV rv = own->p11->C_DeriveKey(own->session, &mechanism, own->ec, template,
        sizeof template / sizeof template[0], &object);

    if (rv == CKR_OK) {
        rv = own->p11->C_GetAttributeValue(own->session, object, &value, 1);
        (void)own->p11->C_DestroyObject(own->session, object);
    }
    if (rv != CKR_OK)
        return kh_fail(err, KH_UNAVAILABLE, "SoftHSM: derive 0x%lx", rv);
    return KH_OK;
}

static kh_status ecdh(void *token, const struct kh_token_key *key,
    const unsigned char *peer, size_t peer_len, unsigned char secret[32],
    struct kh_error *err)
{
    struct backing *backing = token;
    struct softhsm *own = backing->own;
    kh_status status = backing_enter(backing, &backing->ecdh_calls, err);

    (void)key;
    if (status != KH_OK)
        return status;
    pthread_mutex_lock(&own->mutex);
    status = derive(own, peer, peer_len, secret, err);
    pthread_mutex_unlock(&own->mutex);
    return status;
}

static kh_status oaep_decrypt(void *token, const struct kh_token_key *key,
    kh_oaep_hash hash, const unsigned char *in, size_t in_len, unsigned char *out,
    size_t *out_len, struct kh_error *err)
{
    struct backing *backing = token;
    struct softhsm *own = backing->own;
    CK_RSA_PKCS_OAEP_PARAMS params = {
        CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_OAEP, &params, sizeof params};
    CK_ULONG len = key->bits / 8;
    kh_status status = backing_enter(backing, &backing->oaep_calls, err);
    CK_RV rv;

    if (status != KH_OK)
        return status;
    if (hash != KH_OAEP_SHA1) /* SoftHSM 2.6.1 has no other */
        return kh_fail(err, KH_REFUSED, "SoftHSM: OAEP with SHA-256");
    pthread_mutex_lock(&own->mutex);
    rv = own->p11->C_DecryptInit(own->session, &mechanism, own->rsa);
    if (rv == CKR_OK)
        rv = own->p11->C_Decrypt(
            own->session, (CK_BYTE_PTR)(uintptr_t)in, in_len, out, &len);
    pthread_mutex_unlock(&own->mutex);
    if (rv != CKR_OK)
        return kh_fail(err, KH_CORRUPT, "SoftHSM: decrypt 0x%lx", rv);
    *out_len = len;
    return KH_OK;
}

static kh_status random_bytes(
    void *token, unsigned char *out, size_t len, struct kh_error *err)
{
    struct backing *backing = token;
    struct softhsm *own = backing->own;
    kh_status status = backing_enter(backing, &backing->random_calls, err);
    CK_RV rv;

    if (status != KH_OK)
        return status;
    pthread_mutex_lock(&own->mutex);
    rv = own->p11->C_GenerateRandom(own->session, out, len);
    pthread_mutex_unlock(&own->mutex);
    return rv == CKR_OK ? KH_OK
                        : kh_fail(err, KH_UNAVAILABLE, "SoftHSM: random 0x%lx", rv);
}

static void login(struct softhsm *own, const struct kh_test_token *token)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_RV (*get_list)(CK_FUNCTION_LIST_PTR_PTR);

    own->module = dlopen(SOFTHSM2_MODULE, RTLD_NOW | RTLD_LOCAL);
    if (!own->module) {
        fprintf(stderr, "%s\n", dlerror());
        abort();
    }
    *(void **)&get_list = dlsym(own->module, "C_GetFunctionList");
    need(get_list(&own->p11), "C_GetFunctionList");
    need(own->p11->C_Initialize(&args), "C_Initialize");
    need(own->p11->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    need(own->p11->C_OpenSession(
             slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &own->session),
        "C_OpenSession");
    need(own->p11->C_Login(own->session, CKU_USER, (CK_BYTE_PTR)(uintptr_t)token->pin,
             strlen(token->pin)),
        "C_Login");
}

static void generate(struct softhsm *own, const struct kh_token_key *key,
    CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    bool ec = key->type == KH_KEY_EC_P256;
    CK_MECHANISM mechanism = {
        ec ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_ULONG bits = 2048;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_BYTE *id = (CK_BYTE *)(uintptr_t)key->id.bytes;
    CK_ATTRIBUTE public_template[] = {
        {CKA_TOKEN, &no, sizeof no},
        ec ? (CK_ATTRIBUTE){CKA_EC_PARAMS, p256, sizeof p256}
           : (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof bits},
    };
    CK_ATTRIBUTE private_template[] = {
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &no, sizeof no},
        {ec ? CKA_DERIVE : CKA_DECRYPT, &yes, sizeof yes},
        {CKA_ID, id, key->id.len},
    };

    need(own->p11->C_GenerateKeyPair(own->session, &mechanism, public_template, 2,
             private_template, 6, public_key, private_key),
        "C_GenerateKeyPair");
}

/* The public half as libcrypto writes it. */
static void encode(
    OSSL_PARAM *params, const char *type, unsigned char **spki, size_t *len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    int n = -1;

    *spki = NULL;
    if (ctx && EVP_PKEY_fromdata_init(ctx) > 0 &&
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) > 0)
        n = i2d_PUBKEY(key, spki);
    need(n > 0 ? CKR_OK : CKR_GENERAL_ERROR, "public key");
    *len = (size_t)n;
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
}

static void read_ec(struct softhsm *own, struct backing *backing, CK_OBJECT_HANDLE object)
{
    unsigned char point[67]; /* an OCTET STRING around the point */
    char group[] = "prime256v1";
    CK_ATTRIBUTE attribute = {CKA_EC_POINT, point, sizeof point};
    OSSL_PARAM params[3] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point + 2, 65),
        OSSL_PARAM_construct_end(),
    };

    need(own->p11->C_GetAttributeValue(own->session, object, &attribute, 1), "EC_POINT");
    encode(params, "EC", &backing->ec_spki, &backing->ec_spki_len);
}

static void read_rsa(
    struct softhsm *own, struct backing *backing, CK_OBJECT_HANDLE object)
{
    unsigned char n[256];
    unsigned char e[8];
    CK_ATTRIBUTE attributes[] = {
        {CKA_MODULUS, n, sizeof n}, {CKA_PUBLIC_EXPONENT, e, sizeof e}};
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *modulus;
    BIGNUM *exponent;
    OSSL_PARAM *params;

    need(own->p11->C_GetAttributeValue(own->session, object, attributes, 2), "MODULUS");
    modulus = BN_bin2bn(n, (int)attributes[0].ulValueLen, NULL);
    exponent = BN_bin2bn(e, (int)attributes[1].ulValueLen, NULL);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent);
    params = OSSL_PARAM_BLD_to_param(build);
    encode(params, "RSA", &backing->rsa_spki, &backing->rsa_spki_len);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
}

void backing_softhsm(
    struct backing *backing, struct kh_test_token *token, const char *dir)
{
    struct softhsm *own = calloc(1, sizeof *own);
    CK_OBJECT_HANDLE public_key;

    memset(backing, 0, sizeof *backing);
    need(own ? CKR_OK : CKR_HOST_MEMORY, "calloc");
    pthread_mutex_init(&own->mutex, NULL);
    kh_test_token_make(token, dir);
    login(own, token);
    backing->ec = (struct kh_token_key){.type = KH_KEY_EC_P256, .bits = 256};
    backing->rsa = (struct kh_token_key){.type = KH_KEY_RSA, .bits = 2048};
    backing->ec.id.len = backing->rsa.id.len = 20;
    for (unsigned char i = 0; i < 20; i++) {
        backing->ec.id.bytes[i] = (unsigned char)(0xe0 + i);
        backing->rsa.id.bytes[i] = (unsigned char)(0x50 + i);
    }
    generate(own, &backing->ec, &public_key, &own->ec);
    read_ec(own, backing, public_key);
    generate(own, &backing->rsa, &public_key, &own->rsa);
    read_rsa(own, backing, public_key);
    backing->own = own;
    backing->ops = (struct kh_token_ops){backing, ecdh, oaep_decrypt, random_bytes};
}

/* SoftHSM stays mapped: its own exit handlers expect it. */
void backing_softhsm_free(struct backing *backing)
{
    struct softhsm *own = backing->own;

    OPENSSL_free(backing->ec_spki);
    OPENSSL_free(backing->rsa_spki);
    (void)own->p11->C_Finalize(NULL);
    pthread_mutex_destroy(&own->mutex);
    free(own);
}
