/* Delegation tokens on a real store. Several servers of one backend are several struct
 * kms_tokens with it: they share nothing else. */
#include "server/kms/tokens.h"

#include "server/kms/token_keys.h"
#include "server/kms/token_log.h"
#include "server/kms/token_part.h"
#include "tests/lib/testlib.h"
#include "tests/unit/server/kms/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define DAY ((int64_t)86400 * 1000)
#define NOW ((int64_t)8000 * DAY + 3600 * 1000)

static struct kh_error err;
static struct kh_config *config;
static struct kh_backend *backend;
static int64_t now = NOW;

static void open_store(void)
{
    static int number;
    char text[600];

    if (backend)
        kh_backend_close(backend);
    kh_config_free(config);
    now = NOW;
    KH_ASSERT_OK_FATAL(kh_config_load(&config, NULL, &err), err);
    snprintf(text, sizeof text, "backend.softfile.directory=%s/store%d", kh_test_dir(),
        number++);
    KH_ASSERT_OK_FATAL(kh_config_override(config, text, &err), err);
    KH_ASSERT_OK_FATAL(
        kh_config_override(config, "backend.softfile.create=yes", &err), err);
    KH_ASSERT_OK_FATAL(kh_backend_claim(config, TEST_PLUGIN_DIR, "softfile", &err), err);
    KH_ASSERT_OK_FATAL(kh_backend_open(&backend, "softfile", TEST_PLUGIN_DIR, config,
                           KH_OPEN_SERVE, &err),
        err);
}

/* Another server; one that was there before and is started again. */
static struct kms_tokens *server(void)
{
    struct kh_config *ini = NULL;
    struct kms_tokens *tokens = NULL;

    KH_ASSERT_OK_FATAL(kms_test_config(&ini, "", &err), err);
    KH_ASSERT_OK_FATAL(kms_tokens_new(&tokens, ini, &err), err);
    kh_config_free(ini);
    kms_tokens_at(tokens, now);
    return tokens;
}

/* Time goes on, and the server looks for news. */
static void later(struct kms_tokens *tokens, int64_t ms)
{
    now += ms;
    kms_tokens_at(tokens, now);
}

static void issue(struct kms_tokens *tokens, const char *owner, const char *renewer,
    char text[KMS_TOKEN_TEXT])
{
    struct kms_ident ident = {0};

    snprintf(ident.owner, sizeof ident.owner, "%s", owner);
    snprintf(ident.renewer, sizeof ident.renewer, "%s", renewer);
    KH_ASSERT_OK_FATAL(kms_tokens_issue(tokens, backend, &ident, NULL, text, &err), err);
}

static kh_status check(struct kms_tokens *tokens, const char *text)
{
    struct kms_ident ident;

    err = (struct kh_error){0};
    return kms_tokens_check(tokens, backend, text, &ident, &err);
}

static kh_status renew(struct kms_tokens *tokens, const char *text, const char *caller)
{
    struct kms_token_call call = {.text = text, .caller = caller};
    kh_status st;

    err = (struct kh_error){0};
    st = kms_tokens_renew(tokens, backend, &call, &err);
    if (st == KH_OK)
        CU_ASSERT_EQUAL(
            call.until, now + DAY < call.ident.max ? now + DAY : call.ident.max);
    return st;
}

static kh_status cancel(struct kms_tokens *tokens, const char *text, const char *caller)
{
    struct kms_token_call call = {.text = text, .caller = caller};

    err = (struct kh_error){0};
    return kms_tokens_cancel(tokens, backend, &call, &err);
}

