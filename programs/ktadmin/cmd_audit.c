#include "programs/ktadmin/commands.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"
#include "programs/ktadmin/trustee.h"
#include "server/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct verify {
    struct kh_setup_args setup;
    const char *hash;
    const char *seq;
    bool json;
};

/* --expect in the form that the log has. */
static kh_status read_hash(
    const char *text, char out[KH_AUDIT_HASH], struct kh_error *err)
{
    size_t len = strlen(text);

    if (len != KH_AUDIT_HASH - 1 || text[strspn(text, "0123456789abcdefABCDEF")])
        return kh_fail(err, KH_INVALID, "--expect: give the 64 hex digits of a hash");
    for (size_t i = 0; i <= len; i++)
        out[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i]);
    return KH_OK;
}

static kh_status read_seq(const char *text, uint64_t *out, struct kh_error *err)
{
    char *end = NULL;

    errno = 0;
    *out = strtoull(text, &end, 10);
    if (*text < '1' || *text > '9' || *end || errno)
        return kh_fail(
            err, KH_INVALID, "--expect-seq %.32s: give the number of an entry", text);
    return KH_OK;
}

static void print(const struct kh_audit_report *r)
{
    printf("%-14s %" PRIu64 "\n", "entries", r->entries);
    printf("%-14s %" PRIu64 "\n", "first", r->first);
    printf("%-14s %" PRIu64 "\n", "last", r->last);
    printf("%-14s %" PRIu64 "\n", "interrupted", r->torn);
    printf("%-14s %s\n", "head", r->head);
}

static kh_status print_json(
    const struct kh_audit_report *r, const char *fault, struct kh_error *err)
{
    return kh_json_print(
        json_pack("{s:b,s:s*,s:I,s:I,s:I,s:I,s:s}", "right", !fault, "fault", fault,
            "entries", (json_int_t)r->entries, "first", (json_int_t)r->first, "last",
            (json_int_t)r->last, "interrupted", (json_int_t)r->torn, "head", r->head),
        err);
}

/* Verifies, and prints what is right in front of a fault, too. */
static kh_status verify(
    const struct verify *v, const char *const *files, size_t count, struct kh_error *err)
{
    struct kh_audit_expected expected = {0};
    struct kh_audit_report report;
    struct kh_error why = {0};
    char hash[KH_AUDIT_HASH];
    kh_status status = v->hash ? read_hash(v->hash, hash, err) : KH_OK;

    if (status == KH_OK && v->seq)
        status = read_seq(v->seq, &expected.seq, err);
    if (status != KH_OK)
        return status;
    if (v->hash)
        expected.hash = hash;
    status = kh_audit_verify(files, count, &expected, &report, err);
    if (status != KH_OK && status != KH_CORRUPT)
        return status;
    if (!v->json)
        print(&report);
    else if (print_json(&report, status == KH_OK ? NULL : err->message, &why) != KH_OK) {
        *err = why;
        return why.status;
    }
    if (kh_output_flush(&why) != KH_OK) {
        *err = why;
        return why.status;
    }
    return status;
}

/* The file that keytrusteed writes. */
static kh_status verify_configured(const struct verify *v, struct kh_error *err)
{
    struct kh_setup setup;
    kh_status status = kh_trustee_setup(&setup, &v->setup, NULL, err);
    const char *file;

    if (status != KH_OK)
        return status;
    file = kh_config_string(setup.config, "audit", "file");
    status = verify(v, &file, 1, err);
    kh_setup_free(&setup);
    return status;
}

int kh_cmd_audit_verify(int argc, char **argv)
{
    struct verify v = {0};
    const struct kh_cli_option options[] = {
        {"expect", 0, "HASH", "an entry with this hash, noted earlier, must be there",
            &v.hash, NULL, 0},
        {"expect-seq", 0, "N", "it must be entry N", &v.seq, NULL, 0},
        {"json", 'j', NULL, "as a JSON object", &v.json, NULL, 0},
        KH_SETUP_OPTIONS(v.setup),
    };
    const struct kh_cli cli = {.program = "ktadmin audit verify",
        .arguments = "[FILE]...",
        .summary = "Checks that an audit log is as keytrusteed wrote it.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more =
            "FILEs are one log, oldest first; - is standard input. Without one, it is "
            "the file of\n"
            "[audit] in keytrustee.ini. The last line printed is the hash to note for "
            "--expect.\n\n"
            "Exit codes: 0 right, 1 broken, 2 usage or configuration, 4 no such file, "
            "5 unreadable."};
    struct kh_task task = {.program = cli.program};
    struct kh_error err = {0};
    int first = kh_cli_parse(&cli, argc, argv, false);
    kh_status status;

    if (first < argc)
        status =
            verify(&v, (const char *const *)argv + first, (size_t)(argc - first), &err);
    else
        status = verify_configured(&v, &err);
    return kh_task_end(&task, status, &err);
}
