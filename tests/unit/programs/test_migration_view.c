/* What an operator sees of a migration, with a clock of our own; and what counts as a
 * yes. */
#include "programs/common/migration_ask.h"
#include "programs/common/migration_view.h"
#include "tests/lib/testlib.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000ULL

static uint64_t now;

static uint64_t clock_of_test(void)
{
    return now;
}

struct seen {
    struct kh_migration_view view;
    char *out;
    char *err;
    size_t out_len;
    size_t err_len;
};

static void look(struct seen *s, bool tty, bool json)
{
    memset(s, 0, sizeof *s);
    now = 1000 * SECOND;
    s->view = (struct kh_migration_view){.program = "ktmigrate",
        .tty = tty,
        .json = json,
        .out = open_memstream(&s->out, &s->out_len),
        .err = open_memstream(&s->err, &s->err_len),
        .clock = clock_of_test};
}

static void flush(struct seen *s)
{
    (void)fflush(s->view.out);
    (void)fflush(s->view.err);
}

static void look_away(struct seen *s)
{
    (void)fclose(s->view.out);
    (void)fclose(s->view.err);
    free(s->out);
    free(s->err);
}

static void phase(struct seen *s)
{
    kh_migration_view_event(&s->view, &(struct kh_migration_event){.kind = KH_EVENT_PHASE,
                                          .phase = KH_PHASE_COPY,
                                          .total = 5000,
                                          .version = -1});
}

static void progress(struct seen *s, uint64_t done, uint64_t total)
{
    kh_migration_view_event(
        &s->view, &(struct kh_migration_event){.kind = KH_EVENT_PROGRESS,
                      .phase = KH_PHASE_COPY,
                      .done = done,
                      .total = total,
                      .version = -1});
    flush(s);
}

static void finding(struct seen *s, const char *name, int64_t version)
{
    kh_migration_view_event(
        &s->view, &(struct kh_migration_event){.kind = KH_EVENT_FINDING,
                      .phase = KH_PHASE_PLAN,
                      .code = "corrupt",
                      .name = name,
                      .version = version,
                      .message = "torn \xff file"});
    flush(s);
}

static void a_bar_shows_rate_and_time_left_and_goes_away(void)
{
    struct seen s;

    look(&s, true, false);
    phase(&s);
    now += 4 * SECOND;
    progress(&s, 1250, 5000);
    CU_ASSERT_PTR_NOT_NULL(strstr(
        s.err, "copy   [######..................] 1250 of 5000 (25%), 312/s, 0:12 left"));
    CU_ASSERT_EQUAL(s.out_len, 0);
    kh_migration_view_say(&s.view, "a line");
    flush(&s);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err, "left\033[K\r\033[Kktmigrate: a line\n"));
    look_away(&s);
}

static void a_bar_of_an_unknown_total_counts(void)
{
    struct seen s;

    look(&s, true, false);
    phase(&s);
    now += 2 * SECOND;
    progress(&s, 100, 0);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(s.err, "[........................] 100 versions, 50/s"));
    look_away(&s);
}

static void without_a_terminal_a_line_comes_every_ten_seconds(void)
{
    struct seen s;

    look(&s, false, false);
    phase(&s);
    now += 9 * SECOND;
    progress(&s, 900, 5000);
    CU_ASSERT_EQUAL(s.err_len, 0);
    now += 1 * SECOND;
    progress(&s, 1000, 5000);
    CU_ASSERT_STRING_EQUAL(
        s.err, "ktmigrate: copy: 1000 of 5000 (20%), 100/s, 0:40 left\n");
    now += 9 * SECOND;
    progress(&s, 1900, 5000);
    CU_ASSERT_PTR_NULL(strstr(s.err, "1900"));
    look_away(&s);
}

static void findings_name_the_deposit_and_the_version(void)
{
    struct seen s;

    look(&s, false, false);
    finding(&s, "my%20key", 3);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(s.err, "ktmigrate: finding: corrupt: my%20key version 3: torn"));
    finding(&s, "my%20key", -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err, "finding: corrupt: my%20key: torn"));
    finding(&s, NULL, -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err, "finding: corrupt: torn"));
    look_away(&s);
}