static void a_token_says_who_it_was_made_for(void)
{
    struct kms_tokens *tokens;
    struct kms_ident ident = {.owner = "alice", .renewer = "yarn", .real_user = "hue"};
    struct kms_ident seen;
    char text[KMS_TOKEN_TEXT];

    open_store();
    tokens = server();
    KH_ASSERT_OK(kms_tokens_issue(tokens, backend, &ident, "kms://x", text, &err), err);
    KH_ASSERT_OK(kms_tokens_check(tokens, backend, text, &seen, &err), err);
    CU_ASSERT_EQUAL(memcmp(&ident, &seen, sizeof ident), 0);
    CU_ASSERT_STRING_EQUAL(seen.owner, "alice");
    CU_ASSERT_STRING_EQUAL(seen.real_user, "hue");
    CU_ASSERT_EQUAL(seen.issued, now);
    CU_ASSERT_EQUAL(seen.max, now + 7 * DAY);
    CU_ASSERT_EQUAL(seen.key, now / DAY);
    kms_tokens_free(tokens);
}

static void servers_of_a_backend_take_each_others_tokens(void)
{
    struct kms_tokens *a;
    struct kms_tokens *b;
    char by_a[KMS_TOKEN_TEXT];
    char by_b[KMS_TOKEN_TEXT];

    open_store();
    a = server();
    b = server();
    issue(a, "alice", "yarn", by_a);
    issue(b, "alice", "yarn", by_b);
    KH_ASSERT_OK(check(b, by_a), err);
    KH_ASSERT_OK(check(a, by_b), err);
    kms_tokens_free(a);
    kms_tokens_free(b);
    a = server();
    KH_ASSERT_OK(check(a, by_a), err);
    KH_ASSERT_OK(check(a, by_b), err);
    kms_tokens_free(a);
    /* Another backend's are not. */
    open_store();
    a = server();
    KH_ASSERT_FAILS(check(a, by_a), KH_REFUSED, err, "password doesn't match");
    issue(a, "alice", "yarn", by_b);
    KH_ASSERT_FAILS(check(a, by_a), KH_REFUSED, err, "password doesn't match");
    kms_tokens_free(a);
}

static void a_token_changed_in_any_byte_is_refused(void)
{
    struct kms_tokens *tokens;
    char text[KMS_TOKEN_TEXT];
    size_t len;

    open_store();
    tokens = server();
    issue(tokens, "alice", "yarn", text);
    KH_ASSERT_OK(check(tokens, text), err);
    len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            text[i] = (char)(text[i] ^ 1 << bit);
            if (text[i])
                CU_ASSERT_NOT_EQUAL(check(tokens, text), KH_OK);
            CU_ASSERT_NOT_EQUAL(renew(tokens, text, "yarn"), KH_OK);
            CU_ASSERT_NOT_EQUAL(cancel(tokens, text, NULL), KH_OK);
            text[i] = (char)(text[i] ^ 1 << bit);
        }
    }
    KH_ASSERT_OK(check(tokens, text), err);
    kms_tokens_free(tokens);
}

/* The bytes themselves, and not their text. */
static void an_identifier_changed_in_any_byte_is_refused(void)
{
    struct kms_tokens *tokens;
    struct kms_token token;
    char text[KMS_TOKEN_TEXT];

    open_store();
    tokens = server();
    issue(tokens, "alice", "yarn", text);
    KH_ASSERT_OK(kms_token_parse(text, &token, &err), err);
    for (size_t i = 0; i < token.ident_len + KMS_MAC_LEN; i++) {
        unsigned char *byte =
            i < token.ident_len ? &token.ident[i] : &token.mac[i - token.ident_len];

        for (unsigned change = 1; change < 256; change++) {
            *byte ^= (unsigned char)change;
            kms_token_write(&token, NULL, text);
            CU_ASSERT_NOT_EQUAL(check(tokens, text), KH_OK);
            *byte ^= (unsigned char)change;
        }
    }
    kms_token_write(&token, NULL, text);
    KH_ASSERT_OK(check(tokens, text), err);
    kms_tokens_free(tokens);
}

