/* A list of checks, as text and as JSON. */
#include "programs/keyhsm/checklist.h"

#include "core/fileio.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct kh_error err;
static int saved = -1;
static char *path;

/* Standard output goes to a file until `said`. */
static void listen_to_it(void)
{
    int fd;

    free(path);
    path = kh_test_path(kh_test_dir(), "out");
    (void)fflush(stdout);
    saved = dup(STDOUT_FILENO);
    fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    CU_ASSERT_FATAL(saved >= 0 && fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
    (void)close(fd);
}

static char *said(void)
{
    struct kh_buf text = {0};
    char *copy;

    (void)fflush(stdout);
    CU_ASSERT_FATAL(dup2(saved, STDOUT_FILENO) >= 0);
    (void)close(saved);
    KH_ASSERT_OK_FATAL(kh_file_read(path, 65536, &text, &err), err);
    copy = text.len ? strndup((const char *)text.data, text.len) : strdup("");
    kh_buf_free(&text);
    return copy;
}

static void fill(struct kh_checklist *list)
{
    const struct kh_error wrong = {KH_REFUSED, "no token 'x'"};
    const struct kh_finding finding = {
        "module", KH_UNAVAILABLE, "gone \xe4", "install it"};

    kh_check_ok(list, "log", "%s", "stderr");
    kh_check_warning(list, "trust", "a pin", "look");
    kh_check_failed(list, "token", &wrong, NULL);
    kh_check_skipped(list, "login", "not tried: %d", 7);
    kh_check_finding(list, &finding);
    CU_ASSERT_EQUAL(kh_checklist_failures(list), 2);
}

static void text_is_a_line_each_and_the_remedy_below(void)
{
    struct kh_checklist *list = kh_checklist_new(false);
    char *text;

    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    listen_to_it();
    fill(list);
    KH_ASSERT_OK(kh_checklist_end(list, &err), err);
    text = said();
    CU_ASSERT_STRING_EQUAL(text, "ok        log               stderr\n"
                                 "warning   trust             a pin\n"
                                 "                            -> look\n"
                                 "failed    token             no token 'x'\n"
                                 "unchecked login             not tried: 7\n"
                                 "failed    module            gone \xe4\n"
                                 "                            -> install it\n"
                                 "5 checks: 1 ok, 1 warning, 2 failed, 1 unchecked\n");
    free(text);
}

static const char *of(const json_t *checks, size_t i, const char *member)
{
    const char *text =
        json_string_value(json_object_get(json_array_get(checks, i), member));

    return text ? text : "-";
}

static void json_has_every_check_and_takes_any_bytes(void)
{
    struct kh_checklist *list = kh_checklist_new(true);
    json_t *root;
    json_t *checks;
    char *text;

    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    listen_to_it();
    fill(list);
    KH_ASSERT_OK(kh_checklist_end(list, &err), err);
    text = said();
    root = json_loads(text, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    checks = json_object_get(root, "checks");
    CU_ASSERT_TRUE(json_is_false(json_object_get(root, "ok")));
    CU_ASSERT_EQUAL(json_array_size(checks), 5);
    CU_ASSERT_STRING_EQUAL(of(checks, 0, "status"), "ok");
    CU_ASSERT_STRING_EQUAL(of(checks, 1, "remedy"), "look");
    CU_ASSERT_STRING_EQUAL(of(checks, 2, "remedy"), "-");
    CU_ASSERT_STRING_EQUAL(of(checks, 3, "detail"), "not tried: 7");
    CU_ASSERT_STRING_EQUAL(of(checks, 4, "check"), "module");
    CU_ASSERT_STRING_EQUAL(of(checks, 4, "detail"), "gone ?");
    json_decref(root);
    free(text);
    list = kh_checklist_new(true);
    listen_to_it();
    kh_check_ok(list, "log", "well");
    KH_ASSERT_OK(kh_checklist_end(list, &err), err);
    text = said();
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"ok\": true"));
    free(text);
}

static void output_that_is_lost_is_said(void)
{
    struct kh_checklist *list = kh_checklist_new(true);
    int full = open("/dev/full", O_WRONLY);

    CU_ASSERT_FATAL(list && full >= 0);
    listen_to_it();
    CU_ASSERT(dup2(full, STDOUT_FILENO) >= 0);
    (void)close(full);
    kh_check_ok(list, "log", "well");
    KH_ASSERT_FAILS(
        kh_checklist_end(list, &err), KH_UNAVAILABLE, err, "cannot be written");
    clearerr(stdout);
    free(said());
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"text_is_a_line_each_and_the_remedy_below",
            text_is_a_line_each_and_the_remedy_below},
        {"json_has_every_check_and_takes_any_bytes",
            json_has_every_check_and_takes_any_bytes},
        {"output_that_is_lost_is_said", output_that_is_lost_is_said},
    };
    int status = kh_test_main("keyhsm/checklist", tests, sizeof tests / sizeof tests[0]);

    free(path);
    return status;
}
