#include "server/trust.h"

#include "core/fileio.h"
#include "core/log.h"
#include "core/secmem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { PIN_FILE_MAX = 65536 };

struct kh_trust {
    char *dir;
    uint64_t generation;
    struct timespec changed;
    ino_t inode;
    atomic_ullong refusals;
};

kh_status kh_trust_new(struct kh_trust **out, const char *dir, struct kh_error *err)
{
    struct kh_trust *trust = calloc(1, sizeof *trust);

    *out = NULL;
    if (!trust || (dir && !(trust->dir = strdup(dir)))) {
        free(trust);
        return kh_fail(err, KH_FATAL, "no memory for the trust directory");
    }
    trust->generation = 1;
    *out = trust;
    return KH_OK;
}

void kh_trust_free(struct kh_trust *trust)
{
    if (trust)
        free(trust->dir);
    free(trust);
}

void kh_cert_fingerprint(X509 *cert, char out[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    out[0] = '\0';
    if (X509_digest(cert, EVP_sha256(), digest, &len) != 1)
        return;
    for (unsigned i = 0; i < len && i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

int64_t kh_cert_expiry(const X509 *cert)
{
    struct tm end = {0};

    if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) != 1)
        return -1;
    return (int64_t)timegm(&end);
}

int64_t kh_certs_expiry(const void *pem, size_t len)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    int64_t first = -1;
    X509 *cert;

    while (bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        int64_t end = kh_cert_expiry(cert);

        if (end >= 0 && (first < 0 || end < first))
            first = end;
        X509_free(cert);
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end of the text is one, to libcrypto */
    return first;
}

void kh_cert_common_name(X509 *cert, char *out, size_t size)
{
    const X509_NAME *name = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    unsigned char *text = NULL;
    int len;

    out[0] = '\0';
    if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
        return;
    len = ASN1_STRING_to_UTF8(
        &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (len > 0 && (size_t)len < size && !memchr(text, 0, (size_t)len))
        snprintf(out, size, "%.*s", len, (const char *)text);
    OPENSSL_free(text);
}

void kh_cert_subject(X509 *cert, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len;

    out[0] = '\0';
    if (bio &&
        X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0 &&
        (len = BIO_get_mem_data(bio, &text)) > 0)
        snprintf(out, size, "%.*s", (int)len, text);
    BIO_free(bio);
}

kh_status kh_trust_pin_path(
    const char *dir, const char *fingerprint, char out[KH_PIN_PATH], struct kh_error *err)
{
    int n = snprintf(out, KH_PIN_PATH, "%s/%s.pem", dir, fingerprint);

    return n > 0 && n < KH_PIN_PATH
               ? KH_OK
               : kh_fail(err, KH_INVALID, "%.64s...: the path is too long", dir);
}

static X509 *parse(const struct kh_buf *text)
{
    BIO *bio = BIO_new_mem_buf(text->data, (int)text->len);
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return cert;
}

bool kh_trust_pinned(const struct kh_trust *trust, X509 *cert)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    struct kh_error err = {0};
    char fingerprint[65];
    char path[KH_PIN_PATH];
    X509 *pin;
    bool same;

    kh_cert_fingerprint(cert, fingerprint);
    if (!trust->dir || !*fingerprint ||
        kh_trust_pin_path(trust->dir, fingerprint, path, &err) != KH_OK)
        return false;
    if (kh_file_read(path, PIN_FILE_MAX, &text, &err) != KH_OK) {
        if (err.status != KH_NOT_FOUND)
            kh_log(KH_LOG_WARNING, "pin ignored: %s", err.message);
        return false;
    }
    if (kh_file_trusted(path, 022, &err) != KH_OK) {
        kh_log(KH_LOG_WARNING, "pin ignored: %s", err.message);
        return false;
    }
    pin = parse(&text);
    same = pin && X509_cmp(pin, cert) == 0;
    X509_free(pin);
    if (!same)
        kh_log(KH_LOG_WARNING,
            "pin ignored: %s does not hold the certificate of its name", path);
    return same;
}

/* The leaf alone is the anchor: dates, strength and purpose are still libcrypto's to
 * check. */
static int verify_pinned(X509_STORE_CTX *ctx, X509 *leaf)
{
    STACK_OF(X509) *anchors = sk_X509_new_null();
    int ok = 0;

    if (anchors && sk_X509_push(anchors, leaf) > 0) {
        X509_STORE_CTX_set0_trusted_stack(ctx, anchors);
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
        /* A CA's revocation list has no say over a pin: removing its file is what ends
         * it. */
        X509_VERIFY_PARAM_clear_flags(X509_STORE_CTX_get0_param(ctx),
            X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
        ok = X509_verify_cert(ctx);
        X509_STORE_CTX_set0_trusted_stack(ctx, NULL);
    } else {
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_OUT_OF_MEM);
    }
    sk_X509_free(anchors);
    return ok;
}

int kh_trust_verify(X509_STORE_CTX *ctx, void *arg)
{
    struct kh_trust *trust = arg;
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    bool pinned = kh_trust_pinned(trust, leaf);
    char fingerprint[65];
    char subject[256];

    if ((pinned ? verify_pinned(ctx, leaf) : X509_verify_cert(ctx)) == 1)
        return 1;
    atomic_fetch_add(&trust->refusals, 1);
    kh_cert_fingerprint(leaf, fingerprint);
    kh_cert_subject(leaf, subject, sizeof subject);
    kh_log(KH_LOG_NOTICE, "client refused in the handshake: \"%s\" sha256 %s, %s: %s",
        subject, fingerprint, pinned ? "pinned" : "not pinned",
        X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    return 0;
}

uint64_t kh_trust_generation(struct kh_trust *trust)
{
    struct stat st = {0};

    if (trust->dir && stat(trust->dir, &st) == 0 &&
        (st.st_ino != trust->inode || st.st_ctim.tv_sec != trust->changed.tv_sec ||
            st.st_ctim.tv_nsec != trust->changed.tv_nsec)) {
        trust->inode = st.st_ino;
        trust->changed = st.st_ctim;
        trust->generation++;
    }
    return trust->generation;
}

void kh_trust_changed(struct kh_trust *trust)
{
    trust->generation++;
}

uint64_t kh_trust_refusals(const struct kh_trust *trust)
{
    return atomic_load(&trust->refusals);
}
