#include "server/certs.h"

#include "core/record.h"
#include "server/http.h"
#include "server/trust.h"

#include <dirent.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FRESH_MS = 60000, PINS_MAX = 1000 };

struct kh_certs {
    pthread_mutex_t mutex;
    json_t *last; /* or NULL */
    uint64_t until;
    const struct kh_backend *backend; /* whose */
};

struct kh_certs *kh_certs_new(void)
{
    struct kh_certs *certs = calloc(1, sizeof *certs);

    if (certs)
        pthread_mutex_init(&certs->mutex, NULL);
    return certs;
}

void kh_certs_free(struct kh_certs *certs)
{
    if (!certs)
        return;
    json_decref(certs->last);
    pthread_mutex_destroy(&certs->mutex);
    free(certs);
}

/* ---- one ---- */

static json_t *text_json(const char *text)
{
    json_t *string = json_string(text);

    return string ? string : json_string("(not printable)");
}

static int days_left(const X509 *cert)
{
    int days = 0;
    int seconds = 0;

    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)) != 1)
        return 0;
    return days == 0 && seconds < 0 ? -1 : days;
}

static json_t *end_json(const X509 *cert)
{
    char text[KH_TIME_LEN];
    struct tm tm = {0};

    if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
        return json_null();
    kh_time_format(timegm(&tm), text);
    return json_string(text);
}

static void add_cert(json_t *list, const char *role, const char *file, X509 *cert)
{
    char subject[256];
    char sha256[65];

    kh_cert_subject(cert, subject, sizeof subject);
    kh_cert_fingerprint(cert, sha256);
    (void)json_array_append_new(
        list, json_pack("{s:s,s:o,s:o,s:s,s:o,s:i,s:n}", "role", role, "file",
                  file ? text_json(file) : json_null(), "subject", text_json(subject),
                  "sha256", sha256, "not_after", end_json(cert), "days_left",
                  days_left(cert), "problem"));
}

static void add_problem(
    json_t *list, const char *role, const char *file, const char *problem)
{
    (void)json_array_append_new(list,
        json_pack("{s:s,s:o,s:n,s:n,s:n,s:n,s:s}", "role", role, "file", text_json(file),
            "subject", "sha256", "not_after", "days_left", "problem", problem));
}

/* ---- a file ---- */

/* The certificates in FILE, ALL of them or the first. */
static void add_file(json_t *list, const char *role, const char *file, bool all)
{
    BIO *in = BIO_new_file(file, "re");
    X509 *cert = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;

    if (!cert)
        add_problem(list, role, file,
            in ? "there is no certificate in the file" : "the file cannot be read");
    while (cert) {
        add_cert(list, role, file, cert);
        X509_free(cert);
        cert = all ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    }
    BIO_free(in);
    ERR_clear_error();
}

/* What is shown is what was loaded; the file may have a newer one by now. */
static void add_own(json_t *list, struct kh_tls *tls)
{
    static const char role[] = "this server";
    const char *file = kh_tls_made_with(tls)->certificate;
    X509 *own = kh_tls_certificate(tls);
    BIO *in = *file == '/' ? BIO_new_file(file, "re") : NULL;
    X509 *now = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;

    if (own)
        add_cert(list, role, file, own);
    if (own && now && X509_cmp(own, now) != 0)
        add_problem(list, role, file,
            "the file has another certificate than the one in use: reload the daemon");
    X509_free(now);
    X509_free(own);
    BIO_free(in);
    ERR_clear_error();
}

/* ---- the backend's: its options that end in "certificate" ---- */

static void add_backend(json_t *list, const struct kh_backend *backend)
{
    static const char end[] = "certificate";
    const struct kh_plugin *plugin = kh_backend_plugin(backend);

    for (size_t i = 0; i < plugin->option_count; i++) {
        const struct kh_option *option = &plugin->options[i];
        size_t len = strlen(option->name);
        const char *file;
        char role[128];

        if (option->type != KH_OPT_PATH || len < sizeof end - 1 ||
            strcmp(option->name + len - (sizeof end - 1), end) != 0)
            continue;
        file = kh_backend_option(backend, option->name);
        snprintf(
            role, sizeof role, "backend %s, %s", kh_backend_name(backend), option->name);
        if (file)
            add_file(list, role, file, false);
    }
}

/* ---- clients ---- */

static int by_end(const void *a, const void *b)
{
    const json_t *left = json_object_get(*(json_t *const *)a, "days_left");
    const json_t *right = json_object_get(*(json_t *const *)b, "days_left");
    json_int_t x = json_is_integer(left) ? json_integer_value(left) : INT32_MIN;
    json_int_t y = json_is_integer(right) ? json_integer_value(right) : INT32_MIN;

    return (x > y) - (x < y);
}

/* The first ones of FOUND, in the order in which they end. */
static void append_sorted(json_t *list, const json_t *found)
{
    size_t count = json_array_size(found);
    json_t **all = calloc(count + 1, sizeof(json_t *));

    if (!all)
        return;
    for (size_t i = 0; i < count; i++)
        all[i] = json_array_get(found, i);
    qsort(all, count, sizeof(json_t *), by_end);
    for (size_t i = 0; i < count && i < KH_CERTS_CLIENTS_MAX; i++)
        (void)json_array_append(list, all[i]);
    free(all);
}

static bool is_pin(const char *name)
{
    size_t len = strlen(name);

    return *name != '.' && len > 4 && strcmp(name + len - 4, ".pem") == 0;
}

/* How many there are; those beyond PINS_MAX are not looked at. */
static size_t add_pins(json_t *list, const char *path)
{
    DIR *dir = path ? opendir(path) : NULL;
    json_t *found = json_array();
    const struct dirent *entry;
    size_t count = 0;

    while (dir && (entry = readdir(dir)) != NULL) {
        char file[KH_PIN_PATH];

        if (!is_pin(entry->d_name) || (size_t)snprintf(file, sizeof file, "%s/%s", path,
                                          entry->d_name) >= sizeof file)
            continue;
        if (++count <= PINS_MAX)
            add_file(found, "trusted client", file, false);
    }
    if (dir)
        closedir(dir);
    append_sorted(list, found);
    json_decref(found);
    return count;
}

static json_t *collect(struct kh_tls *tls, const struct kh_backend *backend)
{
    const struct kh_tls_options *options = kh_tls_made_with(tls);
    json_t *list = json_array();
    size_t pins;

    add_own(list, tls);
    add_backend(list, backend);
    if (options->ca_file)
        add_file(list, "authority of clients", options->ca_file, true);
    pins = add_pins(list, options->trust_dir);
    return json_pack("{s:o,s:I}", "list", list, "more",
        (json_int_t)(pins > KH_CERTS_CLIENTS_MAX ? pins - KH_CERTS_CLIENTS_MAX : 0));
}

json_t *kh_certs_json(
    struct kh_certs *certs, struct kh_tls *tls, const struct kh_backend *backend)
{
    uint64_t now = kh_clock_ms();
    json_t *copy;

    pthread_mutex_lock(&certs->mutex);
    if (!certs->last || now >= certs->until || certs->backend != backend) {
        json_decref(certs->last);
        certs->last = collect(tls, backend);
        certs->until = now + FRESH_MS;
        certs->backend = backend;
    }
    copy = json_deep_copy(certs->last);
    pthread_mutex_unlock(&certs->mutex);
    return copy;
}
