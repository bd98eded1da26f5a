#include "programs/common/selfsigned.h"

#include "core/crypto.h"
#include "core/fileio.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

enum {
    HOST_MAX = 253,       /* of a DNS name */
    COMMON_NAME_MAX = 64, /* X.520 */
    DAYS_MAX = 36500,
    SERIAL_BITS = 127, /* 16 bytes, and positive */
    SALT_BYTES = 16,
    PBKDF2_ROUNDS = 600000,
    SKEW_SECONDS = 3600, /* a peer's clock may be a little behind */
};

static bool is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* The host becomes part of OpenSSL's extension syntax: a comma or a colon in it would
 * write extensions of its own. */
static bool is_name(const char *host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789.-_";
    size_t len = strlen(host);

    return len > 0 && len <= HOST_MAX && strspn(host, letters) == len;
}

static bool is_local(const char *host)
{
    char own[HOST_MAX + 1] = "";
    size_t label = strcspn(host, ".");

    if (gethostname(own, sizeof own - 1) != 0)
        return false;
    return strcspn(own, ".") == label && strncasecmp(own, host, label) == 0;
}

static bool set_serial(X509 *cert)
{
    BIGNUM *number = BN_new();
    /* The top bit set: never short. */
    bool ok = number &&
              BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    return ok;
}

static bool set_name(X509 *cert, const char *host)
{
    /* A longer name fits the SAN only, which is all that is looked at today. */
    const char *common = strlen(host) <= COMMON_NAME_MAX ? host : "keyhsm";
    X509_NAME *name = X509_NAME_new();
    bool ok = name &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                  (const unsigned char *)common, -1, -1, 0) == 1 &&
              X509_set_subject_name(cert, name) == 1 &&
              X509_set_issuer_name(cert, name) == 1;

    X509_NAME_free(name);
    return ok;
}

static bool add(X509 *cert, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    bool ok = extension && X509_add_ext(cert, extension, -1) == 1;

    X509_EXTENSION_free(extension);
    return ok;
}

static bool set_extensions(X509 *cert, const char *host)
{
    char names[HOST_MAX + 32];
    X509V3_CTX ctx;

    snprintf(names, sizeof names, "%s:%s%s", is_address(host) ? "IP" : "DNS", host,
        is_local(host) && strcasecmp(host, "localhost") != 0 ? ",DNS:localhost" : "");
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    return add(cert, &ctx, NID_basic_constraints, "critical,CA:FALSE") &&
           add(cert, &ctx, NID_key_usage, "critical,digitalSignature") &&
           add(cert, &ctx, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add(cert, &ctx, NID_subject_alt_name, names) &&
           add(cert, &ctx, NID_subject_key_identifier, "hash");
}

static X509 *certify(const struct kh_selfsigned *wish, EVP_PKEY *key)
{
    X509 *cert = X509_new();

    if (cert && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
        X509_gmtime_adj(X509_getm_notBefore(cert), -SKEW_SECONDS) &&
        X509_time_adj_ex(X509_getm_notAfter(cert), (int)wish->days, 0, NULL) &&
        set_name(cert, wish->host) && X509_set_pubkey(cert, key) == 1 &&
        set_extensions(cert, wish->host) && X509_sign(cert, key, EVP_sha256()) > 0)
        return cert;
    X509_free(cert);
    return NULL;
}

static bool write_sealed(BIO *pem, PKCS8_PRIV_KEY_INFO *info, const struct kh_buf *secret)
{
    unsigned char salt[SALT_BYTES];
    X509_ALGOR *pbe = NULL;
    X509_SIG *sealed = NULL;
    bool ok;

    if (RAND_bytes(salt, sizeof salt) == 1)
        pbe = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), PBKDF2_ROUNDS, salt, sizeof salt, NULL,
            NID_hmacWithSHA256);
    if (pbe)
        sealed = PKCS8_set0_pbe((const char *)secret->data, (int)secret->len, info, pbe);
    if (!sealed)
        X509_ALGOR_free(pbe);
    ok = sealed && PEM_write_bio_PKCS8(pem, sealed) == 1;
    X509_SIG_free(sealed);
    return ok;
}

static bool write_key(BIO *pem, EVP_PKEY *key, const struct kh_buf *secret)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    bool ok = info && (secret && secret->len > 0
                              ? write_sealed(pem, info, secret)
                              : PEM_write_bio_PKCS8_PRIV_KEY_INFO(pem, info) == 1);

    PKCS8_PRIV_KEY_INFO_free(info);
    return ok;
}

static kh_status save(BIO *pem, const char *path, mode_t mode, struct kh_error *err)
{
    char *data = NULL;
    long len = BIO_get_mem_data(pem, &data);

    return kh_file_write(path, data, (size_t)len, mode, true, err);
}

static kh_status save_pair(
    const struct kh_selfsigned *wish, BIO *key, BIO *cert, struct kh_error *err)
{
    struct kh_error ignored = {0};
    kh_status status = save(key, wish->key, 0600, err);

    if (status != KH_OK)
        return status;
    status = save(cert, wish->certificate, 0644, err);
    /* Half a pair would only stand in the way of the next attempt. */
    if (status != KH_OK && kh_file_remove(wish->key, &ignored) != KH_OK)
        return kh_fail(err, KH_UNAVAILABLE, "%s has no certificate: remove it: %s",
            wish->key, ignored.message);
    return status;
}

static kh_status make(const struct kh_selfsigned *wish, struct kh_error *err)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *cert = key ? certify(wish, key) : NULL;
    BIO *key_pem = BIO_new(BIO_s_secmem()); /* wiped when it is freed */
    BIO *cert_pem = BIO_new(BIO_s_mem());
    kh_status status;

    if (cert && key_pem && cert_pem && write_key(key_pem, key, wish->passphrase) &&
        PEM_write_bio_X509(cert_pem, cert) == 1)
        status = save_pair(wish, key_pem, cert_pem, err);
    else
        status = kh_fail(err, KH_FATAL, "cannot make a self-signed certificate: %s",
            kh_crypto_reason("no reason given"));
    BIO_free(cert_pem);
    BIO_free(key_pem);
    X509_free(cert);
    EVP_PKEY_free(key);
    return status;
}

kh_status kh_selfsigned_make(const struct kh_selfsigned *wish, struct kh_error *err)
{
    if (!is_address(wish->host) && !is_name(wish->host))
        return kh_fail(err, KH_INVALID,
            "'%.64s' is no host name and no address: give a name like kts.example.com",
            wish->host);
    if (wish->days == 0 || wish->days > DAYS_MAX)
        return kh_fail(err, KH_INVALID, "%u days: a certificate is valid for 1 to %d",
            wish->days, DAYS_MAX);
    if (access(wish->certificate, F_OK) == 0)
        return kh_fail(
            err, KH_EXISTS, "%s exists already: move it away", wish->certificate);
    if (access(wish->key, F_OK) == 0)
        return kh_fail(err, KH_EXISTS, "%s exists already: move it away", wish->key);
    return make(wish, err);
}

void kh_selfsigned_host(char *out, size_t size)
{
    const struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
    char own[HOST_MAX + 1] = "";
    struct addrinfo *found = NULL;

    if (gethostname(own, sizeof own - 1) != 0 || !is_name(own))
        snprintf(own, sizeof own, "localhost");
    if (getaddrinfo(own, NULL, &hints, &found) == 0 && found->ai_canonname &&
        is_name(found->ai_canonname))
        snprintf(out, size, "%s", found->ai_canonname);
    else
        snprintf(out, size, "%s", own);
    if (found)
        freeaddrinfo(found);
}
