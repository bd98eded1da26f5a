#include "programs/ktadmin/pin.h"

#include "server/trust.h"
#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct kh_error err;

/* Certificate NAME.pem with its key NAME.key in DIR; MORE are options of openssl req. */
static char *make(const char *dir, const char *name, const char *more)
{
    CU_ASSERT_EQUAL_FATAL(
        kh_test_shell("cd '%s' && openssl req -x509 -newkey ec -pkeyopt "
                      "ec_paramgen_curve:P-256 -nodes -subj '/O=Example/CN=%s' -keyout "
                      "%s.key -out %s.pem %s 2>openssl.err",
            dir, name, name, name, more),
        0);
    return kh_test_path(dir, "%s.pem", name);
}

static X509 *read_it(const char *path)
{
    X509 *certificate = NULL;

    KH_ASSERT_OK_FATAL(kh_pin_read(&certificate, path, &err), err);
    return certificate;
}

static void what_is_written_is_read(void)
{
    const char *dir = kh_test_dir();
    char *made = make(dir, "hsm", "-days 30");
    char *pin = kh_test_path(dir, "pin.pem");
    X509 *certificate = read_it(made);
    X509 *again;
    struct stat st;

    KH_ASSERT_OK_FATAL(kh_pin_write(pin, certificate, &err), err);
    CU_ASSERT_EQUAL(stat(pin, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
    again = read_it(pin);
    CU_ASSERT_EQUAL(X509_cmp(certificate, again), 0);
    CU_ASSERT_EQUAL(kh_test_shell("cmp -s '%s' '%s'", made, pin), 0);
    X509_free(again);
    X509_free(certificate);
    free(pin);
    free(made);
}

static void another_takes_its_place_whole(void)
{
    const char *dir = kh_test_dir();
    char *first = make(dir, "first", "-days 30");
    char *second = make(dir, "second", "-days 30");
    char *pin = kh_test_path(dir, "pin.pem");
    X509 *one = read_it(first);
    X509 *two = read_it(second);

    KH_ASSERT_OK(kh_pin_write(pin, one, &err), err);
    KH_ASSERT_OK(kh_pin_write(pin, two, &err), err);
    CU_ASSERT_EQUAL(kh_test_shell("cmp -s '%s' '%s'", second, pin), 0);
    CU_ASSERT_EQUAL(kh_test_shell("test -z \"$(find '%s' -name '.tmp*')\"", dir), 0);
    X509_free(two);
    X509_free(one);
    free(pin);
    free(second);
    free(first);
}

static void what_is_no_pin_is_refused(void)
{
    const char *dir = kh_test_dir();
    char *made = make(dir, "hsm", "-days 30");
    char *gone = kh_test_path(dir, "gone.pem");
    char *key = kh_test_path(dir, "hsm.key");
    char *empty = kh_test_path(dir, "empty.pem");
    char *link = kh_test_path(dir, "link.pem");
    X509 *certificate = NULL;

    kh_test_write(empty, "", 0, 0600);
    CU_ASSERT_EQUAL_FATAL(symlink(made, link), 0);
    KH_ASSERT_FAILS(kh_pin_read(&certificate, gone, &err), KH_NOT_FOUND, err, gone);
    KH_ASSERT_FAILS(kh_pin_read(&certificate, key, &err), KH_CORRUPT, err, key);
    KH_ASSERT_FAILS(kh_pin_read(&certificate, empty, &err), KH_CORRUPT, err, empty);
    KH_ASSERT_FAILS(kh_pin_read(&certificate, link, &err), KH_INVALID, err, "symbolic");
    KH_ASSERT_FAILS(kh_pin_read(&certificate, dir, &err), KH_INVALID, err, "regular");
    CU_ASSERT_PTR_NULL(certificate);
    free(link);
    free(empty);
    free(key);
    free(gone);
    free(made);
}

/* A certificate that ended yesterday; its signature is not looked at here. */
static char *make_ended(const char *dir)
{
    char *path = make(dir, "ended", "-days 30");
    X509 *certificate = read_it(path);

    CU_ASSERT_PTR_NOT_NULL(X509_gmtime_adj(X509_getm_notAfter(certificate), -86400 - 60));
    CU_ASSERT(i2d_re_X509_tbs(certificate, NULL) > 0); /* forget the old encoding */
    KH_ASSERT_OK_FATAL(kh_pin_write(path, certificate, &err), err);
    X509_free(certificate);
    return path;
}

static int days_of(char *path)
{
    X509 *certificate = read_it(path);
    int days = kh_certificate_days_left(certificate);

    X509_free(certificate);
    free(path);
    return days;
}

static void days_are_counted_to_the_end(void)
{
    const char *dir = kh_test_dir();
    int thirty = days_of(make(dir, "thirty", "-days 30"));

    /* A second may have passed since it was made. */
    CU_ASSERT(thirty == 30 || thirty == 29);
    CU_ASSERT(days_of(make(dir, "long", "-days 3650")) >= 3649);
    CU_ASSERT_EQUAL(days_of(make_ended(dir)), -1);
}

/* What kh_certificate_show writes; free(). */
static char *shown(const char *path, const char *host)
{
    X509 *certificate = read_it(path);
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
    kh_certificate_show(to, certificate, host);
    (void)fclose(to);
    X509_free(certificate);
    return text;
}

static void a_person_sees_what_to_compare(void)
{
    const char *dir = kh_test_dir();
    char *path = make(dir, "hsm.example.com",
        "-days 30 -addext subjectAltName=DNS:hsm.example.com,IP:192.0.2.1");
    X509 *certificate = read_it(path);
    char hex[65];
    char *text = shown(path, "hsm.example.com");

    kh_cert_fingerprint(certificate, hex);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, hex));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "CN=hsm.example.com,O=Example"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "valid:    20"));
    CU_ASSERT_PTR_NULL(strstr(text, "note"));
    free(text);
    text = shown(path, "192.0.2.1");
    CU_ASSERT_PTR_NULL(strstr(text, "note"));
    free(text);
    text = shown(path, "other.example.com");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "it is not for other.example.com"));
    free(text);
    X509_free(certificate);
    free(path);
}

static void one_that_ended_is_said_to_have(void)
{
    char *path = make_ended(kh_test_dir());
    char *text = shown(path, NULL);

    CU_ASSERT_PTR_NOT_NULL(strstr(text, "not valid any more"));
    CU_ASSERT_PTR_NULL(strstr(text, "not for"));
    free(text);
    free(path);
}

#define T(name)                                                                          \
    {                                                                                    \
#name, name                                                                      \
    }

int main(void)
{
    static const struct kh_test tests[] = {
        T(what_is_written_is_read),
        T(another_takes_its_place_whole),
        T(what_is_no_pin_is_refused),
        T(days_are_counted_to_the_end),
        T(a_person_sees_what_to_compare),
        T(one_that_ended_is_said_to_have),
    };

    return kh_test_main("pin", tests, sizeof tests / sizeof tests[0]);
}
