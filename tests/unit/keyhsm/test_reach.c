/* Reaching keyhsmd: connections, a daemon that goes and comes, and who it must be. */
#include "tests/unit/keyhsm/lab.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static void one_connection_serves_request_after_request(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = lab_deposit("kept", "secret");
    struct kh_error err = {0};

    begin();
    KH_ASSERT_OK(kh_remote_put(client.remote, &d, KH_PUT_NEW, &err), err);
    for (int i = 0; i < 20; i++)
        CU_ASSERT_TRUE(lab_holds(&client, &d));
    CU_ASSERT_EQUAL(proxy_connections(lab.proxy), 1);
    end();
}

static void *probe_often(void *arg)
{
    kh_status *st = arg;

    for (int i = 0; *st == KH_OK && i < 10; i++) {
        struct kh_error err = {0};

        *st = kh_remote_probe(client.remote, &err);
    }
    return NULL;
}

static void threads_share_the_connections_that_there_are(void)
{
    pthread_t threads[8];
    kh_status results[8] = {KH_OK};
    struct kh_error err = {0};

    lab_open(&lab);
    KH_ASSERT_OK_FATAL(client_open(&client, &lab, "connections=2", &err), err);
    for (size_t i = 0; i < 8; i++)
        CU_ASSERT_EQUAL_FATAL(
            pthread_create(&threads[i], NULL, probe_often, &results[i]), 0);
    for (size_t i = 0; i < 8; i++) {
        (void)pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(results[i], KH_OK);
    }
    CU_ASSERT_EQUAL(proxy_connections(lab.proxy), 2);
    end();
}

static void a_daemon_that_is_down_is_named_and_found_again(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = lab_deposit("down", "secret");
    KH_CLEANUP_DEPOSIT struct kh_deposit late = lab_deposit("late", "secret");
    struct kh_stat stat = {0};
    struct kh_error err = {0};
    char url[64];

    begin();
    snprintf(url, sizeof url, "https://localhost:%u", proxy_port(lab.proxy));
    KH_ASSERT_OK(kh_remote_put(client.remote, &d, KH_PUT_NEW, &err), err);
    kh_test_keyhsmd_stop(&lab.daemon, SIGKILL);
    KH_ASSERT_FAILS(
        kh_remote_stat(client.remote, "down", 0, &stat, &err), KH_UNAVAILABLE, err, url);
    KH_ASSERT_FAILS(
        kh_remote_put(client.remote, &late, KH_PUT_NEW, &err), KH_UNAVAILABLE, err, url);
    KH_ASSERT_FAILS(kh_remote_probe(client.remote, &err), KH_UNAVAILABLE, err, url);
    kh_test_keyhsmd_start(&lab.daemon);
    CU_ASSERT_TRUE(lab_holds(&client, &d));
    KH_ASSERT_OK(kh_remote_put(client.remote, &late, KH_PUT_NEW, &err), err);
    CU_ASSERT_TRUE(lab_holds(&client, &late));
    end();
}

static void nobody_there_at_open_is_unavailable(void)
{
    struct client none;
    struct kh_error err = {0};

    begin();
    kh_test_keyhsmd_stop(&lab.daemon, SIGKILL);
    KH_ASSERT_FAILS(
        client_open(&none, &lab, NULL, &err), KH_UNAVAILABLE, err, "https://localhost:");
    KH_ASSERT_FAILS(client_open(&none, &lab, "server=https://localhost:1", &err),
        KH_UNAVAILABLE, err, "https://localhost:1: ");
    kh_test_keyhsmd_start(&lab.daemon);
    end();
}

/* ---- who it must be ---- */

static void fingerprint_of(const char *name, char out[80])
{
    char *file = kh_test_path(lab.dir, "%s.crt", name);
    char *result = kh_test_path(lab.dir, "print");
    FILE *in;

    (void)kh_test_shell(
        "openssl x509 -in '%s' -outform DER | sha256sum | cut -c1-64 >'%s'", file,
        result);
    in = fopen(result, "r");
    CU_ASSERT_FATAL(in && fscanf(in, "%79s", out) == 1);
    (void)fclose(in);
    free(result);
    free(file);
}

