/* The end of an audit log: the last entries, newest first, whatever stands between them.
 */
#include "tests/unit/server/audit_lab.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static char told[4096]; /* the deposits, in the order in which they were told */
static unsigned lines;

static void take(void *arg, const char *line, size_t len)
{
    static const char member[] = "\"deposit\":\"";
    const char *at = memmem(line, len, member, sizeof member - 1);
    size_t used = strlen(told);

    (void)arg;
    lines++;
    CU_ASSERT_EQUAL(line[0], '{');
    CU_ASSERT_EQUAL(line[len - 1], '}');
    if (at)
        snprintf(told + used, sizeof told - used, "%.*s ",
            (int)strcspn(at + sizeof member - 1, "\""), at + sizeof member - 1);
}

static const char *tail(struct kh_audit *audit, unsigned max)
{
    told[0] = '\0';
    lines = 0;
    KH_ASSERT_OK(kh_audit_tail(audit, max, take, NULL, &err), err);
    return told;
}

static void the_newest_is_told_first(void)
{
    struct kh_audit *audit;

    lab_new();
    audit = lab_open();
    CU_ASSERT_EQUAL(lab_put(audit, "a"), KH_OK);
    CU_ASSERT_EQUAL(lab_put(audit, "b"), KH_OK);
    CU_ASSERT_EQUAL(lab_put(audit, "c"), KH_OK);
    CU_ASSERT_STRING_EQUAL(tail(audit, 2), "c b ");
    CU_ASSERT_STRING_EQUAL(tail(audit, 20), "c b a  "); /* and audit.start */
    CU_ASSERT_EQUAL(lines, 4);
    CU_ASSERT_STRING_EQUAL(tail(audit, 0), "");
    CU_ASSERT_EQUAL(lines, 0);
    kh_audit_close(audit);
}

static void entries_of_before_a_restart_are_there(void)
{
    struct kh_audit *audit;

    lab_fill(3);
    audit = lab_open();
    CU_ASSERT_STRING_EQUAL(tail(audit, 3), " k3 k2 ");
    kh_audit_close(audit);
}

static void what_is_torn_is_left_out(void)
{
    struct kh_audit *audit;

    lab_fill(2);
    lab_append("{\"seq\":4,\"ti", 12);
    audit = lab_open();
    CU_ASSERT_EQUAL(lab_put(audit, "after"), KH_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(tail(audit, 10), "after "));
    CU_ASSERT_PTR_NOT_NULL(strstr(told, "k2 k1 "));
    CU_ASSERT_PTR_NULL(strstr(told, "ti"));
    kh_audit_close(audit);
}

static void of_a_long_log_the_end_is_read(void)
{
    struct kh_audit *audit;

    lab_fill(400);
    audit = lab_open();
    CU_ASSERT_STRING_EQUAL(tail(audit, 3), " k400 k399 ");
    (void)tail(audit, 1000); /* as many as stand in 64 KiB */
    CU_ASSERT_TRUE(lines > 20 && lines < 400);
    kh_audit_close(audit);
}

static void a_new_file_has_its_own_entries(void)
{
    struct kh_audit *audit;

    lab_new();
    audit = lab_open();
    CU_ASSERT_EQUAL(lab_put(audit, "old"), KH_OK);
    lab_rotate(".1");
    KH_ASSERT_OK(kh_audit_reopen(audit, &err), err);
    CU_ASSERT_EQUAL(lab_put(audit, "new"), KH_OK);
    CU_ASSERT_STRING_EQUAL(tail(audit, 10), "new  "); /* and audit.rotate */
    kh_audit_close(audit);
}

static void *write_many(void *audit)
{
    for (unsigned i = 0; i < 50; i++)
        (void)!lab_put(audit, "x");
    return NULL;
}

static void it_is_read_while_others_write(void)
{
    struct kh_audit *audit;
    pthread_t writer;

    lab_new();
    audit = lab_open();
    CU_ASSERT_EQUAL_FATAL(pthread_create(&writer, NULL, write_many, audit), 0);
    for (unsigned i = 0; i < 50; i++) {
        (void)tail(audit, 5);
        CU_ASSERT_TRUE(lines >= 1 && lines <= 5);
    }
    pthread_join(writer, NULL);
    CU_ASSERT_STRING_EQUAL(tail(audit, 2), "x x ");
    kh_audit_close(audit);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"the newest is told first", the_newest_is_told_first},
        {"entries of before a restart are there", entries_of_before_a_restart_are_there},
        {"what is torn is left out", what_is_torn_is_left_out},
        {"of a long log the end is read", of_a_long_log_the_end_is_read},
        {"a new file has its own entries", a_new_file_has_its_own_entries},
        {"it is read while others write", it_is_read_while_others_write},
    };
    int status = kh_test_main("server/audit_tail", tests, sizeof tests / sizeof tests[0]);

    free(lab_path);
    return status;
}
