#include "programs/ktadmin/target.h"

#include "programs/ktadmin/task.h"
#include "tests/lib/testlib.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void refuse(const struct kh_target_options *options, const char *word)
{
    struct kh_error err = {0};

    KH_ASSERT_FAILS(kh_target_check(options, &err), KH_INVALID, err, word);
}

static void one_target_is_needed_and_not_two(void)
{
    struct kh_target_options o = {0};

    refuse(&o, "--backend NAME");
    o.backend = "softfile";
    o.server = "https://h:1";
    refuse(&o, "exclude");
}

static void a_server_needs_https_certificate_and_key(void)
{
    struct kh_target_options o = {.server = "http://h:1"};
    struct kh_error err = {0};

    refuse(&o, "https://");
    o.server = "https://h:1";
    refuse(&o, "--client-certfile");
    o.client_certfile = "c";
    refuse(&o, "--client-keyfile");
    o.client_keyfile = "k";
    KH_ASSERT_OK(kh_target_check(&o, &err), err);
}

static void a_passphrase_has_one_source_of_a_known_form(void)
{
    struct kh_target_options o = {.server = "https://h:1",
        .client_certfile = "c",
        .client_keyfile = "k",
        .passphrase = true,
        .passphrase_source = "file:/x"};
    struct kh_error err = {0};

    refuse(&o, "exclude");
    o.passphrase = false;
    KH_ASSERT_OK(kh_target_check(&o, &err), err);
    o.passphrase_source = "hunter2";
    CU_ASSERT_EQUAL(kh_target_check(&o, &err), KH_INVALID);
    CU_ASSERT_PTR_NULL(strstr(err.message, "hunter2"));
}

static void a_ticket_may_stand_in_for_a_certificate(void)
{
    struct kh_target_options o = {.server = "https://localhost"};
    struct kh_error err = {0};

    refuse(&o, "or --negotiate");
    o.negotiate = true;
    KH_ASSERT_OK(kh_target_check(&o, &err), err);
    o.client_certfile = "c";
    refuse(&o, "belong together");
    o.client_keyfile = "k";
    KH_ASSERT_OK(kh_target_check(&o, &err), err);
    o = (struct kh_target_options){.backend = "softfile", .negotiate = true};
    refuse(&o, "belong to --server");
}

static void options_of_a_daemon_are_refused_with_a_backend(void)
{
    struct kh_target_options o = {.backend = "softfile"};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_target_check(&o, &err), err);
    o.cacert = "c";
    refuse(&o, "belong to --server");
}

static void each_outcome_has_its_exit_code(void)
{
    CU_ASSERT_EQUAL(kh_task_exit_code(KH_OK), 0);
    CU_ASSERT_EQUAL(kh_task_exit_code(KH_CORRUPT), 1);
    CU_ASSERT_EQUAL(kh_task_exit_code(KH_FATAL), 1);
    CU_ASSERT_EQUAL(kh_task_exit_code(KH_INVALID), 2);
    CU_ASSERT_EQUAL(kh_task_exit_code(KH_NOT_FOUND), 4);
    CU_ASSERT_EQUAL(kh_task_exit_code(KH_UNAVAILABLE), 5);
    CU_ASSERT_EQUAL(kh_task_exit_code(KH_EXISTS), 6);
    CU_ASSERT_EQUAL(kh_task_exit_code(KH_REFUSED), 7);
    CU_ASSERT_EQUAL(kh_task_exit_code(KH_BUSY), 7);
}

