#include "server/hello.h"

#include "core/backend.h"
#include "server/metrics.h"

#include "tests/lib/testlib.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct kh_config *config;
static struct kh_backend *backend;

static const char *mock_dir(void)
{
    return TEST_MOCK_DIR;
}

/* A backend in memory, with its own empty STORE. */
static void open_backend(const char *store, const char *setting)
{
    struct kh_error err = {0};
    char text[96];

    KH_ASSERT_OK_FATAL(kh_config_load(&config, NULL, &err), err);
    snprintf(text, sizeof text, "backend.memory.store=%s", store);
    KH_ASSERT_OK_FATAL(kh_config_override(config, text, &err), err);
    if (setting)
        KH_ASSERT_OK_FATAL(kh_config_override(config, setting, &err), err);
    KH_ASSERT_OK_FATAL(kh_backend_claim(config, mock_dir(), "memory", &err), err);
    KH_ASSERT_OK_FATAL(
        kh_backend_open(&backend, "memory", mock_dir(), config, KH_OPEN_SERVE, &err),
        err);
}

static void close_backend(void)
{
    kh_backend_close(backend);
    kh_config_free(config);
}

static uint64_t stored(void)
{
    struct kh_info info = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_backend_info(backend, &info, &err), err);
    return info.versions;
}

static void the_name_has_the_form_of_the_manual_and_nothing_stays(void)
{
    struct kh_error err = {0};
    char name[KH_NAME_MAX + 1];
    struct kh_hello *hello;

    open_backend("one", NULL);
    hello = kh_hello_new(backend);
    KH_ASSERT_OK(kh_hello_run(hello, 1464938838, name, &err), err);
    CU_ASSERT_STRING_EQUAL(name, "TEST_HELLO_DEPOSIT2016-06-03-072718");
    CU_ASSERT_EQUAL(stored(), 0);
    kh_hello_free(hello);
    close_backend();
}

static void a_name_that_is_taken_gives_way_to_the_next_second(void)
{
    struct kh_deposit taken = {.name = "TEST_HELLO_DEPOSIT2016-06-03-072718"};
    struct kh_error err = {0};
    char name[KH_NAME_MAX + 1];
    struct kh_hello *hello;

    open_backend("two", NULL);
    hello = kh_hello_new(backend);
    KH_ASSERT_OK(kh_backend_put(backend, &taken, KH_PUT_NEW, &err), err);
    KH_ASSERT_OK(kh_hello_run(hello, 1464938838, name, &err), err);
    CU_ASSERT_STRING_EQUAL(name, "TEST_HELLO_DEPOSIT2016-06-03-072719");
    CU_ASSERT_EQUAL(stored(), 1); /* the one that was not ours */
    kh_hello_free(hello);
    close_backend();
}

static void a_store_that_refuses_is_told_and_leaves_nothing(void)
{
    struct kh_error err = {0};
    char name[KH_NAME_MAX + 1];
    struct kh_hello *hello;

    open_backend("three", "backend.memory.read_only=yes");
    hello = kh_hello_new(backend);
    KH_ASSERT_FAILS(kh_hello_run(hello, 100, name, &err), KH_REFUSED, err, "read-only");
    CU_ASSERT_EQUAL(stored(), 0);
    kh_hello_free(hello);
    close_backend();
}

struct caller {
    struct kh_hello *hello;
    kh_status status;
    char name[KH_NAME_MAX + 1];
};

static void *call(void *arg)
{
    struct caller *caller = arg;
    struct kh_error err = {0};

    caller->status = kh_hello_run(caller->hello, 1000000, caller->name, &err);
    return NULL;
}

static void callers_of_one_second_share_one_deposit(void)
{
    enum { CALLERS = 16 };
    struct caller callers[CALLERS];
    pthread_t threads[CALLERS];
    struct kh_hello *hello;

    open_backend(
        "four", "backend.memory.max_keys=1"); /* a second one at once would not fit */
    hello = kh_hello_new(backend);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.hello = hello, .status = KH_FATAL};
        pthread_create(&threads[i], NULL, call, &callers[i]);
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(callers[i].status, KH_OK);
        CU_ASSERT_STRING_EQUAL(callers[i].name, "TEST_HELLO_DEPOSIT1970-01-12-134640");
    }
    CU_ASSERT_EQUAL(stored(), 0);
    kh_hello_free(hello);
    close_backend();
}

static void admission_runs_out(void)
{
    struct kh_hello *hello;
    int admitted = 0;

    open_backend("five", NULL);
    hello = kh_hello_new(backend);
    for (int i = 0; i < 100; i++)
        admitted += kh_hello_admit(hello, 0); /* a clock that stands still */
    CU_ASSERT_EQUAL(admitted, 5);
    kh_hello_free(hello);
    close_backend();
}

static void handler(struct kh_app *app, struct kh_request *request)
{
    (void)app, (void)request;
}

