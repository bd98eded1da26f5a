/*
 * A plugin is a guest in somebody's process: it closes what it opened, wipes what was
 * secret, and leaves the process as it found it.
 */
#include "conformance/contract.h"
#include "conformance/traces.h"
#include "core/secmem.h"

#include <locale.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a caller does between open and close: something of everything. */
static void use(void)
{
    const char *name = kh_contract_name("guest");
    struct kh_backend *b = kh_contract_backend();
    struct kh_cursor cursor = {0};
    struct kh_error err = {0};
    struct kh_item items[8];
    size_t count;

    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    kh_contract_put(name, 1, "y", KH_PUT_VERSION);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, KH_LATEST, false), KH_OK);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 7, false), KH_NOT_FOUND);
    KH_ASSERT_OK(kh_backend_list(b, &cursor, items, 8, &count, &err), err);
    KH_ASSERT_OK(kh_backend_remove(b, name, 0, &err), err);
    KH_ASSERT_OK(kh_backend_purge(b, name, KH_ALL_VERSIONS, &err), err);
    KH_ASSERT_OK(kh_backend_probe(b, &err), err);
}

enum { ROUNDS = 5, HEAP_SLACK = 64 * 1024 };

/* What a first round makes once and keeps does not count; what every round adds does. */
static void nothing_is_left_behind_by_open_and_close(void)
{
    struct kh_traces before;
    struct kh_traces after;

    for (int i = 0; i < 2; i++) {
        use();
        kh_contract_close();
    }
    before = kh_traces_now();
    for (int i = 0; i < ROUNDS; i++) {
        use();
        kh_contract_close();
    }
    after = kh_traces_now();
    if (after.descriptors > before.descriptors || after.threads > before.threads ||
        after.secret > before.secret || after.heap > before.heap + ROUNDS * HEAP_SLACK)
        fprintf(stderr,
            "    %d rounds of open and close left %ld files, %ld threads, %zd bytes of "
            "secret memory, %zd bytes of heap\n",
            ROUNDS, after.descriptors - before.descriptors,
            after.threads - before.threads, (ssize_t)(after.secret - before.secret),
            (ssize_t)(after.heap - before.heap));
    CU_ASSERT_TRUE(after.descriptors <= before.descriptors);
    CU_ASSERT_TRUE(after.threads <= before.threads);
    CU_ASSERT_TRUE(after.secret <= before.secret);
    CU_ASSERT_TRUE(after.heap <= before.heap + (size_t)ROUNDS * HEAP_SLACK);
}

/* Many calls on one open backend, as a daemon makes for months. */
static void nothing_is_left_behind_by_a_call(void)
{
    enum { CALLS = 300, PER_CALL = 256, POOL = 8 };
    const char *name = kh_contract_name("months");
    struct kh_traces before;
    struct kh_traces after;

    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    for (int round = 0; round < 2; round++) {
        before = kh_traces_now();
        for (int i = 0; i < CALLS; i++) {
            CU_ASSERT_EQUAL(kh_contract_get_status(name, 0, false), KH_OK);
            CU_ASSERT_EQUAL(kh_contract_get_status(name, 9, false), KH_NOT_FOUND);
        }
        after = kh_traces_now();
    }
    if (after.secret > before.secret || after.heap > before.heap + CALLS * PER_CALL ||
        after.descriptors > before.descriptors + POOL)
        fprintf(stderr,
            "    %d gets left %ld files, %zd bytes of secret memory and %zd of heap\n",
            2 * CALLS, after.descriptors - before.descriptors,
            (ssize_t)(after.secret - before.secret), (ssize_t)(after.heap - before.heap));
    /* A pool may open one more; not one for each call. */
    CU_ASSERT_TRUE(after.descriptors <= before.descriptors + POOL);
    CU_ASSERT_TRUE(after.secret <= before.secret);
    CU_ASSERT_TRUE(after.heap <= before.heap + CALLS * PER_CALL);
}

