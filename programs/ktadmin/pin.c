#include "programs/ktadmin/pin.h"

#include "core/fileio.h"
#include "core/record.h"
#include "core/secmem.h"
#include "programs/ktadmin/output.h"
#include "server/trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

enum { PIN_FILE_MAX = 64 * 1024, SUBJECT_SIZE = 512 };

kh_status kh_pin_read(X509 **out, const char *path, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    kh_status status = kh_file_read(path, PIN_FILE_MAX, &text, err);
    BIO *bio;

    *out = NULL;
    if (status != KH_OK)
        return status;
    bio = BIO_new_mem_buf(text.data, (int)text.len);
    if (bio)
        *out = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return *out ? KH_OK
                : kh_fail(err, KH_CORRUPT, "%s: there is no certificate in it", path);
}

kh_status kh_pin_write(const char *path, X509 *certificate, struct kh_error *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    kh_status status;

    if (!bio || PEM_write_bio_X509(bio, certificate) != 1) {
        status = kh_fail(err, KH_FATAL, "no memory for the certificate");
    } else {
        long len = BIO_get_mem_data(bio, &text);

        status = kh_file_write(path, text, (size_t)len, 0600, false, err);
    }
    BIO_free(bio);
    return status;
}

int kh_certificate_days_left(const X509 *certificate)
{
    int days = 0;
    int seconds = 0;

    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1)
        return 0;
    return days == 0 && seconds < 0 ? -1 : days;
}

static void time_word(const ASN1_TIME *when, char out[KH_TIME_LEN])
{
    struct tm tm = {0};

    if (ASN1_TIME_to_tm(when, &tm) == 1)
        kh_time_format(timegm(&tm), out);
    else
        snprintf(out, KH_TIME_LEN, "an unreadable date");
}

/* What a pin does not care for, and a person may. */
static void show_oddities(FILE *to, X509 *certificate, const char *host)
{
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        fputs("  note:     it is not valid yet\n", to);
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
        fputs("  note:     it is not valid any more\n", to);
    if (host && X509_check_ip_asc(certificate, host, 0) != 1 &&
        X509_check_host(certificate, host, 0, 0, NULL) != 1) {
        fputs("  note:     it is not for ", to);
        kh_print_text(to, host);
        fputc('\n', to);
    }
    ERR_clear_error();
}

void kh_certificate_show(FILE *to, X509 *certificate, const char *host)
{
    char subject[SUBJECT_SIZE];
    char from[KH_TIME_LEN];
    char until[KH_TIME_LEN];
    char hex[65];

    kh_cert_subject(certificate, subject, sizeof subject);
    kh_cert_fingerprint(certificate, hex);
    time_word(X509_get0_notBefore(certificate), from);
    time_word(X509_get0_notAfter(certificate), until);
    fputs("  subject:  ", to);
    kh_print_text(to, subject);
    fprintf(to, "\n  SHA-256:  %s\n  valid:    %s to %s\n", hex, from, until);
    show_oddities(to, certificate, host);
}
