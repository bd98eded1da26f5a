#include "server/hello.h"

#include "core/deposit.h"
#include "core/log.h"
#include "core/secmem.h"
#include "server/ratelimit.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DATA_LEN = 32, TRIES = 3, BURST = 5, INTERVAL_MS = 1000 };

struct outcome {
    kh_status status;
    char name[KH_NAME_MAX + 1];
    struct kh_error err;
};

struct kh_hello {
    struct kh_backend *backend;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    struct kh_rate rate;
    bool running;
    bool known; /* `last` holds the outcome of second `when` */
    int64_t when;
    struct outcome last;
};

static uint64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct kh_hello *kh_hello_new(struct kh_backend *backend)
{
    struct kh_hello *hello = calloc(1, sizeof *hello);

    if (hello) {
        hello->backend = backend;
        pthread_mutex_init(&hello->mutex, NULL);
        pthread_cond_init(&hello->ended, NULL);
        kh_rate_init(&hello->rate, BURST, INTERVAL_MS, clock_ms());
    }
    return hello;
}

void kh_hello_use(struct kh_hello *hello, struct kh_backend *backend)
{
    pthread_mutex_lock(&hello->mutex);
    hello->backend = backend;
    pthread_mutex_unlock(&hello->mutex);
}

void kh_hello_free(struct kh_hello *hello)
{
    if (!hello)
        return;
    pthread_cond_destroy(&hello->ended);
    pthread_mutex_destroy(&hello->mutex);
    free(hello);
}

bool kh_hello_admit(struct kh_hello *hello, uint64_t now_ms)
{
    bool admitted;

    pthread_mutex_lock(&hello->mutex);
    admitted = kh_rate_take(&hello->rate, now_ms);
    pthread_mutex_unlock(&hello->mutex);
    return admitted;
}

static void name_at(int64_t seconds, char name[KH_NAME_MAX + 1])
{
    time_t when = (time_t)seconds;
    struct tm parts = {0};

    gmtime_r(&when, &parts);
    strftime(name, KH_NAME_MAX + 1, KH_HELLO_FORMAT, &parts);
}

/* Another daemon on the same place may have taken a second's name: then the next one is
 * used. */
static kh_status put(struct kh_backend *backend, int64_t now, struct kh_deposit *deposit,
    struct kh_error *err)
{
    kh_status st = KH_EXISTS;

    deposit->created = now;
    for (int64_t i = 0; i < TRIES && st == KH_EXISTS; i++) {
        name_at(now + i, deposit->name);
        st = kh_backend_put(backend, deposit, KH_PUT_NEW, err);
    }
    return st;
}

static kh_status read_back(
    struct kh_backend *backend, const struct kh_deposit *deposit, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit back = {0};
    kh_status st = kh_backend_get(backend, deposit->name, 0, false, &back, err);

    if (st == KH_OK && !kh_buf_equal(&back.data, &deposit->data))
        st = kh_fail(
            err, KH_CORRUPT, "%s: what came back is not what was stored", deposit->name);
    return st;
}

static kh_status round_trip(struct kh_backend *backend, int64_t now,
    char name[KH_NAME_MAX + 1], struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error purge_err = {0};
    kh_status st = kh_buf_alloc(&deposit.data, DATA_LEN, err);
    kh_status purged;

    if (st == KH_OK && RAND_priv_bytes(deposit.data.data, DATA_LEN) != 1)
        st = kh_fail(err, KH_UNAVAILABLE, "no random bytes for the test deposit");
    if (st == KH_OK)
        st = put(backend, now, &deposit, err);
    if (st != KH_OK)
        return st;
    memcpy(name, deposit.name, sizeof deposit.name);
    st = read_back(backend, &deposit, err);
    purged = kh_backend_purge(backend, deposit.name, KH_ALL_VERSIONS, &purge_err);
    if (purged != KH_OK)
        kh_log(KH_LOG_ERROR, "test deposit %s cannot be purged: %s", deposit.name,
            purge_err.message);
    if (st == KH_OK && purged != KH_OK) {
        *err = purge_err;
        st = purged;
    }
    return st;
}

static kh_status hand_out(
    const struct outcome *outcome, char name[KH_NAME_MAX + 1], struct kh_error *err)
{
    memcpy(name, outcome->name, sizeof outcome->name);
    *err = outcome->err;
    return outcome->status;
}

kh_status kh_hello_run(
    struct kh_hello *hello, int64_t now, char name[KH_NAME_MAX + 1], struct kh_error *err)
{
    struct outcome mine = {0};
    struct kh_backend *backend;
    bool joined = false;
    kh_status st;

    pthread_mutex_lock(&hello->mutex);
    while (hello->running) {
        joined = true;
        pthread_cond_wait(&hello->ended, &hello->mutex);
    }
    if (joined || (hello->known && hello->when == now)) {
        st = hand_out(&hello->last, name, err);
        pthread_mutex_unlock(&hello->mutex);
        return st;
    }
    hello->running = true;
    backend = hello->backend;
    pthread_mutex_unlock(&hello->mutex);
    mine.status = round_trip(backend, now, mine.name, &mine.err);
    pthread_mutex_lock(&hello->mutex);
    hello->last = mine;
    hello->when = now;
    hello->known = mine.status == KH_OK; /* a failure may be over by now */
    hello->running = false;
    pthread_cond_broadcast(&hello->ended);
    pthread_mutex_unlock(&hello->mutex);
    return hand_out(&mine, name, err);
}
