#include "programs/ktadmin/fingerprint.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

kh_status kh_certificate_fingerprint(
    const char *path, char out[KH_FINGERPRINT_TEXT], struct kh_error *err)
{
    BIO *file = BIO_new_file(path, "re");
    X509 *certificate = file ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    kh_status status = KH_OK;

    if (!file)
        status = kh_fail(err, KH_UNAVAILABLE, "%s cannot be read: %m", path);
    else if (!certificate || X509_digest(certificate, EVP_sha256(), digest, &len) != 1)
        status = kh_fail(err, KH_CORRUPT, "%s: there is no certificate in it", path);
    for (unsigned i = 0; i < len; i++)
        snprintf(out + 3 * (size_t)i, 4, i + 1 < len ? "%02X:" : "%02X", digest[i]);
    X509_free(certificate);
    BIO_free(file);
    ERR_clear_error();
    return status;
}
