#include "tests/unit/server/audit_lab.h"

#include "core/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct kh_error err;
char *lab_path;

void lab_new(void)
{
    static const char *dir;
    static unsigned count;

    if (!dir) {
        dir = kh_test_dir();
        KH_ASSERT_OK(kh_log_open("test", "stderr", KH_LOG_ERROR, &err), err);
    }
    free(lab_path);
    lab_path = kh_test_path(dir, "audit%u.log", ++count);
    err = (struct kh_error){0};
}

struct kh_audit *lab_open(void)
{
    struct kh_audit *audit;

    KH_ASSERT_OK_FATAL(kh_audit_open(&audit, lab_path, &err), err);
    return audit;
}

kh_status lab_put(struct kh_audit *audit, const char *deposit)
{
    const struct kh_audit_entry entry = {"id-1", "CN=alice,O=Example",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "get",
        deposit, "0", NULL, NULL, 200};

    return kh_audit_write(audit, &entry, &err);
}

void lab_fill(unsigned count)
{
    struct kh_audit *audit;

    lab_new();
    audit = lab_open();
    for (unsigned i = 1; i <= count; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "k%u", i);
        KH_ASSERT_OK(lab_put(audit, name), err);
    }
    kh_audit_close(audit);
}

char *lab_beside(const char *suffix)
{
    char *path = NULL;

    if (asprintf(&path, "%s%s", lab_path, suffix) < 0)
        abort();
    return path;
}

char *lab_text(const char *suffix, size_t *len)
{
    char *path = lab_beside(suffix);
    FILE *file = fopen(path, "re");
    struct stat sb = {0};
    char *text;

    free(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL_FATAL(fstat(fileno(file), &sb), 0);
    text = calloc(1, (size_t)sb.st_size + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    *len = fread(text, 1, (size_t)sb.st_size, file);
    fclose(file);
    return text;
}

void lab_overwrite(const char *text, size_t len)
{
    kh_test_write(lab_path, text, len, 0640);
}

void lab_append(const void *text, size_t len)
{
    FILE *file = fopen(lab_path, "ae");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(text, 1, len, file), len);
    fclose(file);
}

void lab_rotate(const char *suffix)
{
    char *path = lab_beside(suffix);

    CU_ASSERT_EQUAL_FATAL(rename(lab_path, path), 0);
    free(path);
}

kh_status lab_verify(
    const struct kh_audit_expected *expected, struct kh_audit_report *report)
{
    const char *files[] = {lab_path};

    err = (struct kh_error){0};
    return kh_audit_verify(files, 1, expected, report, &err);
}

kh_status lab_verify_both(struct kh_audit_report *report)
{
    char *path = lab_beside(".1");
    const char *files[] = {path, lab_path};
    kh_status st;

    err = (struct kh_error){0};
    st = kh_audit_verify(files, 2, NULL, report, &err);
    free(path);
    return st;
}