static void metrics_count_by_route_method_and_status(void)
{
    static const struct kh_route routes[] = {
        {KH_METHOD_GET, "/a/{name}", handler, 0, {0}}};
    struct kh_metrics *metrics = kh_metrics_new(routes, 1);
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    kh_metrics_count(metrics, &routes[0], KH_METHOD_GET, 200, 2000000);
    kh_metrics_count(metrics, &routes[0], KH_METHOD_GET, 200, 70000000);
    kh_metrics_count(metrics, NULL, KH_METHOD_OTHER, 404, 1000);
    kh_metrics_count(metrics, NULL, KH_METHOD_OTHER, 599, 1000);
    kh_metrics_print(metrics, to);
    fclose(to);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "keyhsm_http_requests_total{route=\"/a/"
                                        "{name}\",method=\"GET\",status=\"200\"} 2\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "keyhsm_http_requests_total{route=\"none\","
                                        "method=\"OTHER\",status=\"404\"} 1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "keyhsm_http_requests_total{route=\"none\","
                                        "method=\"OTHER\",status=\"other\"} 1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "_bucket{route=\"/a/{name}\",le=\"0.001\"} 0\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, "_bucket{route=\"/a/{name}\",le=\"0.0025\"} 1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "_bucket{route=\"/a/{name}\",le=\"0.1\"} 2\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "_bucket{route=\"/a/{name}\",le=\"+Inf\"} 2\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "_sum{route=\"/a/{name}\"} 0.072000\n"));
    free(text);
    kh_metrics_free(metrics);
}

static void keep(const char *name)
{
    struct kh_deposit deposit = {.created = 1};
    struct kh_error err = {0};

    snprintf(deposit.name, sizeof deposit.name, "%s", name);
    KH_ASSERT_OK_FATAL(kh_backend_put(backend, &deposit, KH_PUT_NEW, &err), err);
}

static bool is_there(const char *name)
{
    struct kh_stat stat = {0};
    struct kh_error err = {0};

    return kh_backend_stat(backend, name, KH_LATEST, &stat, &err) == KH_OK;
}

/* 1464938838 is 2016-06-03 07:27:18. */
static void a_start_purges_what_a_killed_daemon_left_and_nothing_else(void)
{
    open_backend("leftovers", NULL);
    keep("AAA");
    keep("TEST_HELLO_DEPOSIT");
    keep("TEST_HELLO_DEPOSIT2016-06-03-072718");
    keep("TEST_HELLO_DEPOSIT2016-06-03-072718x");
    keep("TEST_HELLO_DEPOSIT2016-06-33-072718");
    keep("TEST_HELLO_DEPOSIT2016-06-03-072818"); /* may be under way */
    keep("zzz");
    CU_ASSERT_EQUAL(kh_hello_clean(backend, 1464938838 + 61), 1);
    CU_ASSERT_FALSE(is_there("TEST_HELLO_DEPOSIT2016-06-03-072718"));
    CU_ASSERT_TRUE(is_there("AAA"));
    CU_ASSERT_TRUE(is_there("TEST_HELLO_DEPOSIT"));
    CU_ASSERT_TRUE(is_there("TEST_HELLO_DEPOSIT2016-06-03-072718x"));
    CU_ASSERT_TRUE(is_there("TEST_HELLO_DEPOSIT2016-06-33-072718"));
    CU_ASSERT_TRUE(is_there("TEST_HELLO_DEPOSIT2016-06-03-072818"));
    CU_ASSERT_TRUE(is_there("zzz"));
    close_backend();
}

static void many_leftovers_are_purged_in_one_go(void)
{
    char name[KH_NAME_MAX + 1];

    open_backend("many_leftovers", NULL);
    for (unsigned i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "TEST_HELLO_DEPOSIT2016-06-03-0727%02u", i);
        keep(name);
    }
    CU_ASSERT_EQUAL(kh_hello_clean(backend, 1464938838 + 3600), 50);
    CU_ASSERT_EQUAL(stored(), 0);
    close_backend();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"the name has the form of the manual and nothing stays",
            the_name_has_the_form_of_the_manual_and_nothing_stays},
        {"a name that is taken gives way to the next second",
            a_name_that_is_taken_gives_way_to_the_next_second},
        {"a store that refuses is told and leaves nothing",
            a_store_that_refuses_is_told_and_leaves_nothing},
        {"callers of one second share one deposit",
            callers_of_one_second_share_one_deposit},
        {"admission runs out", admission_runs_out},
        {"a start purges what a killed daemon left and nothing else",
            a_start_purges_what_a_killed_daemon_left_and_nothing_else},
        {"many leftovers are purged in one go", many_leftovers_are_purged_in_one_go},
        {"metrics count by route, method and status",
            metrics_count_by_route_method_and_status},
    };

    return kh_test_main("server hello", tests, sizeof tests / sizeof tests[0]);
}
