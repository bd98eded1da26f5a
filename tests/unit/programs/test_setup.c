#include "programs/common/setup.h"

#include "core/backend.h"
#include "core/fileio.h"
#include "core/log.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kh_error err;
static char *path;

static void file(const char *text)
{
    free(path);
    path = kh_test_path(kh_test_dir(), "keyhsm.ini");
    kh_test_write(path, text, strlen(text), 0644);
}

/* A tool that uses the memory backend and reads the daemon's file. */
static struct kh_setup_wish wish(const struct kh_setup_args *args)
{
    return (struct kh_setup_wish){.program = "tool",
        .args = args,
        .backends = "memory",
        .sections = kh_tool_sections,
        .section_count = KH_DAEMON_SECTION_COUNT};
}

static kh_status set_up(struct kh_setup *setup, const char *text)
{
    struct kh_setup_args args = {.plugin_dir = TEST_MOCK_DIR};
    const struct kh_setup_wish w = wish(&args);

    file(text);
    args.config = path;
    return kh_setup(setup, &w, &err);
}

/* Refused with exit code 2 and one line that begins with the file and LINE (0: without a
 * line). */
static void refused(const char *text, unsigned line, const char *word)
{
    struct kh_setup setup;
    char where[4096];

    err = (struct kh_error){0};
    KH_ASSERT_FAILS(set_up(&setup, text), KH_INVALID, err, word);
    (void)snprintf(where, sizeof where, line ? "%s:%u: " : "%s: ", path, line);
    if (strncmp(err.message, where, strlen(where)) != 0)
        fprintf(stderr, "    wanted \"%s\" in front, got: %s\n", where, err.message);
    CU_ASSERT_EQUAL(strncmp(err.message, where, strlen(where)), 0);
    CU_ASSERT_EQUAL(kh_exit_code(err.status), KH_EXIT_USAGE);
    CU_ASSERT_PTR_NULL(setup.config);
}

static void the_configuration_alone_needs_no_log_and_no_memory(void)
{
    struct kh_setup_args args = {.plugin_dir = TEST_MOCK_DIR};
    const struct kh_setup_wish w = wish(&args);
    struct kh_setup s;

    file("[log]\ntarget = file:/nowhere/at/all\n");
    args.config = path;
    KH_ASSERT_OK_FATAL(kh_setup_configure(&s, &w, &err), err);
    CU_ASSERT_STRING_EQUAL(
        kh_config_string(s.config, "log", "target"), "file:/nowhere/at/all");
    KH_ASSERT_FAILS(kh_setup_log(&s, &w, &err), KH_UNAVAILABLE, err, "/nowhere/at/all");
    kh_setup_free(&s);
    file("[log]\ntarget = file:/nowhere/at/all\n[server]\nprot = 1\n");
    args.config = path;
    KH_ASSERT_FAILS(kh_setup_configure(&s, &w, &err), KH_INVALID, err, "prot");
    CU_ASSERT_PTR_NULL(s.config);
}

static void the_whole_file_is_accepted_and_usable(void)
{
    struct kh_setup s;
    struct kh_backend *b;

    KH_ASSERT_OK_FATAL(
        set_up(&s, "[server]\nport = 9090\n[tls]\nmin_version = 1.3\n"
                   "[openssl]\nproviders = default\n[memory]\nlock = preferred\n"
                   "[log]\nlevel = warning\n[backend.memory]\nstore = setup\n"),
        err);
    CU_ASSERT_STRING_EQUAL(s.plugin_dir, TEST_MOCK_DIR);
    CU_ASSERT_EQUAL(kh_config_int(s.config, "server", "port"), 9090);
    KH_ASSERT_OK_FATAL(
        kh_backend_open(&b, "memory", s.plugin_dir, s.config, KH_OPEN_TOOL, &err), err);
    kh_backend_close(b);
    kh_setup_free(&s);
    CU_ASSERT_PTR_NULL(s.config);
}

static void a_wrong_file_is_refused_with_file_and_line(void)
{
    refused("[log]\nlevel = loud\n", 2, "level: 'loud' is not one of error|warning");
    refused("[log]\ntarget = syslog\n", 2, "target: 'syslog' is no place for a log");
    refused("[memory]\nsecure_heap = big\n", 2, "secure_heap: 'big' is not a size");
    refused("[memory]\nlock = maybe\n", 2, "lock: 'maybe' is not one of");
    refused("[server]\nprot = 1\n", 2, "did you mean 'port'?");
    refused("[tls]\npassphrase_source = sesame\n", 2, "passphrase_source: not a source");
    CU_ASSERT_PTR_NULL(strstr(err.message, "sesame"));
    refused("[openssl]\n\nengine = x\n", 3, "[openssl] has no option 'engine'");
    refused("[backend.memory]\nstor = 1\n", 2, "did you mean 'store'?");
    refused("[backend.absent]\n", 1, "/absent.so");
    refused("[lgo]\n", 1, "did you mean [log]?");
}

