/* A backend that is not open: its place looked at, made; and what is stored, checked. */
#include "core/backend.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

static struct kh_error err;

/* NAME of the mocks, claimed and not open. */
static struct kh_backend_place place(struct kh_config **config, const char *name)
{
    KH_ASSERT_OK_FATAL(kh_config_load(config, NULL, &err), err);
    KH_ASSERT_OK_FATAL(kh_backend_claim(*config, TEST_MOCK_DIR, name, &err), err);
    return (struct kh_backend_place){name, TEST_MOCK_DIR, *config};
}

static void note(void *arg, const struct kh_finding *f)
{
    char *text = arg;
    size_t len = strlen(text);

    (void)snprintf(text + len, 200 - len, "%s %d %s %s;", f->check, (int)f->status,
        f->detail, f->remedy ? f->remedy : "-");
}

static void what_an_open_needs_is_looked_at_before(void)
{
    struct kh_config *config;
    struct kh_backend_place vault = place(&config, "vault");
    char text[200] = "";

    KH_ASSERT_OK(kh_backend_examine(&vault, note, text, &err), err);
    CU_ASSERT_STRING_EQUAL(
        text, "store 0 default -;ceiling 3 there is none set max_keys;");
    kh_config_free(config);
    vault = place(&config, "memory"); /* it has no such method */
    *text = '\0';
    KH_ASSERT_OK(kh_backend_examine(&vault, note, text, &err), err);
    CU_ASSERT_STRING_EQUAL(text, "");
    vault.name = "nothing";
    KH_ASSERT_FAILS(
        kh_backend_examine(&vault, note, text, &err), KH_NOT_FOUND, err, "nothing.so");
    kh_config_free(config);
}

static void a_place_is_made_by_those_who_can(void)
{
    struct kh_config *config;
    struct kh_backend_place vault = place(&config, "vault");
    struct kh_creation wish = {.name = "fresh"};

    KH_ASSERT_OK(kh_backend_create(&vault, &wish, &err), err);
    wish.name = "there";
    KH_ASSERT_FAILS(kh_backend_create(&vault, &wish, &err), KH_EXISTS, err, "is there");
    wish.name = "silent";
    KH_ASSERT_FAILS(
        kh_backend_create(&vault, &wish, &err), KH_BUSY, err, "gave no reason");
    CU_ASSERT_EQUAL(kh_backend_create(&vault, &wish, NULL), KH_BUSY);
    kh_config_free(config);
    vault = place(&config, "memory");
    KH_ASSERT_FAILS(
        kh_backend_create(&vault, &wish, &err), KH_REFUSED, err, "vendor's tools");
    kh_config_free(config);
}

static kh_status open_place(
    const char *name, const struct kh_config *config, struct kh_backend **backend)
{
    return kh_backend_open(backend, name, TEST_MOCK_DIR, config, KH_OPEN_TOOL, &err);
}

static void what_is_stored_is_checked_by_those_who_can(void)
{
    struct kh_config *config;
    struct kh_backend *backend;

    (void)place(&config, "vault");
    KH_ASSERT_OK_FATAL(open_place("vault", config, &backend), err);
    KH_ASSERT_OK(kh_backend_check(backend, &err), err);
    kh_backend_close(backend);
    KH_ASSERT_OK(kh_config_override(config, "backend.vault.store=damaged", &err), err);
    KH_ASSERT_OK_FATAL(open_place("vault", config, &backend), err);
    KH_ASSERT_FAILS(kh_backend_check(backend, &err), KH_CORRUPT, err, "a row");
    kh_backend_close(backend);
    kh_config_free(config);
    (void)place(&config, "memory");
    KH_ASSERT_OK_FATAL(open_place("memory", config, &backend), err);
    KH_ASSERT_OK(kh_backend_check(backend, &err), err);
    kh_backend_close(backend);
    kh_config_free(config);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"what_an_open_needs_is_looked_at_before",
            what_an_open_needs_is_looked_at_before},
        {"a_place_is_made_by_those_who_can", a_place_is_made_by_those_who_can},
        {"what_is_stored_is_checked_by_those_who_can",
            what_is_stored_is_checked_by_those_who_can},
    };

    return kh_test_main("core/backend_place", tests, sizeof tests / sizeof tests[0]);
}