/* The exit code of a parse in a child; 99 when it came back. */
static int parse(int max, const char *arguments, const char *const *words)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        const struct kh_cli cli = {
            .program = "ktadmin deposit x", .arguments = arguments, .summary = "s"};
        struct kh_task task = {0};
        char copies[8][320];
        char *argv[9] = {0};
        int argc = 0;

        for (; words[argc]; argc++) {
            snprintf(copies[argc], sizeof copies[argc], "%s", words[argc]);
            argv[argc] = copies[argc];
        }
        (void)!freopen("/dev/null", "w", stderr);
        (void)!freopen("/dev/null", "w", stdout);
        kh_task_parse(&task, &cli, max, argc, argv);
        _exit(task.name && task.options.backend ? 99 : 98);
    }
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void wrong_command_lines_end_with_2(void)
{
    char longname[KH_NAME_MAX + 2];

    memset(longname, 'n', sizeof longname - 1);
    longname[sizeof longname - 1] = '\0';
    CU_ASSERT_EQUAL(
        parse(1, "NAME", (const char *[]){"x", "n", "--backend=b", NULL}), 99);
    CU_ASSERT_EQUAL(
        parse(1, "NAME", (const char *[]){"x", "-b", "b", "--", "-n", NULL}), 99);
    CU_ASSERT_EQUAL(parse(1, "NAME", (const char *[]){"x", "--backend=b", NULL}), 2);
    CU_ASSERT_EQUAL(parse(1, "NAME", (const char *[]){"x", "n", "m", NULL}), 2);
    CU_ASSERT_EQUAL(parse(1, "NAME", (const char *[]){"x", "", NULL}), 2);
    CU_ASSERT_EQUAL(parse(1, "NAME", (const char *[]){"x", longname, NULL}), 2);
    CU_ASSERT_EQUAL(parse(0, "", (const char *[]){"x", "n", NULL}), 2);
    CU_ASSERT_EQUAL(parse(1, "NAME", (const char *[]){"x", "n", "--nonsense", NULL}), 2);
    CU_ASSERT_EQUAL(parse(1, "NAME", (const char *[]){"x", "n", "--server", NULL}), 2);
    CU_ASSERT_EQUAL(parse(1, "NAME", (const char *[]){"x", "--help", NULL}), 0);
}

static void versions_are_plain_numbers(void)
{
    const struct kh_task task = {.program = "t"};

    CU_ASSERT_EQUAL(kh_task_version(&task, NULL, KH_LATEST), KH_LATEST);
    CU_ASSERT_EQUAL(kh_task_version(&task, "0", KH_LATEST), 0);
    CU_ASSERT_EQUAL(kh_task_version(&task, "2147483647", KH_LATEST), KH_VERSION_MAX);
}

static void other_versions_end_with_2(void)
{
    static const char *const bad[] = {
        "", "-1", "x", "1x", " 1", "2147483648", "4294967295", "99999999999999999999999"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct kh_task task = {.program = "t"};
        int status = 0;
        pid_t child = fork();

        if (child == 0) {
            (void)!freopen("/dev/null", "w", stderr);
            (void)kh_task_version(&task, bad[i], KH_LATEST);
            _exit(99);
        }
        (void)waitpid(child, &status, 0);
        CU_ASSERT_EQUAL(WEXITSTATUS(status), 2);
    }
}

static const struct kh_test tests[] = {
    {"one_target_is_needed_and_not_two", one_target_is_needed_and_not_two},
    {"a_server_needs_https_certificate_and_key",
        a_server_needs_https_certificate_and_key},
    {"a_passphrase_has_one_source_of_a_known_form",
        a_passphrase_has_one_source_of_a_known_form},
    {"a_ticket_may_stand_in_for_a_certificate", a_ticket_may_stand_in_for_a_certificate},
    {"options_of_a_daemon_are_refused_with_a_backend",
        options_of_a_daemon_are_refused_with_a_backend},
    {"each_outcome_has_its_exit_code", each_outcome_has_its_exit_code},
    {"wrong_command_lines_end_with_2", wrong_command_lines_end_with_2},
    {"versions_are_plain_numbers", versions_are_plain_numbers},
    {"other_versions_end_with_2", other_versions_end_with_2},
};

int main(void)
{
    return kh_test_main("ktadmin_target", tests, sizeof tests / sizeof tests[0]);
}
