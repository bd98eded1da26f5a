/* /readyz on a real store: what was ready is so for a second, what was not is asked
 * again. */
#include "server/health.h"

#include "server/hello.h"
#include "server/reply.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <unistd.h>

static struct kh_config *config;
static struct kh_app app;
static const char *dir;

static void open_store(void)
{
    struct kh_backend *backend = NULL;
    struct kh_error err = {0};
    char text[600];

    dir = kh_test_dir();
    snprintf(text, sizeof text, "backend.softfile.directory=%s/store", dir);
    KH_ASSERT_OK_FATAL(kh_config_load(&config, NULL, &err), err);
    KH_ASSERT_OK_FATAL(kh_config_override(config, text, &err), err);
    KH_ASSERT_OK_FATAL(
        kh_config_override(config, "backend.softfile.create=yes", &err), err);
    KH_ASSERT_OK_FATAL(kh_backend_claim(config, TEST_PLUGIN_DIR, "softfile", &err), err);
    KH_ASSERT_OK_FATAL(kh_backend_open(&backend, "softfile", TEST_PLUGIN_DIR, config,
                           KH_OPEN_SERVE, &err),
        err);
    app.hello = kh_hello_new(NULL);
    kh_app_use(&app, backend);
}

static void close_store(void)
{
    kh_backend_close(app.backend);
    kh_hello_free(app.hello);
    kh_config_free(config);
}

/* A seal, though nobody would believe what is in it, makes the store refuse everything.
 */
static void set_seal(bool there)
{
    char *path = kh_test_path(dir, "store/seal.json");

    if (there)
        kh_test_write(path, "{}", 2, 0600);
    else
        CU_ASSERT_EQUAL(unlink(path), 0);
    free(path);
}

static int ready(void)
{
    struct kh_request request = {.method = KH_METHOD_GET, .id = "test"};
    int status;

    kh_readyz(&app, &request);
    status = request.response.status;
    kh_response_clear(&request.response);
    return status;
}

static void a_store_is_ready_once_it_is_open(void)
{
    open_store();
    CU_ASSERT_EQUAL(ready(), 200);
}

static void what_was_ready_is_so_for_a_second(void)
{
    CU_ASSERT_EQUAL(ready(), 200);
    CU_ASSERT_TRUE(app.ready_until > kh_clock_ms());
    CU_ASSERT_TRUE(app.ready_until <= kh_clock_ms() + 1000);
    set_seal(true);
    app.ready_until = kh_clock_ms() + 60000; /* however slow this machine is */
    CU_ASSERT_EQUAL(ready(), 200);
    app.ready_until = kh_clock_ms(); /* the second is over */
    CU_ASSERT_EQUAL(ready(), 503);
    set_seal(false);
}

static void what_was_not_ready_is_asked_again(void)
{
    app.ready_until = 0;
    set_seal(true);
    CU_ASSERT_EQUAL(ready(), 503);
    set_seal(false);
    CU_ASSERT_EQUAL(ready(), 200);
}

static void another_backend_is_asked_at_once(void)
{
    CU_ASSERT_EQUAL(ready(), 200);
    set_seal(true);
    kh_app_use(&app, app.backend);
    CU_ASSERT_EQUAL(ready(), 503);
    set_seal(false);
}

static void a_daemon_that_stops_is_not_ready(void)
{
    atomic_store(&app.draining, true);
    app.ready_until = kh_clock_ms() + 60000;
    CU_ASSERT_EQUAL(ready(), 503);
    atomic_store(&app.draining, false);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a store is ready once it is open", a_store_is_ready_once_it_is_open},
        {"what was ready is so for a second", what_was_ready_is_so_for_a_second},
        {"what was not ready is asked again", what_was_not_ready_is_asked_again},
        {"another backend is asked at once", another_backend_is_asked_at_once},
        {"a daemon that stops is not ready", a_daemon_that_stops_is_not_ready},
    };
    int status = kh_test_main("server health", tests, sizeof tests / sizeof tests[0]);

    close_store();
    return status;
}
