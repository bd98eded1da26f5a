#include "programs/keyhsm/pins.h"

#include "core/fileio.h"
#include "programs/keyhsm/clientcert.h"
#include "server/trust.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEX = 64 };

/* As the daemon decides it. */
static kh_status pinned(
    const char *dir, X509 *certificate, bool *yes, struct kh_error *err)
{
    struct kh_trust *trust;
    kh_status st = kh_trust_new(&trust, dir, err);

    if (st != KH_OK)
        return st;
    *yes = kh_trust_pinned(trust, certificate);
    kh_trust_free(trust);
    return KH_OK;
}

static kh_status write_pin(const char *path, X509 *certificate, struct kh_error *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    kh_status st;

    if (!bio || PEM_write_bio_X509(bio, certificate) != 1)
        st = kh_fail(err, KH_FATAL, "no memory for the certificate");
    else {
        long len = BIO_get_mem_data(bio, &text);

        st = kh_file_write(path, text, (size_t)len, 0644, false, err);
    }
    BIO_free(bio);
    return st;
}

kh_status kh_pin_add(
    const char *dir, X509 *certificate, bool *fresh, struct kh_error *err)
{
    char hex[HEX + 1];
    char path[KH_PIN_PATH];
    bool there = false;
    kh_status st = pinned(dir, certificate, &there, err);

    *fresh = !there;
    if (st != KH_OK || there)
        return st;
    kh_cert_fingerprint(certificate, hex);
    st = kh_trust_pin_path(dir, hex, path, err);
    /* The daemon may run as another user: certificates are no secret. */
    if (st == KH_OK)
        st = kh_dir_make(dir, 0755, err);
    if (st == KH_OK)
        st = write_pin(path, certificate, err);
    if (st == KH_OK)
        st = pinned(dir, certificate, &there, err);
    if (st == KH_OK && !there)
        st = kh_fail(
            err, KH_REFUSED, "%s was written but is not believed; see above", path);
    return st;
}

kh_status kh_pin_remove(const char *dir, const char *fingerprint, struct kh_error *err)
{
    char hex[HEX + 1];
    char path[KH_PIN_PATH];
    size_t len = 0;
    kh_status st;

    for (const char *c = fingerprint; *c; c++) {
        if (*c == ':')
            continue;
        if (!isxdigit((unsigned char)*c) || len == HEX) {
            len = 0;
            break;
        }
        hex[len++] = (char)tolower((unsigned char)*c);
    }
    hex[len] = '\0';
    if (len != HEX)
        return kh_fail(err, KH_INVALID,
            "'%.100s' is not a SHA-256 fingerprint of 64 hex digits; see keyhsm trust "
            "--list",
            fingerprint);
    st = kh_trust_pin_path(dir, hex, path, err);
    if (st == KH_OK && access(path, F_OK) != 0)
        st = kh_fail(err, errno == ENOENT ? KH_NOT_FOUND : KH_UNAVAILABLE,
            "no pin of %s in %s: %s", hex, dir, strerror(errno));
    return st == KH_OK ? kh_file_remove(path, err) : st;
}

static int is_pin(const struct dirent *entry)
{
    return strlen(entry->d_name) == HEX + 4 &&
           strspn(entry->d_name, "0123456789abcdef") == HEX &&
           strcmp(entry->d_name + HEX, ".pem") == 0;
}

static kh_status print_pin(
    void *arg, const char *dir, const char *hex, struct kh_error *err)
{
    struct kh_error why = {0};
    char path[KH_PIN_PATH];
    char subject[512];
    char until[KH_TIME_LEN];
    bool believed = false;
    unsigned more;
    X509 *certificate;
    kh_status st = kh_trust_pin_path(dir, hex, path, err);

    (void)arg;
    if (st != KH_OK)
        return st;
    if (kh_client_certificate(&certificate, path, &more, &why) != KH_OK) {
        printf("%s  ignored: %s\n", hex, why.message);
        return KH_OK;
    }
    kh_cert_subject(certificate, subject, sizeof subject);
    kh_client_certificate_until(certificate, until);
    st = pinned(dir, certificate, &believed, err);
    printf("%s  %s  %s%s\n", hex, until, subject, believed ? "" : "  (ignored)");
    X509_free(certificate);
    return st;
}

/* Calls FN with the fingerprint of every file that is named as a pin, in order. */
static kh_status each_pin(const char *dir,
    kh_status (*fn)(void *arg, const char *dir, const char *hex, struct kh_error *err),
    void *arg, struct kh_error *err)
{
    struct dirent **found;
    int count = scandir(dir, &found, is_pin, alphasort);
    kh_status st = KH_OK;

    if (count < 0)
        return errno == ENOENT ? KH_OK
                               : kh_fail(err, KH_UNAVAILABLE, "cannot read %s: %s", dir,
                                     strerror(errno));
    for (int i = 0; i < count; i++) {
        found[i]->d_name[HEX] = '\0';
        if (st == KH_OK)
            st = fn(arg, dir, found[i]->d_name, err);
        free(found[i]);
    }
    free(found);
    return st;
}

kh_status kh_pin_list(const char *dir, struct kh_error *err)
{
    return each_pin(dir, print_pin, NULL, err);
}

static kh_status count_pin(
    void *arg, const char *dir, const char *hex, struct kh_error *err)
{
    struct kh_pin_counts *counts = arg;
    struct kh_error why = {0};
    char path[KH_PIN_PATH];
    bool believed = false;
    unsigned more;
    X509 *certificate;
    kh_status st = kh_trust_pin_path(dir, hex, path, err);

    if (st != KH_OK)
        return st;
    if (kh_client_certificate(&certificate, path, &more, &why) == KH_OK) {
        st = pinned(dir, certificate, &believed, err);
        X509_free(certificate);
    }
    counts->believed += believed;
    counts->ignored += !believed;
    return st;
}

kh_status kh_pin_count(
    const char *dir, struct kh_pin_counts *counts, struct kh_error *err)
{
    *counts = (struct kh_pin_counts){0};
    return each_pin(dir, count_pin, counts, err);
}