static void a_token_ends_unless_it_is_renewed(void)
{
    struct kms_tokens *tokens;
    char text[KMS_TOKEN_TEXT];

    open_store();
    tokens = server();
    issue(tokens, "alice", "yarn", text);
    later(tokens, DAY - 1);
    KH_ASSERT_OK(check(tokens, text), err);
    KH_ASSERT_FAILS(renew(tokens, text, "alice"), KH_REFUSED, err,
        "alice tries to renew a token (kms-dt owner=alice, renewer=yarn");
    KH_ASSERT_FAILS(
        renew(tokens, text, "mallory"), KH_REFUSED, err, "non-matching renewer yarn");
    KH_ASSERT_OK(renew(tokens, text, "yarn"), err);
    later(tokens, DAY - 1);
    KH_ASSERT_OK(check(tokens, text), err);
    later(tokens, 1);
    KH_ASSERT_FAILS(check(tokens, text), KH_REFUSED, err, "is expired");
    KH_ASSERT_FAILS(renew(tokens, text, "yarn"), KH_REFUSED, err, "is expired");
    kms_tokens_free(tokens);
}

static void a_token_ends_for_good_after_its_lifetime(void)
{
    struct kms_tokens *tokens;
    char text[KMS_TOKEN_TEXT];

    open_store();
    tokens = server();
    issue(tokens, "alice", "yarn", text);
    for (int i = 0; i < 13; i++) {
        later(tokens, DAY / 2);
        KH_ASSERT_OK(check(tokens, text), err);
        KH_ASSERT_OK(renew(tokens, text, "yarn"), err);
    }
    later(tokens, DAY / 2 - 1);
    KH_ASSERT_OK(check(tokens, text), err);
    later(tokens, 1);
    KH_ASSERT_FAILS(check(tokens, text), KH_REFUSED, err, "is expired");
    kms_tokens_free(tokens);
}

static void a_token_without_renewer_is_renewed_by_nobody(void)
{
    struct kms_tokens *tokens;
    char text[KMS_TOKEN_TEXT];

    open_store();
    tokens = server();
    issue(tokens, "alice", "", text);
    KH_ASSERT_FAILS(renew(tokens, text, "alice"), KH_REFUSED, err, "non-matching");
    KH_ASSERT_FAILS(renew(tokens, text, ""), KH_REFUSED, err, "non-matching");
    kms_tokens_free(tokens);
}

static void owner_renewer_or_whoever_has_it_cancels(void)
{
    static const char *const callers[] = {"alice", "yarn", NULL};
    struct kms_tokens *tokens;
    char text[KMS_TOKEN_TEXT];

    open_store();
    tokens = server();
    for (size_t i = 0; i < 3; i++) {
        issue(tokens, "alice", "yarn", text);
        KH_ASSERT_FAILS(
            cancel(tokens, text, "mallory"), KH_REFUSED, err, "not authorized");
        KH_ASSERT_OK(check(tokens, text), err);
        KH_ASSERT_OK(cancel(tokens, text, callers[i]), err);
        KH_ASSERT_FAILS(check(tokens, text), KH_REFUSED, err, "can't be found in cache");
        KH_ASSERT_FAILS(renew(tokens, text, "yarn"), KH_REFUSED, err, "can't be found");
        KH_ASSERT_FAILS(cancel(tokens, text, NULL), KH_REFUSED, err, "can't be found");
    }
    issue(tokens, "alice", "", text);
    CU_ASSERT_EQUAL(cancel(tokens, text, ""), KH_REFUSED);
    kms_tokens_free(tokens);
}

static void what_happens_on_one_server_is_seen_by_the_other_and_after_a_restart(void)
{
    struct kms_tokens *a;
    struct kms_tokens *b;
    char kept[KMS_TOKEN_TEXT];
    char ended[KMS_TOKEN_TEXT];

    open_store();
    a = server();
    b = server();
    issue(a, "alice", "yarn", kept);
    issue(a, "alice", "yarn", ended);
    KH_ASSERT_OK(check(b, kept), err);
    KH_ASSERT_OK(check(b, ended), err);
    KH_ASSERT_OK(cancel(a, ended, NULL), err);
    now += DAY / 2;
    kms_tokens_at(a, now);
    KH_ASSERT_OK(renew(a, kept, "yarn"), err);
    kms_tokens_at(b, now);
    KH_ASSERT_FAILS(check(b, ended), KH_REFUSED, err, "can't be found");
    now += DAY - 1;
    kms_tokens_at(b, now);
    KH_ASSERT_OK(check(b, kept), err);
    kms_tokens_free(a);
    kms_tokens_free(b);
    a = server();
    KH_ASSERT_OK(check(a, kept), err);
    KH_ASSERT_FAILS(check(a, ended), KH_REFUSED, err, "can't be found");
    kms_tokens_free(a);
}