static void a_tool_does_not_ask_for_what_only_the_daemon_needs(void)
{
    struct kh_setup_args args = {.plugin_dir = TEST_MOCK_DIR};
    struct kh_setup_wish w = wish(&args);
    struct kh_setup s;

    KH_ASSERT_OK(set_up(&s, "[tls]\nmin_version = 1.2\n"), err);
    kh_setup_free(&s);
    args.config = path;
    w.sections = kh_daemon_sections;
    KH_ASSERT_FAILS(
        kh_setup(&s, &w, &err), KH_INVALID, err, ":1: [tls] lacks the required option");
}

static void a_missing_file_is_refused_when_it_was_asked_for(void)
{
    struct kh_setup_args args = {
        .config = "/nowhere/keyhsm.ini", .plugin_dir = TEST_MOCK_DIR};
    struct kh_setup_wish w = wish(&args);
    struct kh_setup s;

    KH_ASSERT_FAILS(kh_setup(&s, &w, &err), KH_INVALID, err, "/nowhere/keyhsm.ini: ");
    /* The default one may be missing. */
    args.config = NULL;
    w.default_config = "/nowhere/keyhsm.ini";
    KH_ASSERT_OK(kh_setup(&s, &w, &err), err);
    kh_setup_free(&s);
    /* But it is read when it is there. */
    file("[server]\nport = x\n");
    w.default_config = path;
    KH_ASSERT_FAILS(kh_setup(&s, &w, &err), KH_INVALID, err, ":2: port: 'x'");
}

static void set_goes_over_the_file(void)
{
    struct kh_setup_args args = {.plugin_dir = TEST_MOCK_DIR,
        .sets = {"server.port=1", "server.port=2", "backend.memory.store=other"},
        .set_count = 3};
    const struct kh_setup_wish w = wish(&args);
    struct kh_setup s;

    file("[server]\nport = 9\n");
    args.config = path;
    KH_ASSERT_OK_FATAL(kh_setup(&s, &w, &err), err);
    CU_ASSERT_EQUAL(kh_config_int(s.config, "server", "port"), 2);
    CU_ASSERT_STRING_EQUAL(
        kh_config_string(s.config, "backend.memory", "store"), "other");
    kh_setup_free(&s);
    args.sets[0] = "port=1";
    KH_ASSERT_FAILS(kh_setup(&s, &w, &err), KH_INVALID, err, "SECTION.KEY=VALUE");
}

static void the_log_goes_where_the_file_says(void)
{
    char *log = kh_test_path(kh_test_dir(), "log");
    KH_CLEANUP_BUF struct kh_buf text = {0};
    struct kh_setup s;
    char ini[4200];

    (void)snprintf(ini, sizeof ini, "[log]\ntarget = file:%s\nlevel = notice\n", log);
    KH_ASSERT_OK_FATAL(set_up(&s, ini), err);
    kh_log(KH_LOG_INFO, "hidden");
    kh_log(KH_LOG_NOTICE, "shown");
    KH_ASSERT_OK(kh_log_open("test", "stderr", KH_LOG_INFO, &err), err);
    KH_ASSERT_OK_FATAL(kh_file_read(log, 4096, &text, &err), err);
    CU_ASSERT_PTR_NOT_NULL(memmem(text.data, text.len, "tool[", 5));
    CU_ASSERT_PTR_NOT_NULL(memmem(text.data, text.len, "shown", 5));
    CU_ASSERT_PTR_NULL(memmem(text.data, text.len, "hidden", 6));
    kh_setup_free(&s);
    KH_ASSERT_FAILS(set_up(&s, "[log]\ntarget = file:/nowhere/log\n"), KH_UNAVAILABLE,
        err, "keyhsm.ini:2: target: /nowhere/log: the log cannot be opened");
    CU_ASSERT_EQUAL(kh_exit_code(KH_UNAVAILABLE), KH_EXIT_FAILED);
    free(log);
}

static void the_log_level_of_the_command_line_wins(void)
{
    struct kh_setup_args args = {.plugin_dir = TEST_MOCK_DIR, .log_level = "loud"};
    const struct kh_setup_wish w = wish(&args);
    struct kh_setup s;

    KH_ASSERT_FAILS(kh_setup(&s, &w, &err), KH_INVALID, err, "--log-level: 'loud'");
    args.log_level = "error";
    KH_ASSERT_OK(kh_setup(&s, &w, &err), err);
    kh_setup_free(&s);
}