static void json_lines_are_json_whatever_the_message_holds(void)
{
    struct kh_migration_result result = {
        .outcome = KH_MIGRATION_COMMITTED, .versions = 7};
    const char *line;
    struct seen s;
    json_t *object;
    unsigned lines = 0;

    look(&s, false, true);
    phase(&s);
    progress(&s, 3, 5000);
    finding(&s, "my%20key", 3);
    kh_migration_view_result(&s.view, &result, 0);
    flush(&s);
    CU_ASSERT_EQUAL(s.err_len, 0);
    for (line = s.out; *line; line = strchr(line, '\n') + 1, lines++) {
        object = json_loads(line, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, NULL);
        CU_ASSERT_PTR_NOT_NULL(object);
        CU_ASSERT_PTR_NOT_NULL(json_object_get(object, "event"));
        json_decref(object);
    }
    CU_ASSERT_EQUAL(lines, 4);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "\"message\":\"torn %FF file\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "\"outcome\":\"committed\""));
    look_away(&s);
}

static void the_last_word_sums_up(void)
{
    struct kh_migration_result result = {.deposits = 2,
        .versions = 3,
        .deleted = 1,
        .present = 1,
        .copied = 2,
        .verified = 3,
        .report = "/x/report.json"};
    struct seen s;

    look(&s, false, false);
    kh_migration_view_result(&s.view, &result, 0);
    flush(&s);
    CU_ASSERT_STRING_EQUAL(s.err,
        "ktmigrate: 2 deposits, 3 versions (1 deleted): 1 were there before, 2 copied, 3 "
        "verified\nktmigrate: report: /x/report.json\n");
    CU_ASSERT_EQUAL(s.out_len, 0);
    look_away(&s);
}

static void only_y_and_yes_are_a_yes(void)
{
    static const char *const yes[] = {"y", "Y", "yes", "YES", "Yes", " y ", "yes\r"};
    static const char *const no[] = {"", " ", "n", "no", "ye", "yess", "yy", "y y",
        "yes please", "1", "true", "ja", "oy"};

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        CU_ASSERT_TRUE(kh_migration_is_yes(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        CU_ASSERT_FALSE(kh_migration_is_yes(no[i]));
}

static void outcomes_have_names(void)
{
    CU_ASSERT_STRING_EQUAL(kh_migration_outcome_name(KH_MIGRATION_PLANNED), "planned");
    CU_ASSERT_STRING_EQUAL(
        kh_migration_outcome_name(KH_MIGRATION_COMMITTED), "committed");
    CU_ASSERT_STRING_EQUAL(kh_migration_outcome_name(KH_MIGRATION_FAILED), "failed");
    CU_ASSERT_STRING_EQUAL(kh_migration_outcome_name(KH_MIGRATION_FINDINGS), "findings");
    CU_ASSERT_STRING_EQUAL(
        kh_migration_outcome_name(KH_MIGRATION_INTERRUPTED), "interrupted");
    CU_ASSERT_STRING_EQUAL(
        kh_migration_outcome_name(KH_MIGRATION_UNAVAILABLE), "unavailable");
    CU_ASSERT_STRING_EQUAL(kh_migration_phase_name(KH_PHASE_VERIFY), "verify");
}

static const struct kh_test tests[] = {
    {"a_bar_shows_rate_and_time_left_and_goes_away",
        a_bar_shows_rate_and_time_left_and_goes_away},
    {"a_bar_of_an_unknown_total_counts", a_bar_of_an_unknown_total_counts},
    {"without_a_terminal_a_line_comes_every_ten_seconds",
        without_a_terminal_a_line_comes_every_ten_seconds},
    {"findings_name_the_deposit_and_the_version",
        findings_name_the_deposit_and_the_version},
    {"json_lines_are_json_whatever_the_message_holds",
        json_lines_are_json_whatever_the_message_holds},
    {"the_last_word_sums_up", the_last_word_sums_up},
    {"only_y_and_yes_are_a_yes", only_y_and_yes_are_a_yes},
    {"outcomes_have_names", outcomes_have_names},
};

int main(void)
{
    return kh_test_main("migration view", tests, sizeof tests / sizeof tests[0]);
}
