#include "server/metrics_parts.h"

#include "core/fileio.h"
#include "core/secmem.h"
#include "server/exposition.h"
#include "server/trust.h"

#include <dirent.h>
#include <string.h>

static const char family[] = "keyhsm_certificate_expiry_timestamp_seconds";

enum { CERTIFICATES_MAX = 1 << 20 }; /* bytes of a file; a system's authorities: 220 K */

struct lookout {
    FILE *to;
    const char *prefix; /* of the sections to look at */
};

/* The earliest end in the PEM file PATH, or -1: it is not there or holds none. */
static int64_t earliest(const char *path)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    struct kh_error err = {0};

    if (kh_file_read(path, CERTIFICATES_MAX, &text, &err) != KH_OK)
        return -1;
    return kh_certs_expiry(text.data, text.len);
}

static void print(FILE *to, const char *section, const char *option, int64_t when)
{
    if (when < 0)
        return;
    fprintf(to, "%s{option=\"%s.%s\"} %lld\n", family, section, option, (long long)when);
}

static kh_status look(void *arg, const struct kh_config_value *v, struct kh_error *err)
{
    const struct lookout *lookout = arg;

    (void)err;
    if (strcmp(v->section, lookout->prefix) == 0 && v->value &&
        (v->option->flags & KH_OPT_CERTIFICATES))
        print(lookout->to, v->section, v->option->name, earliest(v->value));
    return KH_OK;
}

/* Of all pins; what is no certificate is not believed and not counted. */
static void print_pins(const char *path, FILE *to)
{
    DIR *dir = path ? opendir(path) : NULL;
    char file[KH_PIN_PATH];
    int64_t first = -1;

    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        const char *end = strrchr(entry->d_name, '.');
        int64_t when;
        int n = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);

        if (!end || strcmp(end, ".pem") != 0 || n < 0 || n >= (int)sizeof file)
            continue;
        when = earliest(file);
        if (when >= 0 && (first < 0 || when < first))
            first = when;
    }
    (void)closedir(dir);
    print(to, "tls", "trust_dir", first);
}

void kh_metrics_expiry(struct kh_app *app, FILE *to)
{
    const struct kh_config *config = kh_backend_config(app->backend);
    char section[KH_NAME_MAX + 16];
    struct lookout lookout = {to, "tls"};
    X509 *own = kh_tls_certificate(app->tls);
    struct kh_error err = {0};

    kh_expose_head(to, family, "gauge",
        "When the first certificate of an option ends, seconds since 1970; "
        "tls.certificate is the one in use, not the one in the file.");
    print(to, "tls", "certificate", own ? kh_cert_expiry(own) : -1);
    X509_free(own);
    (void)!kh_config_values(config, look, &lookout, &err);
    print_pins(kh_config_string(config, "tls", "trust_dir"), to);
    snprintf(section, sizeof section, "backend.%s", kh_backend_name(app->backend));
    lookout.prefix = section;
    (void)!kh_config_values(config, look, &lookout, &err);
}
