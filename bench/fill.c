/*
 * Fills a backend with COUNT deposits of SIZE bytes, for the migration benchmarks.
 *
 *   fill PLUGIN_DIR BACKEND COUNT SIZE THREADS [SECTION.KEY=VALUE]...
 *
 * Deposits are called bench-000000, bench-000001 and so on. Prints deposits per second.
 */
#include "core/backend.h"
#include "core/deposit.h"
#include "core/secmem.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct kh_backend *backend;
static atomic_uint next;
static unsigned total;
static size_t size;

static void stop_if(kh_status st, const struct kh_error *err)
{
    if (st != KH_OK) {
        fprintf(stderr, "fill: %s\n", err->message);
        exit(1);
    }
}

static void *work(void *unused)
{
    struct kh_error err = {0};

    (void)unused;
    for (unsigned i; (i = atomic_fetch_add(&next, 1)) < total;) {
        KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};

        snprintf(d.name, sizeof d.name, "bench-%06u", i);
        d.created = (int64_t)time(NULL);
        stop_if(kh_attrs_set(&d.attrs, "purpose", "bench", &err), &err);
        stop_if(kh_buf_alloc(&d.data, size, &err), &err);
        if (size > 0 && RAND_bytes(d.data.data, (int)size) != 1)
            exit(1);
        stop_if(kh_backend_put(backend, &d, KH_PUT_NEW, &err), &err);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    enum { THREADS_MAX = 64 };
    pthread_t threads[THREADS_MAX];
    struct kh_config *config = NULL;
    struct kh_error err = {0};
    struct timespec a;
    struct timespec b;
    unsigned count;

    if (argc < 6) {
        fprintf(stderr,
            "usage: %s PLUGIN_DIR BACKEND COUNT SIZE THREADS [SECTION.KEY=VALUE]...\n",
            argv[0]);
        return 2;
    }
    total = (unsigned)strtoul(argv[3], NULL, 10);
    size = strtoul(argv[4], NULL, 10);
    count = (unsigned)strtoul(argv[5], NULL, 10);
    if (count < 1 || count > THREADS_MAX)
        return 2;
    stop_if(kh_secmem_init(0, KH_LOCK_PREFERRED, &err), &err);
    stop_if(kh_config_load(&config, NULL, &err), &err);
    for (int i = 6; i < argc; i++)
        stop_if(kh_config_override(config, argv[i], &err), &err);
    stop_if(kh_backend_claim(config, argv[1], argv[2], &err), &err);
    stop_if(kh_config_finish(config, &err), &err);
    stop_if(
        kh_backend_open(&backend, argv[2], argv[1], config, KH_OPEN_TOOL, &err), &err);
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
    kh_backend_close(backend);
    kh_config_free(config);
    return 0;
}
