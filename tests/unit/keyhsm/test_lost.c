/* What becomes of a request whose connection ends: nothing is lost, nothing done twice.
 */
#include "tests/unit/keyhsm/lab.h"

#include <string.h>

static struct lab lab;
static struct client client;

static void begin(void)
{
    lab_open(&lab);
    client_must_open(&client, &lab);
}

static void end(void)
{
    client_close(&client);
    lab_close(&lab);
}

/* The connection is open and rests, so that the fault meets the request and no handshake.
 */
static kh_status put_with(proxy_fault fault, const struct kh_deposit *deposit,
    kh_put_mode mode, struct kh_error *err)
{
    proxy_arm(lab.proxy, fault);
    return kh_remote_put(client.remote, deposit, mode, err);
}

static void a_put_whose_answer_is_lost_was_done_once(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = lab_deposit("answer", "secret");
    struct kh_error err = {0};

    begin();
    KH_ASSERT_OK(put_with(PROXY_CUT_ANSWER, &d, KH_PUT_NEW, &err), err);
    CU_ASSERT_TRUE(lab_holds(&client, &d));
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "method=PUT .*status=201"), 1);
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "method=PUT"), 1);
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "secret"), 0);
    end();
}

static void a_put_that_did_not_arrive_is_sent_again(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = lab_deposit("request", "secret");
    struct kh_error err = {0};

    begin();
    KH_ASSERT_OK(put_with(PROXY_CUT_REQUEST, &d, KH_PUT_NEW, &err), err);
    CU_ASSERT_TRUE(lab_holds(&client, &d));
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "method=PUT"), 1);
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "method=GET .*name=request status=404"), 1);
    end();
}

static void a_lost_put_where_something_else_is_exists(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit first = lab_deposit("taken", "first");
    KH_CLEANUP_DEPOSIT struct kh_deposit second = lab_deposit("taken", "other");
    struct kh_error err = {0};

    begin();
    KH_ASSERT_OK(kh_remote_put(client.remote, &first, KH_PUT_NEW, &err), err);
    KH_ASSERT_FAILS(put_with(PROXY_CUT_ANSWER, &second, KH_PUT_VERSION, &err), KH_EXISTS,
        err, "taken");
    KH_ASSERT_FAILS(put_with(PROXY_CUT_REQUEST, &second, KH_PUT_VERSION, &err), KH_EXISTS,
        err, "taken");
    CU_ASSERT_TRUE(lab_holds(&client, &first));
    end();
}

static void a_lost_put_of_a_new_deposit_does_not_join_an_old_one(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit old = lab_deposit("mixed", "old");
    KH_CLEANUP_DEPOSIT struct kh_deposit d = lab_deposit("mixed", "new");
    struct kh_error err = {0};
    struct kh_stat stat = {0};

    begin();
    old.version = 5;
    KH_ASSERT_OK(kh_remote_put(client.remote, &old, KH_PUT_VERSION, &err), err);
    KH_ASSERT_FAILS(
        put_with(PROXY_CUT_ANSWER, &d, KH_PUT_NEW, &err), KH_EXISTS, err, "mixed");
    KH_ASSERT_FAILS(
        put_with(PROXY_CUT_REQUEST, &d, KH_PUT_NEW, &err), KH_EXISTS, err, "mixed");
    KH_ASSERT_OK(kh_remote_stat(client.remote, "mixed", KH_LATEST, &stat, &err), err);
    CU_ASSERT_EQUAL(stat.versions, 1);
    end();
}

static void a_put_that_is_late_is_looked_for_and_not_sent_again(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit done = lab_deposit("done", "secret");
    KH_CLEANUP_DEPOSIT struct kh_deposit pending = lab_deposit("pending", "secret");
    struct kh_error err = {0};

    lab_open(&lab);
    KH_ASSERT_OK_FATAL(client_open(&client, &lab, "request_timeout=1s", &err), err);
    KH_ASSERT_OK(put_with(PROXY_HOLD_ANSWER, &done, KH_PUT_NEW, &err), err);
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "method=PUT"), 1);
    KH_ASSERT_FAILS(put_with(PROXY_HOLD_REQUEST, &pending, KH_PUT_NEW, &err),
        KH_UNAVAILABLE, err, "whether 'pending' version 0 was stored is not known");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "https://localhost:"));
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "method=PUT"), 1);
    end();
}