static void a_plugin_directory_that_cannot_be_used_is_a_wrong_configuration(void)
{
    struct kh_setup_args args = {.plugin_dir = "plugins"};
    const struct kh_setup_wish w = wish(&args);
    struct kh_setup s;

    KH_ASSERT_FAILS(kh_setup(&s, &w, &err), KH_INVALID, err, "absolute path");
    args.plugin_dir = "/nowhere";
    KH_ASSERT_FAILS(kh_setup(&s, &w, &err), KH_INVALID, err, "/nowhere");
    CU_ASSERT_EQUAL(err.status, KH_INVALID);
}

static void the_common_options_are_taken_from_the_command_line(void)
{
    struct kh_setup_args args = {0};
    const struct kh_cli_option options[] = {KH_SETUP_OPTIONS(args)};
    const struct kh_cli cli = {.program = "tool",
        .arguments = "",
        .summary = "s",
        .options = options,
        .option_count = sizeof options / sizeof options[0]};
    char *argv[] = {(char[]){"tool"}, (char[]){"--config=/c.ini"}, (char[]){"--set"},
        (char[]){"a.b=c"}, (char[]){"--plugin-dir"}, (char[]){"/p"},
        (char[]){"--set=d.e=f"}, (char[]){"--log-level=debug"}, (char[]){"operand"},
        NULL};

    CU_ASSERT_EQUAL(kh_cli_parse(&cli, 9, argv, false), 8);
    CU_ASSERT_STRING_EQUAL(args.config, "/c.ini");
    CU_ASSERT_STRING_EQUAL(args.plugin_dir, "/p");
    CU_ASSERT_STRING_EQUAL(args.log_level, "debug");
    CU_ASSERT_EQUAL_FATAL(args.set_count, 2);
    CU_ASSERT_STRING_EQUAL(args.sets[0], "a.b=c");
    CU_ASSERT_STRING_EQUAL(args.sets[1], "d.e=f");
}

static void an_outcome_has_an_exit_code(void)
{
    CU_ASSERT_EQUAL(kh_exit_code(KH_OK), 0);
    CU_ASSERT_EQUAL(kh_exit_code(KH_INVALID), 2);
    CU_ASSERT_EQUAL(kh_exit_code(KH_NOT_FOUND), 1);
    CU_ASSERT_EQUAL(kh_exit_code(KH_FATAL), 1);
}

/* A process that may not lock memory, before secret memory was set up: 1 it was refused,
 * 0 it started. */
static int start_without_locked_memory(const char *set)
{
    const struct rlimit none = {0, 0};
    struct kh_setup_args args = {.sets = {set}, .set_count = 1};
    const struct kh_setup_wish w = {.program = "tool", .args = &args};
    struct kh_setup s;

    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
        return 3;
    if (kh_setup(&s, &w, &err) == KH_OK)
        return 0;
    return err.status == KH_REFUSED ? 1 : 2;
}

static int in_child(const char *set)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(start_without_locked_memory(set));
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Found in main, because the runner itself sets secret memory up. */
static int started_as_required;
static int started_as_preferred;

static void memory_that_cannot_be_locked_stops_the_start_unless_told_otherwise(void)
{
    CU_ASSERT_EQUAL(started_as_required, 1);
    CU_ASSERT_EQUAL(started_as_preferred, 0);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"the_configuration_alone_needs_no_log_and_no_memory",
            the_configuration_alone_needs_no_log_and_no_memory},
        {"the_whole_file_is_accepted_and_usable", the_whole_file_is_accepted_and_usable},
        {"a_wrong_file_is_refused_with_file_and_line",
            a_wrong_file_is_refused_with_file_and_line},
        {"a_tool_does_not_ask_for_what_only_the_daemon_needs",
            a_tool_does_not_ask_for_what_only_the_daemon_needs},
        {"a_missing_file_is_refused_when_it_was_asked_for",
            a_missing_file_is_refused_when_it_was_asked_for},
        {"set_goes_over_the_file", set_goes_over_the_file},
        {"the_log_goes_where_the_file_says", the_log_goes_where_the_file_says},
        {"the_log_level_of_the_command_line_wins",
            the_log_level_of_the_command_line_wins},
        {"a_plugin_directory_that_cannot_be_used_is_a_wrong_configuration",
            a_plugin_directory_that_cannot_be_used_is_a_wrong_configuration},
        {"the_common_options_are_taken_from_the_command_line",
            the_common_options_are_taken_from_the_command_line},
        {"an_outcome_has_an_exit_code", an_outcome_has_an_exit_code},
        {"memory_that_cannot_be_locked_stops_the_start_unless_told_otherwise",
            memory_that_cannot_be_locked_stops_the_start_unless_told_otherwise},
    };
    int rc;

    started_as_required = in_child("memory.lock=required");
    started_as_preferred = in_child("memory.lock=preferred");
    rc = kh_test_main("programs/setup", tests, sizeof tests / sizeof tests[0]);
    free(path);
    return rc;
}
