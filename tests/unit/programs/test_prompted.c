/* Secrets asked for in place of a daemon. The terminal's side is tested in
 * tests/integration/keyhsm_service.sh. */
#include "programs/common/prompted.h"

#include "tests/lib/testlib.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct kh_option options[] = {
    {"pin_source", KH_OPT_STRING, NULL, KH_OPT_SECRET, NULL, "a source"},
    {"word", KH_OPT_STRING, NULL, 0, NULL, "a word"},
};

static struct kh_error err;

static struct kh_config *config(const char *assignment)
{
    struct kh_config *c;

    KH_ASSERT_OK_FATAL(kh_config_load(&c, NULL, &err), err);
    KH_ASSERT_OK_FATAL(kh_config_override(c, assignment, &err), err);
    KH_ASSERT_OK_FATAL(kh_config_claim(c, "a", options, 2, false, &err), err);
    KH_ASSERT_OK_FATAL(kh_config_claim(c, "backend.b", options, 2, false, &err), err);
    return c;
}

static void only_a_source_that_says_prompt_counts(void)
{
    static const struct {
        const char *assignment;
        bool any;
    } cases[] = {{"a.pin_source=prompt", true}, {"a.pin_source=file:/x", false},
        {"a.pin_source=fd:3", false}, {"a.word=prompt", false},
        {"backend.b.pin_source=prompt", true}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kh_config *c = config(cases[i].assignment);
        struct kh_prompted p = {.count = 0};

        CU_ASSERT_EQUAL(kh_prompted_any(c, "b"), cases[i].any);
        if (!cases[i].any) {
            KH_ASSERT_OK(kh_prompted_read(&p, c, "b", &err), err);
            CU_ASSERT_EQUAL(p.count, 0);
        }
        kh_config_free(c);
    }
}

static void a_backend_that_is_not_opened_is_not_asked_for(void)
{
    struct kh_config *c = config("backend.b.pin_source=prompt");

    CU_ASSERT_TRUE(kh_prompted_any(c, "b"));
    CU_ASSERT_FALSE(kh_prompted_any(c, "bb"));
    CU_ASSERT_FALSE(kh_prompted_any(c, ""));
    kh_config_free(c);
}

/* In a session of its own there is no terminal to ask on. */
static void without_a_terminal_it_is_refused(void)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        struct kh_config *c = config("a.pin_source=prompt");
        struct kh_prompted p = {.count = 0};

        (void)setsid();
        _exit(kh_prompted_read(&p, c, "b", &err) == KH_UNAVAILABLE && p.count == 0 &&
                      strstr(err.message, "no terminal")
                  ? 0
                  : 1);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"only_a_source_that_says_prompt_counts", only_a_source_that_says_prompt_counts},
        {"a_backend_that_is_not_opened_is_not_asked_for",
            a_backend_that_is_not_opened_is_not_asked_for},
        {"without_a_terminal_it_is_refused", without_a_terminal_it_is_refused},
    };

    return kh_test_main("prompted", tests, sizeof tests / sizeof tests[0]);
}
