/* What open needs, looked at without opening: every finding, no login, nothing changed.
 */
#include "plugins/pkcs11/examine.h"

#include "tests/unit/pkcs11/faulty.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rig rig;
static char *seen; /* "CHECK STATUS DETAIL\n" each */

static void note(void *arg, const struct kh_finding *f)
{
    char *more;

    (void)arg;
    CU_ASSERT_EQUAL(f->status == KH_OK, f->remedy == NULL);
    if (asprintf(&more, "%s%s %d %s\n", seen, f->check, (int)f->status, f->detail) < 0)
        abort();
    free(seen);
    seen = more;
}

static void examine(void)
{
    free(seen);
    seen = strdup("");
    rig_host(&rig);
    KH_ASSERT_OK(kh_pkcs11_examine(&rig.host, note, NULL, &rig.err), rig.err);
}

/* Some finding's line begins with HEAD and has WORDS in it. */
static void found(const char *head, const char *words)
{
    char *copy = strdup(seen);
    char *rest = copy;
    bool there = false;

    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
        there = there ||
                (strncmp(line, head, strlen(head)) == 0 && strstr(line, words) != NULL);
    if (!there)
        fprintf(stderr, "    no '%s ... %s' in:\n%s", head, words, seen);
    CU_ASSERT_TRUE(there);
    free(copy);
}

static void all_is_well_before_the_first_start(void)
{
    faulty_make(&rig);
    faulty_plan("%s", "");
    examine();
    found("state directory 0", "is made when it is first needed");
    found("PKCS#11 module 0", "SoftHSM");
    found("token 0", "'lab', serial ");
    found("PIN 0", rig.soft.pin_file);
    CU_ASSERT_EQUAL(faulty_calls("C_Login"), 0);
    CU_ASSERT_EQUAL(faulty_calls("C_OpenSession"), 0);
    CU_ASSERT_EQUAL(faulty_calls("C_Finalize"), 1);
    CU_ASSERT_NOT_EQUAL(access(rig.state, F_OK), 0);
    CU_ASSERT_PTR_NULL(strstr(seen, rig.soft.pin));
    KH_ASSERT_OK(rig_open(&rig), rig.err); /* and nothing is in the way of it */
    rig_end(&rig);
}

static void a_missing_module_hides_only_what_needs_it(void)
{
    rig_make(&rig);
    rig_set(&rig, "module=/nonexistent/module.so");
    examine();
    found("state directory 0", "");
    found("PKCS#11 module 6", "/nonexistent/module.so");
    found("PIN 0", rig.soft.pin_file);
    CU_ASSERT_PTR_NULL(strstr(seen, "token "));
    kh_test_write(rig.soft.pin_file, "1234", 4, 0644);
    examine();
    found("PKCS#11 module 6", "/nonexistent/module.so");
    found("PIN 6", "0644");
    rig_end(&rig);
}

static void a_missing_token_lists_those_that_are_there(void)
{
    rig_make(&rig);
    rig_set(&rig, "token_label=vault");
    (void)unlink(rig.soft.pin_file);
    examine();
    found("token 6", "no token 'vault'; the module has");
    found("token 6", "'lab'");
    found("PIN 6", rig.soft.pin_file);
    rig_end(&rig);
}

static void a_pin_that_cannot_be_right_is_found(void)
{
    rig_make(&rig);
    kh_test_write(rig.soft.pin_file, "12", 2, 0600);
    examine();
    found("token 0", "'lab'");
    found("PIN 3", "no login was tried");
    rig_end(&rig);
}

static void the_flags_of_the_token_are_found(void)
{
    static const struct {
        const char *flags;
        const char *head;
        const char *words;
    } cases[] = {{"0x20000", "PIN 3", "one try left"}, {"0x40000", "PIN 3", "locked"},
        {"0x80000", "PIN 3", "changed"}, {"0x2", "token 3", "write-protected"},
        {"0x100", "PIN 0", "PIN pad"}};

    faulty_make(&rig);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        faulty_plan("C_GetTokenInfo flags=%s", cases[i].flags);
        examine();
        found(cases[i].head, cases[i].words);
    }
    faulty_plan("%s", "");
    rig_end(&rig);
}

static void sources_that_cannot_be_read_twice_are_left_alone(void)
{
    char text[64];
    char byte;
    int pipes[2];

    rig_make(&rig);
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    CU_ASSERT_EQUAL(write(pipes[1], "1", 1), 1);
    (void)snprintf(text, sizeof text, "pin_source=fd:%d", pipes[0]);
    rig_set(&rig, text);
    examine();
    found("PIN 0", "not read here");
    CU_ASSERT_EQUAL(read(pipes[0], &byte, 1), 1); /* it is still in there */
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    rig_set(&rig, "pin_source=prompt");
    examine();
    found("PIN 0", "cannot go unattended");
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    rig_set(&rig, "pin_source=credential:pin");
    examine();
    found("PIN 0", "to the daemon alone");
    (void)setenv("CREDENTIALS_DIRECTORY", rig.soft.dir, 1);
    examine();
    found("PIN 0", "credential:pin");
    (void)unlink(rig.soft.pin_file);
    examine();
    found("PIN 6", "cannot be read");
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    rig_end(&rig);
}

static void a_state_directory_that_others_may_enter_is_found(void)
{
    rig_make(&rig);
    CU_ASSERT_EQUAL_FATAL(mkdir(rig.state, 0700), 0);
    examine();
    found("state directory 0", rig.state);
    CU_ASSERT_EQUAL(chmod(rig.state, 0755), 0);
    examine();
    found("state directory 3", "mode 0755");
    CU_ASSERT_EQUAL(rmdir(rig.state), 0);
    kh_test_write(rig.state, "", 0, 0600);
    examine();
    found("state directory 3", "not a directory");
    found("token 0", "'lab'");
    rig_end(&rig);
}

static void it_may_be_looked_at_while_another_process_has_it_open(void)
{
    int ready[2];
    int done[2];
    char byte = 0;
    int status = -1;
    pid_t pid;

    rig_make(&rig);
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(done), 0);
    pid = fork();
    if (pid == 0) {
        bool opened = rig_open(&rig) == KH_OK;

        _exit(!(write(ready[1], "x", 1) == 1 && read(done[0], &byte, 1) == 1 && opened &&
                kh_token_probe(rig.token, &rig.err) == KH_OK));
    }
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    examine();
    found("token 0", "'lab'");
    found("PIN 0", rig.soft.pin_file);
    CU_ASSERT_EQUAL(write(done[1], "x", 1), 1);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    rig_end(&rig);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"all_is_well_before_the_first_start", all_is_well_before_the_first_start},
        {"a_missing_module_hides_only_what_needs_it",
            a_missing_module_hides_only_what_needs_it},
        {"a_missing_token_lists_those_that_are_there",
            a_missing_token_lists_those_that_are_there},
        {"a_pin_that_cannot_be_right_is_found", a_pin_that_cannot_be_right_is_found},
        {"the_flags_of_the_token_are_found", the_flags_of_the_token_are_found},
        {"sources_that_cannot_be_read_twice_are_left_alone",
            sources_that_cannot_be_read_twice_are_left_alone},
        {"a_state_directory_that_others_may_enter_is_found",
            a_state_directory_that_others_may_enter_is_found},
        {"it_may_be_looked_at_while_another_process_has_it_open",
            it_may_be_looked_at_while_another_process_has_it_open},
    };
    int status = kh_test_main("pkcs11/examine", tests, sizeof tests / sizeof tests[0]);

    free(seen);
    return status;
}
