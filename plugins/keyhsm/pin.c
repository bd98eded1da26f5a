#include "plugins/keyhsm/pin.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

static bool fingerprint(const X509 *certificate, char out[KH_PIN_TEXT])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1 ||
        len != (KH_PIN_TEXT - 1) / 2)
        return false;
    for (unsigned i = 0; i < len; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
    return true;
}

kh_status kh_pin_load(struct kh_pin *pin, const char *path, struct kh_error *err)
{
    BIO *file;
    X509 *certificate = NULL;
    kh_status st = KH_OK;

    *pin = (struct kh_pin){.path = path};
    (void)ERR_set_mark();
    file = BIO_new_file(path, "re");
    if (!file) {
        (void)ERR_pop_to_mark();
        return kh_fail(err, KH_INVALID, "%s: %s", path, strerror(errno));
    }
    certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
    if (!certificate || !fingerprint(certificate, pin->text))
        st = kh_fail(err, KH_INVALID, "%s: there is no certificate in it", path);
    X509_free(certificate);
    BIO_free(file);
    (void)ERR_pop_to_mark();
    return st;
}

kh_status kh_pin_check(const struct kh_pin *pinned, const X509 *certificate,
    const char *server, struct kh_error *err)
{
    char shown[KH_PIN_TEXT] = "(none)";

    if (certificate && fingerprint(certificate, shown) &&
        strcmp(shown, pinned->text) == 0)
        return KH_OK;
    return kh_fail(err, KH_REFUSED,
        "%.64s shows the certificate with SHA-256 %s, but pinned in %.100s is %s. If it "
        "was changed on purpose: ktadmin keyhsm --server URL ... --trust --replace-pin",
        server, shown, pinned->path, pinned->text);
}
