#include "programs/keyhsm/backend/report.h"

#include "core/backup/digest.h"
#include "core/fileio.h"
#include "core/version.h"
#include "programs/keyhsm/backend/look.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A plugin that writes to standard output breaks what people pipe. */
#define PRINTS "nothing_is_written_to_standard_output"

unsigned kh_report_failures(const struct kh_suite *suite)
{
    unsigned failures = *suite->printed_in ? 1 : 0;

    for (size_t i = 0; i < suite->count; i++)
        failures += !suite->results[i].passed;
    return failures;
}

static void print_plugin(const struct kh_plugin *plugin, const char *path)
{
    char capabilities[128];

    (void)path;
    kh_capabilities_text(plugin->capabilities, capabilities, sizeof capabilities);
    printf(
        "plugin         %s %s: %s\ncapabilities   %s\nABI            %u, a table of %u "
        "bytes\n",
        plugin->name, plugin->version, plugin->description, capabilities, plugin->abi,
        plugin->size);
}

/* The digest of the file, so that a report belongs to one build. */
static void print_digest(const char *path)
{
    struct kh_error err = {0};
    char hex[65];

    if (kh_digest_file(path, hex, &err) != KH_OK)
        (void)snprintf(hex, sizeof hex, "could not be made");
    printf("SHA-256        %s\n", hex);
}

static void print_header(const struct kh_suite *suite)
{
    char path[PATH_MAX + 80];
    char when[32] = "";
    struct kh_error err = {0};
    time_t now = time(NULL);
    struct tm utc;

    (void)snprintf(path, sizeof path, "%s/%s.so", suite->plugin.dir, suite->plugin.name);
    if (gmtime_r(&now, &utc))
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    printf("The contract of a keyhsm backend\n\nfile           %s\n", path);
    print_digest(path);
    if (kh_plugin_look(&suite->plugin, suite->seconds, print_plugin, &err) != KH_OK)
        printf("plugin         %s\n", err.message);
    printf("tested         %s by keyhsm %s\n\n", when, kh_version);
}

static void print_lines(const char *detail)
{
    while (*detail) {
        size_t len = strcspn(detail, "\n");

        printf("          %.*s\n", (int)len, detail);
        detail += len + (detail[len] == '\n');
    }
}

void kh_report_print(const struct kh_suite *suite)
{
    unsigned failures = kh_report_failures(suite);

    print_header(suite);
    for (size_t i = 0; i < suite->count; i++) {
        const struct kh_suite_result *r = &suite->results[i];

        printf("%s  %s\n", r->passed ? "passed" : "FAILED", r->name);
        print_lines(r->detail);
    }
    printf("%s  " PRINTS "\n", *suite->printed_in ? "FAILED" : "passed");
    if (*suite->printed_in)
        printf("          in %s: \"%s\"\n", suite->printed_in, suite->printed);
    printf("\n%zu passed, %u failed\n", suite->count + 1 - failures, failures);
    if (suite->count < suite->expected)
        printf("%zu more were not run\n", suite->expected - suite->count);
}

/* ---- JUnit ------------------------------------------------------- */

static void put_text(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            (void)fputs("&lt;", f);
        else if (*text == '>')
            (void)fputs("&gt;", f);
        else if (*text == '&')
            (void)fputs("&amp;", f);
        else if (*text == '"')
            (void)fputs("&quot;", f);
        else if ((unsigned char)*text >= ' ' || *text == '\n')
            (void)fputc(*text, f);
    }
}

static void put_case(FILE *f, const struct kh_suite *suite, const char *name,
    double seconds, const char *failure)
{
    (void)fprintf(f,
        "  <testcase classname=\"keyhsm.backend.%s\" name=\"%s\" time=\"%.3f\"",
        suite->plugin.name, name, seconds);
    if (!failure) {
        (void)fputs("/>\n", f);
        return;
    }
    (void)fputs("><failure message=\"", f);
    put_text(f, failure);
    (void)fputs("\"/></testcase>\n", f);
}

kh_status kh_report_junit(
    const struct kh_suite *suite, const char *path, struct kh_error *err)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    kh_status st;

    if (!f)
        return kh_fail(err, KH_FATAL, "no memory for %s", path);
    (void)fprintf(f,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuite name=\"keyhsm.backend.%s\" tests=\"%zu\" failures=\"%u\">\n",
        suite->plugin.name, suite->count + 1, kh_report_failures(suite));
    for (size_t i = 0; i < suite->count; i++) {
        const struct kh_suite_result *r = &suite->results[i];

        put_case(f, suite, r->name, r->seconds, r->passed ? NULL : r->detail);
    }
    put_case(f, suite, PRINTS, 0, *suite->printed_in ? suite->printed : NULL);
    (void)fputs("</testsuite>\n", f);
    if (fclose(f) != 0)
        return kh_fail(err, KH_FATAL, "no memory for %s", path);
    st = kh_file_write(path, text, len, 0644, false, err);
    free(text);
    return st;
}