/* Cancelled here and renewed there, by a server that does not know yet. */
static void cancelled_beats_renewed(void)
{
    struct kms_tokens *a;
    struct kms_tokens *b;
    char text[KMS_TOKEN_TEXT];

    open_store();
    a = server();
    b = server();
    issue(a, "alice", "yarn", text);
    KH_ASSERT_OK(check(b, text), err);
    KH_ASSERT_OK(cancel(a, text, NULL), err);
    KH_ASSERT_OK(renew(b, text, "yarn"), err);
    later(a, 1);
    later(b, 1);
    CU_ASSERT_EQUAL(check(a, text), KH_REFUSED);
    CU_ASSERT_EQUAL(check(b, text), KH_REFUSED);
    /* And for as long as the renewed one would have lasted. */
    later(a, DAY - 2);
    later(b, 0);
    CU_ASSERT_EQUAL(check(a, text), KH_REFUSED);
    CU_ASSERT_EQUAL(check(b, text), KH_REFUSED);
    kms_tokens_free(a);
    kms_tokens_free(b);
}

static size_t count_of(const char *prefix)
{
    struct kh_cursor cursor = {.started = true};
    struct kh_item items[64];
    size_t found = 0;
    size_t count = 0;

    snprintf(cursor.name, sizeof cursor.name, "%s", prefix);
    KH_ASSERT_OK(kh_backend_list(backend, &cursor, items, 64, &count, &err), err);
    for (size_t i = 0; i < count; i++)
        found += strncmp(items[i].name, prefix, strlen(prefix)) == 0;
    return found;
}

static void there_is_a_key_a_day_and_old_ones_are_destroyed(void)
{
    struct kms_tokens *tokens;
    char text[KMS_TOKEN_TEXT];

    open_store();
    tokens = server();
    for (int day = 0; day < 20; day++) {
        issue(tokens, "alice", "yarn", text);
        issue(tokens, "bob", "yarn", text);
        CU_ASSERT_EQUAL(count_of(KMS_KEY_NAME), (size_t)(day < 9 ? day + 1 : 9));
        later(tokens, DAY);
    }
    kms_tokens_free(tokens);
}

static void many_cancellations_lie_in_few_deposits_which_end_with_them(void)
{
    struct kms_tokens *tokens;
    char texts[80][KMS_TOKEN_TEXT];

    open_store();
    tokens = server();
    for (int i = 0; i < 80; i++) {
        issue(tokens, "alice", "yarn", texts[i]);
        KH_ASSERT_OK(cancel(tokens, texts[i], NULL), err);
    }
    CU_ASSERT_TRUE(count_of(KMS_LOG_NAME) <= KMS_LOG_PARTS + 1);
    kms_tokens_free(tokens);
    tokens = server();
    for (int i = 0; i < 80; i++)
        CU_ASSERT_EQUAL(check(tokens, texts[i]), KH_REFUSED);
    later(tokens, 2 * DAY + 2 * 3600 * 1000);
    CU_ASSERT_EQUAL(check(tokens, texts[0]), KH_REFUSED);
    CU_ASSERT_EQUAL(count_of(KMS_LOG_NAME), 0);
    kms_tokens_free(tokens);
}

static void a_damaged_record_refuses_tokens_until_it_is_purged(void)
{
    struct kh_deposit deposit = {
        .name = KMS_LOG_NAME "999999999999.00000000.0", .state = KH_ACTIVE};
    struct kms_tokens *tokens;
    char text[KMS_TOKEN_TEXT];

    open_store();
    tokens = server();
    issue(tokens, "alice", "yarn", text);
    KH_ASSERT_OK(kh_backend_put(backend, &deposit, KH_PUT_NEW, &err), err);
    CU_ASSERT_EQUAL(check(tokens, text), KH_UNAVAILABLE);
    KH_ASSERT_OK(kh_backend_purge(backend, deposit.name, KH_ALL_VERSIONS, &err), err);
    later(tokens, 1);
    KH_ASSERT_OK(check(tokens, text), err);
    kms_tokens_free(tokens);
}