static void what_only_looks_is_asked_again(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = lab_deposit("look", "secret");
    struct kh_wire_backend backend;
    struct kh_item items[4];
    struct kh_error err = {0};
    struct kh_stat stat = {0};
    size_t count = 0;

    begin();
    KH_ASSERT_OK(kh_remote_put(client.remote, &d, KH_PUT_NEW, &err), err);
    for (int i = 0; i < 2; i++) {
        proxy_fault fault = i == 0 ? PROXY_CUT_ANSWER : PROXY_CUT_REQUEST;

        proxy_arm(lab.proxy, fault);
        CU_ASSERT_TRUE(lab_holds(&client, &d));
        proxy_arm(lab.proxy, fault);
        KH_ASSERT_OK(kh_remote_stat(client.remote, "look", 0, &stat, &err), err);
        proxy_arm(lab.proxy, fault);
        memset(items, 0, sizeof items);
        KH_ASSERT_OK(
            kh_remote_list(client.remote, &(struct kh_cursor){0}, items, 4, &count, &err),
            err);
        CU_ASSERT_EQUAL(count, 1);
        proxy_arm(lab.proxy, fault);
        KH_ASSERT_OK(kh_remote_ask(client.remote, &backend, &err), err);
        proxy_arm(lab.proxy, fault);
        KH_ASSERT_OK(kh_remote_probe(client.remote, &err), err);
    }
    end();
}

static void an_answer_that_stops_in_the_middle_is_asked_for_again(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = lab_deposit("long", "");
    struct kh_error err = {0};

    begin();
    KH_ASSERT_OK_FATAL(kh_buf_alloc(&d.data, KH_DATA_DEFAULT_MAX, &err), err);
    KH_ASSERT_OK(kh_remote_put(client.remote, &d, KH_PUT_NEW, &err), err);
    proxy_arm(lab.proxy, PROXY_CUT_MIDDLE);
    CU_ASSERT_TRUE(lab_holds(&client, &d));
    CU_ASSERT_EQUAL(proxy_connections(lab.proxy), 2);
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "method=GET .*name=long status=200"), 2);
    end();
}

static void removing_and_restoring_are_done_again(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = lab_deposit("again", "secret");
    struct kh_error err = {0};

    begin();
    KH_ASSERT_OK(kh_remote_put(client.remote, &d, KH_PUT_NEW, &err), err);
    proxy_arm(lab.proxy, PROXY_CUT_ANSWER);
    KH_ASSERT_OK(kh_remote_remove(client.remote, "again", 0, &err), err);
    d.state = KH_DELETED;
    CU_ASSERT_TRUE(lab_holds(&client, &d));
    proxy_arm(lab.proxy, PROXY_CUT_ANSWER);
    KH_ASSERT_OK(kh_remote_restore(client.remote, "again", KH_ALL_VERSIONS, &err), err);
    d.state = KH_ACTIVE;
    CU_ASSERT_TRUE(lab_holds(&client, &d));
    end();
}

static void a_lost_purge_is_looked_for(void)
{
    struct kh_error err = {0};
    struct kh_stat stat = {0};

    begin();
    for (int i = 0; i < 2; i++) {
        KH_CLEANUP_DEPOSIT struct kh_deposit d = lab_deposit("purged", "secret");

        KH_ASSERT_OK(kh_remote_put(client.remote, &d, KH_PUT_NEW, &err), err);
        proxy_arm(lab.proxy, i == 0 ? PROXY_CUT_ANSWER : PROXY_CUT_REQUEST);
        KH_ASSERT_OK(
            kh_remote_purge(client.remote, "purged", i == 0 ? 0 : KH_ALL_VERSIONS, &err),
            err);
        KH_ASSERT_FAILS(kh_remote_stat(client.remote, "purged", KH_LATEST, &stat, &err),
            KH_NOT_FOUND, err, "purged");
    }
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "method=POST .*purge.* status=200"), 2);
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "method=POST .*purge"), 2);
    KH_ASSERT_FAILS(
        kh_remote_purge(client.remote, "purged", 0, &err), KH_NOT_FOUND, err, "purged");
    end();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_put_whose_answer_is_lost_was_done_once",
            a_put_whose_answer_is_lost_was_done_once},
        {"a_put_that_did_not_arrive_is_sent_again",
            a_put_that_did_not_arrive_is_sent_again},
        {"a_lost_put_where_something_else_is_exists",
            a_lost_put_where_something_else_is_exists},
        {"a_lost_put_of_a_new_deposit_does_not_join_an_old_one",
            a_lost_put_of_a_new_deposit_does_not_join_an_old_one},
        {"a_put_that_is_late_is_looked_for_and_not_sent_again",
            a_put_that_is_late_is_looked_for_and_not_sent_again},
        {"what_only_looks_is_asked_again", what_only_looks_is_asked_again},
        {"an_answer_that_stops_in_the_middle_is_asked_for_again",
            an_answer_that_stops_in_the_middle_is_asked_for_again},
        {"removing_and_restoring_are_done_again", removing_and_restoring_are_done_again},
        {"a_lost_purge_is_looked_for", a_lost_purge_is_looked_for},
    };

    return kh_test_main("keyhsm lost", tests, sizeof tests / sizeof tests[0]);
}
