/*
 * Signatures of a SHA-256 digest with the key behind a URI: whoever openssl.cnf says
 * makes them.
 *
 *   sign_load URI THREADS SECONDS        signatures/s
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/store.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 64 };

static EVP_PKEY *key;
static atomic_bool stop;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const char *what)
{
    fprintf(stderr, "sign_load: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void *loop(void *counter)
{
    static const unsigned char digest[32] = {1};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

    if (!ctx || EVP_PKEY_sign_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1)
        fail("sign_init");
    while (!atomic_load(&stop)) {
        unsigned char signature[600];
        size_t len = sizeof signature;

        if (EVP_PKEY_sign(ctx, signature, &len, digest, sizeof digest) != 1)
            fail("sign");
        ++*(unsigned long *)counter;
    }
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t ids[THREADS_MAX];
    unsigned long counts[THREADS_MAX * 16] = {0}; /* a cache line each */
    unsigned long sum = 0;
    unsigned threads = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    OSSL_STORE_CTX *store =
        threads > 0 ? OSSL_STORE_open(argv[1], NULL, NULL, NULL, NULL) : NULL;
    OSSL_STORE_INFO *info = store ? OSSL_STORE_load(store) : NULL;
    double begin;

    key = info ? OSSL_STORE_INFO_get1_PKEY(info) : NULL;
    if (!key || threads > THREADS_MAX)
        fail("usage: sign_load URI THREADS SECONDS; no key behind the URI");
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    begin = now();
    for (unsigned i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, loop, &counts[(size_t)i * 16]);
    usleep((useconds_t)(strtod(argv[3], NULL) * 1e6));
    atomic_store(&stop, true);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum += counts[(size_t)i * 16];
    }
    printf("%.1f\n", (double)sum / (now() - begin));
    EVP_PKEY_free(key);
    return 0;
}