static void another_certificate_is_refused_with_both_fingerprints(void)
{
    struct client late;
    struct kh_error err = {0};
    char pinned[80];
    char shown[80];
    char *other;

    begin();
    fingerprint_of("server", pinned);
    fingerprint_of("other", shown);
    kh_test_keyhsmd_stop(&lab.daemon, SIGTERM);
    other = kh_test_path(lab.dir, "keyhsmd.ini");
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "sed -i 's/server\\.crt/other.crt/; s/server\\.key/other.key/' '%s'", other),
        0);
    kh_test_keyhsmd_start(&lab.daemon);
    KH_ASSERT_FAILS(client_open(&late, &lab, NULL, &err), KH_REFUSED, err, pinned);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, shown));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "--trust --replace-pin"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "server.crt"));
    /* Who is served already is told that the place is away. */
    KH_ASSERT_FAILS(kh_remote_probe(client.remote, &err), KH_UNAVAILABLE, err, shown);
    free(other);
    end();
}

static void without_a_pin_authority_and_name_count(void)
{
    struct client c;
    struct kh_error err = {0};
    char ca[700];

    begin();
    /* Self-signed, vouches for itself; its name is `server`. */
    snprintf(ca, sizeof ca, "nopin ca_file=%s/server.crt", lab.dir);
    KH_ASSERT_FAILS(client_open(&c, &lab, ca, &err), KH_UNAVAILABLE, err, "localhost");
    snprintf(ca, sizeof ca, "nopin ca_file=%s/other.crt", lab.dir);
    KH_ASSERT_FAILS(client_open(&c, &lab, ca, &err), KH_UNAVAILABLE, err, "certificate");
    KH_ASSERT_FAILS(
        client_open(&c, &lab, "nopin", &err), KH_UNAVAILABLE, err, "certificate");
    end();
}

static void whom_the_daemon_does_not_trust_gets_nothing(void)
{
    struct client c;
    struct kh_error err = {0};
    char more[1400];

    begin();
    /* Past the proxy, which would lose the alert with the connection. */
    snprintf(more, sizeof more,
        "server=https://localhost:%u client_certificate=%s/other.crt "
        "client_key=%s/other.key",
        lab.daemon.port, lab.dir, lab.dir);
    KH_ASSERT_FAILS(
        client_open(&c, &lab, more, &err), KH_UNAVAILABLE, err, "https://localhost:");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "other.crt"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "keyhsm trust"));
    end();
}

static void options_that_cannot_be_meant_are_refused(void)
{
    static const struct {
        const char *more;
        const char *words;
    } bad[] = {
        {"server=http://localhost:1", "https://HOST:PORT"},
        {"server=https://localhost:1/v1", "nothing after it"},
        {"server=https://me:hunter2@localhost:1", "nothing beside it"},
        {"server=https://localhost:1?x", "nothing beside it"},
        {"server=nonsense", "https://HOST:PORT"},
        {"connections=0", "connections must be from 1 to 64"},
        {"connections=65", "connections must be from 1 to 64"},
        {"connect_timeout=0", "connect_timeout must be from 1 to 3600"},
        {"request_timeout=2h", "request_timeout must be from 1 to 3600"},
        {"crl_file=/x", "crl_file goes with ca_file"},
        {"server_certificate=/absent.pem", "/absent.pem: No such file"},
        {"nopin ca_file=/absent.pem", "/absent.pem: No such file"},
        {"nopin ca_file=/etc/hostname crl_file=/absent.pem", "/absent.pem: No such file"},
        {"client_certificate=/absent.pem", "/absent.pem: No such file"},
        {"client_key=/absent.pem", "/absent.pem: No such file"},
        {"server_certificate=/etc/hostname", "no certificate in it"},
        {"client_certificate=/etc/hostname", "no certificate in it"},
        {"client_key=/etc/hostname", "no private key in it"},
    };

    begin();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct client c;
        struct kh_error err = {0};

        KH_ASSERT_FAILS(
            client_open(&c, &lab, bad[i].more, &err), KH_INVALID, err, bad[i].words);
        CU_ASSERT_PTR_NULL(strstr(err.message, "hunter2"));
    }
    CU_ASSERT_EQUAL(proxy_connections(lab.proxy), 1);
    end();
}

/* ---- a busy daemon ---- */

struct asking {
    struct client *client;
    kh_status st;
    struct kh_error err;
    const char *name;
};

static void *get_held(void *arg)
{
    struct asking *a = arg;
    const struct kh_path path = {.name = a->name, .below = "", .version = KH_LATEST};
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};

    a->st = kh_remote_get(a->client->remote, &path, &d, &a->err);
    return NULL;
}