static void wrong_times_are_refused(void)
{
    static const struct {
        const char *ini;
        const char *word;
    } wrong[] = {{"[kms]\ntoken_renew_interval = 9\n", "from 10"},
        {"[kms]\ntoken_max_lifetime = 0\n", "from 10"},
        {"[kms]\ntoken_key_interval = 400d\n", "from 10"},
        {"[kms]\ntoken_key_interval = 10m\n", "200 keys"}};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct kh_config *ini = NULL;
        struct kms_tokens *tokens = NULL;

        KH_ASSERT_OK_FATAL(kms_test_config(&ini, wrong[i].ini, &err), err);
        KH_ASSERT_FAILS(
            kms_tokens_new(&tokens, ini, &err), KH_INVALID, err, wrong[i].word);
        CU_ASSERT_PTR_NULL(tokens);
        kh_config_free(ini);
    }
}

static struct kms_tokens *shared;
static atomic_int failed;

static void *cancels(void *arg)
{
    char text[KMS_TOKEN_TEXT];

    (void)arg;
    for (int i = 0; i < 40; i++) {
        struct kms_ident ident = {.owner = "alice", .renewer = "yarn"};
        struct kms_token_call call = {.text = text};
        struct kms_ident seen;
        struct kh_error e = {0};

        if (kms_tokens_issue(shared, backend, &ident, NULL, text, &e) != KH_OK ||
            kms_tokens_check(shared, backend, text, &seen, &e) != KH_OK ||
            kms_tokens_cancel(shared, backend, &call, &e) != KH_OK ||
            kms_tokens_check(shared, backend, text, &seen, &e) != KH_REFUSED)
            atomic_fetch_add(&failed, 1);
    }
    return NULL;
}

static void threads_cancel_at_the_same_time(void)
{
    pthread_t threads[8];

    open_store();
    shared = server();
    for (size_t i = 0; i < 8; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, cancels, NULL), 0);
    for (int i = 0; i < 50; i++)
        kms_tokens_at(shared, now);
    for (size_t i = 0; i < 8; i++)
        (void)pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(atomic_load(&failed), 0);
    kms_tokens_free(shared);
    kh_backend_close(backend);
    kh_config_free(config);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a token says who it was made for", a_token_says_who_it_was_made_for},
        {"servers of one backend take each other's tokens",
            servers_of_a_backend_take_each_others_tokens},
        {"a token changed in any bit of its text is refused",
            a_token_changed_in_any_byte_is_refused},
        {"a token changed in any byte is refused",
            an_identifier_changed_in_any_byte_is_refused},
        {"a token ends unless it is renewed, by its renewer",
            a_token_ends_unless_it_is_renewed},
        {"a token ends for good after its lifetime",
            a_token_ends_for_good_after_its_lifetime},
        {"a token without renewer is renewed by nobody",
            a_token_without_renewer_is_renewed_by_nobody},
        {"owner, renewer, or whoever has it, cancels",
            owner_renewer_or_whoever_has_it_cancels},
        {"another server sees it, and so does one that is started again",
            what_happens_on_one_server_is_seen_by_the_other_and_after_a_restart},
        {"cancelled beats renewed", cancelled_beats_renewed},
        {"there is a key a day, and old ones are destroyed",
            there_is_a_key_a_day_and_old_ones_are_destroyed},
        {"many cancellations lie in few deposits, which end with them",
            many_cancellations_lie_in_few_deposits_which_end_with_them},
        {"a damaged record refuses tokens until it is purged",
            a_damaged_record_refuses_tokens_until_it_is_purged},
        {"wrong times are refused", wrong_times_are_refused},
        {"threads cancel at the same time", threads_cancel_at_the_same_time},
    };

    return kh_test_main("kms tokens", tests, sizeof tests / sizeof tests[0]);
}