/* Data that went in and came out again is nowhere in memory once it was freed. */
static void secrets_are_wiped(void)
{
    const char *name = kh_contract_name("wiped");
    unsigned char secret[32];
    struct kh_error err = {0};
    struct kh_deposit d;
    struct kh_marked mark;
    char where[256];
    size_t copies;

    kh_marked_new(&mark);
    kh_marked_reveal(&mark, secret);
    kh_contract_make(&d, name, 0, secret, sizeof secret);
    explicit_bzero(secret, sizeof secret);
    KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err), err);
    kh_deposit_free(&d);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 0, false), KH_OK);
    copies = kh_marked_copies(&mark, where, sizeof where);
    if (copies > 0)
        fprintf(stderr, "    %zu copies of the data of a deposit are in memory: %s\n",
            copies, where);
    CU_ASSERT_EQUAL(copies, 0);
    kh_contract_close();
    CU_ASSERT_EQUAL(kh_marked_copies(&mark, where, sizeof where), 0);
}

/* ---- the process belongs to the program ---- */

enum { SIGNALS = 10 };
static const int signals[SIGNALS] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1,
    SIGUSR2, SIGSEGV, SIGABRT, SIGALRM};

struct manners {
    struct sigaction actions[SIGNALS];
    mode_t mask;
    char directory[4096];
    char locale[128];
};
static struct manners at_first;

static void look_around(struct manners *now)
{
    memset(now, 0, sizeof *now);
    for (size_t i = 0; i < SIGNALS; i++)
        (void)sigaction(signals[i], NULL, &now->actions[i]);
    now->mask = umask(0);
    (void)umask(now->mask);
    if (!getcwd(now->directory, sizeof now->directory))
        *now->directory = 0;
    (void)snprintf(now->locale, sizeof now->locale, "%s", setlocale(LC_ALL, NULL));
}

void kh_contract_look_around(void)
{
    look_around(&at_first);
}

static void the_process_is_left_as_it_was(void)
{
    struct manners now;

    use();
    kh_contract_close();
    look_around(&now);
    for (size_t i = 0; i < SIGNALS; i++)
        CU_ASSERT_EQUAL(
            memcmp(&now.actions[i].sa_handler, &at_first.actions[i].sa_handler,
                sizeof now.actions[i].sa_handler),
            0);
    CU_ASSERT_EQUAL(now.mask, at_first.mask);
    CU_ASSERT_STRING_EQUAL(now.directory, at_first.directory);
    CU_ASSERT_STRING_EQUAL(now.locale, at_first.locale);
}

/* A program may start another one, and a child may end in its own way: the parent's
 * backend goes on. */
static void a_fork_of_the_host_does_not_disturb_it(void)
{
    const char *name = kh_contract_name("fork");

    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    for (int way = 0; way < 2; way++) {
        pid_t pid = fork();
        int status = -1;

        if (pid == 0) {
            if (way == 0)
                (void)execl("/bin/true", "true", (char *)NULL);
            _exit(0);
        }
        CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
        CU_ASSERT_EQUAL(status, 0);
        CU_ASSERT_EQUAL(kh_contract_get_status(name, 0, false), KH_OK);
        use();
    }
}

struct kh_contract_group kh_contract_guest(void)
{
    static const struct kh_test tests[] = {
        {"nothing_is_left_behind_by_open_and_close",
            nothing_is_left_behind_by_open_and_close},
        {"nothing_is_left_behind_by_a_call", nothing_is_left_behind_by_a_call},
        {"secrets_are_wiped", secrets_are_wiped},
        {"the_process_is_left_as_it_was", the_process_is_left_as_it_was},
        {"a_fork_of_the_host_does_not_disturb_it",
            a_fork_of_the_host_does_not_disturb_it},
    };

    return (struct kh_contract_group){
        KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST, tests, sizeof tests / sizeof tests[0]};
}