static void wait_for(const char *path)
{
    const struct timespec pause = {0, 10000000};

    for (int i = 0; access(path, F_OK) != 0; i++) {
        CU_ASSERT_FATAL(i < 6000);
        (void)nanosleep(&pause, NULL);
    }
}

enum { OTHERS = 4 };

/* One worker, which hangs in the backend, and a queue for one. */
static void begin_busy(
    char **gate, pthread_t *thread, struct asking *held, struct client *migration)
{
    char *sign;

    lab_prepare(&lab, "gate");
    lab.daemon.plugin_dir = TEST_MOCK_DIR;
    *gate = kh_test_path(lab.dir, "gate");
    sign = kh_test_path(lab.dir, "gate.held");
    kh_test_keyhsmd_add(&lab.daemon, "gate = %s", *gate);
    kh_test_keyhsmd_add(&lab.daemon, "[server]\nworkers = 1\nqueue = 1");
    lab_start(&lab);
    client_must_open(&client, &lab);
    client_must_open(migration, &lab);
    migration->host.mode = KH_OPEN_MIGRATE;
    kh_test_write(*gate, "", 0, 0600);
    CU_ASSERT_EQUAL_FATAL(pthread_create(thread, NULL, get_held, held), 0);
    wait_for(sign);
    free(sign);
}

static void wait_for_lines(const char *pattern, int lines)
{
    const struct timespec pause = {0, 10000000};

    for (int i = 0; lab_log_lines(&lab, pattern) < lines; i++) {
        CU_ASSERT_FATAL(i < 3000);
        (void)nanosleep(&pause, NULL);
    }
}

static void a_busy_daemon_is_busy_and_a_migration_waits_for_it(void)
{
    static struct client migration;
    struct asking held = {.client = &client, .name = "held"};
    struct asking others[OTHERS];
    struct asking patient = {.client = &migration, .name = "patient"};
    pthread_t threads[OTHERS + 2];
    unsigned busy = 0;
    char *gate;

    begin_busy(&gate, &threads[0], &held, &migration);
    for (size_t i = 0; i < OTHERS; i++) {
        others[i] = (struct asking){.client = &client, .name = "other"};
        CU_ASSERT_EQUAL_FATAL(
            pthread_create(&threads[1 + i], NULL, get_held, &others[i]), 0);
    }
    /* One of them waits in the queue now, the rest was turned away. */
    wait_for_lines("name=other status=503", OTHERS - 1);
    CU_ASSERT_EQUAL_FATAL(
        pthread_create(&threads[1 + OTHERS], NULL, get_held, &patient), 0);
    wait_for_lines("name=patient status=503", 1);
    (void)unlink(gate);
    for (size_t i = 0; i < OTHERS + 2; i++)
        (void)pthread_join(threads[i], NULL);
    KH_ASSERT_OK(held.st, held.err);
    KH_ASSERT_OK(patient.st, patient.err);
    for (size_t i = 0; i < OTHERS; i++) {
        if (others[i].st == KH_OK)
            continue;
        busy++;
        KH_ASSERT_FAILS(others[i].st, KH_BUSY, others[i].err, "too many requests");
    }
    CU_ASSERT_EQUAL(busy, OTHERS - 1);
    free(gate);
    client_close(&migration);
    end();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"one_connection_serves_request_after_request",
            one_connection_serves_request_after_request},
        {"threads_share_the_connections_that_there_are",
            threads_share_the_connections_that_there_are},
        {"a_daemon_that_is_down_is_named_and_found_again",
            a_daemon_that_is_down_is_named_and_found_again},
        {"nobody_there_at_open_is_unavailable", nobody_there_at_open_is_unavailable},
        {"another_certificate_is_refused_with_both_fingerprints",
            another_certificate_is_refused_with_both_fingerprints},
        {"without_a_pin_authority_and_name_count",
            without_a_pin_authority_and_name_count},
        {"whom_the_daemon_does_not_trust_gets_nothing",
            whom_the_daemon_does_not_trust_gets_nothing},
        {"options_that_cannot_be_meant_are_refused",
            options_that_cannot_be_meant_are_refused},
        {"a_busy_daemon_is_busy_and_a_migration_waits_for_it",
            a_busy_daemon_is_busy_and_a_migration_waits_for_it},
    };

    return kh_test_main("keyhsm reach", tests, sizeof tests / sizeof tests[0]);
}
