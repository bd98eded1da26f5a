#include "programs/keyhsm/clientcert.h"

#include "core/fileio.h"
#include "core/record.h"
#include "core/secmem.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CERT_FILE_MAX = 64 * 1024, SOON_DAYS = 30 };

/* What stands in a PEM file. */
struct content {
    X509 *first;
    unsigned certificates;
    bool private_key;
};

static void take_block(
    struct content *content, const char *name, const unsigned char *data, long len)
{
    if (strstr(name, "PRIVATE KEY"))
        content->private_key = true;
    if (strcmp(name, PEM_STRING_X509) != 0 && strcmp(name, PEM_STRING_X509_OLD) != 0)
        return;
    if (content->certificates++ == 0)
        content->first = d2i_X509(NULL, &data, len);
}

static struct content read_blocks(const struct kh_buf *text)
{
    BIO *bio = BIO_new_mem_buf(text->data, (int)text->len);
    struct content content = {0};
    unsigned char *data;
    char *header;
    char *name;
    long len;

    while (bio && PEM_read_bio(bio, &name, &header, &data, &len) == 1) {
        take_block(&content, name, data, len);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)len);
    }
    BIO_free(bio);
    ERR_clear_error();
    return content;
}

static kh_status check(
    const char *path, const struct content *content, struct kh_error *err)
{
    char until[KH_TIME_LEN];

    if (content->private_key)
        return kh_fail(err, KH_INVALID,
            "%s holds a private key, which must stay with its client; give a file with "
            "the certificate alone",
            path);
    if (!content->first)
        return kh_fail(err, KH_INVALID,
            "%s: no PEM certificate begins in it; one in DER is converted by openssl "
            "x509 -inform der",
            path);
    kh_client_certificate_until(content->first, until);
    if (X509_cmp_current_time(X509_get0_notAfter(content->first)) <= 0)
        return kh_fail(err, KH_INVALID, "%s: the certificate ended at %s", path, until);
    if (X509_check_purpose(content->first, X509_PURPOSE_SSL_CLIENT, 0) != 1)
        return kh_fail(err, KH_INVALID,
            "%s: the certificate is not for TLS clients (its key usage excludes it), the "
            "daemon would refuse it",
            path);
    return KH_OK;
}

kh_status kh_client_certificate(
    X509 **out, const char *path, unsigned *more, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    struct content content = {0};
    char *real = realpath(path, NULL); /* operators keep links to certificates */
    kh_status st;

    *out = NULL;
    if (!real)
        return kh_fail(err, errno == ENOENT ? KH_NOT_FOUND : KH_UNAVAILABLE,
            "cannot open %s: %s", path, strerror(errno));
    st = kh_file_read(real, CERT_FILE_MAX, &text, err);
    free(real);
    if (st != KH_OK)
        return st;
    content = read_blocks(&text);
    st = check(path, &content, err);
    ERR_clear_error();
    if (st != KH_OK) {
        X509_free(content.first);
        return st;
    }
    *out = content.first;
    *more = content.certificates - 1;
    return KH_OK;
}

void kh_client_certificate_until(const X509 *certificate, char out[KH_TIME_LEN])
{
    struct tm tm = {0};

    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) == 1)
        kh_time_format(timegm(&tm), out);
    else
        snprintf(out, KH_TIME_LEN, "an unreadable date");
}

const char *kh_client_certificate_warning(const X509 *certificate)
{
    time_t soon = time(NULL) + (time_t)SOON_DAYS * 24 * 3600;

    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        return "the certificate is not valid yet";
    if (X509_cmp_time(X509_get0_notAfter(certificate), &soon) <= 0)
        return "the certificate ends within 30 days";
    return NULL;
}
