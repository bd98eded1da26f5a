/*
 * A program that knows nothing of us: OSSL_STORE, EVP, fork and threads, as any server
 * uses them. Its key is whatever URI it is given; openssl.cnf says who serves it.
 *
 *   provider_signer sign URI FILE OUT   a signature of FILE, SHA-256, to OUT
 *   provider_signer fork URI FILE       one before a fork, then in 3 children, and after
 * it provider_signer threads URI FILE    8 threads, 20 signatures each provider_signer
 * serve URI FILE      one for every line of standard input: "ok" or the first error;
 * loaded once
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/store.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
#define ROUNDS 20

static EVP_PKEY *key;
static unsigned char data[4096];
static size_t data_len;

static EVP_PKEY *load(const char *uri)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
    EVP_PKEY *found = NULL;

    while (store && !found && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (!info)
            break;
        if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            found = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    return found;
}

/* 0: it failed. */
static size_t sign(unsigned char *sig, size_t size)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(ctx, sig, &size, data, data_len) != 1)
        size = 0;
    EVP_MD_CTX_free(ctx);
    return size;
}

/* Signs and verifies. */
static int once(void)
{
    unsigned char sig[600];
    size_t len = sign(sig, sizeof sig);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int good = len > 0 && ctx &&
               EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
               EVP_DigestVerify(ctx, sig, len, data, data_len) == 1;

    EVP_MD_CTX_free(ctx);
    return good;
}

static int to_file(const char *path)
{
    unsigned char sig[600];
    size_t len = sign(sig, sizeof sig);
    FILE *out = len > 0 ? fopen(path, "wb") : NULL;

    if (!out)
        return 0;
    len -= fwrite(sig, 1, len, out);
    return fclose(out) == 0 && len == 0;
}

static int with_forks(void)
{
    int good = once();

    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        int status = 1;

        if (pid == 0)
            _exit(once() && once() ? 0 : 1);
        good = good && pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
        good = good && once(); /* the child has not spoilt the parent's connection */
    }
    return good;
}

static void *thread(void *arg)
{
    uintptr_t bad = 0;

    (void)arg;
    for (int i = 0; i < ROUNDS; i++)
        bad += !once();
    return (void *)bad;
}

static int with_threads(void)
{
    pthread_t threads[THREADS];
    int good = 1;

    for (int i = 0; i < THREADS; i++)
        good = good && pthread_create(&threads[i], NULL, thread, NULL) == 0;
    for (int i = 0; i < THREADS && good; i++) {
        void *bad = NULL;

        good = pthread_join(threads[i], &bad) == 0 && bad == NULL;
    }
    return good;
}

static int serve(void)
{
    char line[64];

    while (fgets(line, sizeof line, stdin)) {
        const char *why = NULL;
        unsigned long code = 0;

        if (!once())
            code = ERR_get_error_all(NULL, NULL, NULL, &why, NULL);
        printf("%s%s\n", code ? "failed: " : "ok", code && why ? why : "");
        fflush(stdout);
        ERR_clear_error();
    }
    return 1;
}

static int run(const char *command, const char *out)
{
    if (strcmp(command, "sign") == 0)
        return to_file(out);
    if (strcmp(command, "fork") == 0)
        return with_forks();
    if (strcmp(command, "threads") == 0)
        return with_threads();
    return serve();
}

int main(int argc, char **argv)
{
    FILE *in;
    int good = 0;

    if (argc < 4 || !(in = fopen(argv[3], "rb")))
        return 2;
    data_len = fread(data, 1, sizeof data, in);
    (void)fclose(in);
    key = load(argv[2]);
    if (key)
        good = run(argv[1], argc > 4 ? argv[4] : "/dev/null");
    if (!good)
        ERR_print_errors_fp(stderr);
    EVP_PKEY_free(key);
    return good ? 0 : 1;
}
