/*
 * Durable inserts per second of the catalog alone, grouped over THREADS writers: the
 * ceiling that a migration in epoch scope can reach on this disk.
 *
 *   catalog_rate DIRECTORY COUNT THREADS ENVELOPE_BYTES
 */
#include "core/catalog/catalog.h"
#include "core/secmem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct kh_catalog *catalog;
static struct kh_catalog_key key = {
    .token = "bench", .scope = "epoch", .profile = "ecdh-p256"};
static atomic_uint next;
static unsigned total;
static unsigned char *envelope;
static size_t envelope_len;

static void stop_if(kh_status st, const struct kh_error *err)
{
    if (st != KH_OK) {
        fprintf(stderr, "catalog_rate: %s\n", err->message);
        exit(1);
    }
}

static void *work(void *unused)
{
    struct kh_error err = {0};

    (void)unused;
    for (unsigned i; (i = atomic_fetch_add(&next, 1)) < total;) {
        struct kh_catalog_row row = {.created = 1,
            .key = key.id,
            .profile = "ecdh-p256",
            .envelope = envelope,
            .envelope_len = envelope_len};

        snprintf(row.name, sizeof row.name, "bench-%06u", i);
        stop_if(catalog->insert(catalog, &row, false, &err), &err);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    enum { THREADS_MAX = 128 };
    pthread_t threads[THREADS_MAX];
    struct kh_error err = {0};
    struct timespec a;
    struct timespec b;
    unsigned count;
    char path[512];

    if (argc != 5) {
        fprintf(stderr, "usage: %s DIRECTORY COUNT THREADS ENVELOPE_BYTES\n", argv[0]);
        return 2;
    }
    total = (unsigned)strtoul(argv[2], NULL, 10);
    count = (unsigned)strtoul(argv[3], NULL, 10);
    envelope_len = strtoul(argv[4], NULL, 10);
    envelope = calloc(1, envelope_len);
    if (!envelope || count < 1 || count > THREADS_MAX)
        return 2;
    memset(key.id.bytes, 7, 20);
    key.id.len = 20;
    snprintf(path, sizeof path, "%s/bench-catalog.db", argv[1]);
    stop_if(kh_secmem_init(0, KH_LOCK_PREFERRED, &err), &err);
    stop_if(kh_catalog_open_sqlite(path, &catalog, &err), &err);
    stop_if(catalog->key_announce(catalog, &key, 1, &err), &err);
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (unsigned i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return 1;
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%.1f\n",
        total / ((double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9));
    catalog->close(catalog);
    free(envelope);
    return 0;
}
