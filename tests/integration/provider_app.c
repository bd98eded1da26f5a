/*
 * A program that knows OpenSSL, and nothing of ours: what it gets for a URI, in threads,
 * after a fork, and with a library context of its own.
 *
 *   provider_app raw URI FILE     the secret is what stands in FILE
 *   provider_app fails URI        loading fails, ends, and leaves an error
 *   provider_app threads URI      eight threads load the key, sign with it and verify
 *   provider_app fork URI         parent and children load the key
 *   provider_app context URI      the provider in a library context that comes and goes
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 6 };

static int complain(const char *what)
{
    fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    return 1;
}

/* The first key; *LOADS counts the loads until it, or until the end. */
static EVP_PKEY *load(OSSL_LIB_CTX *context, const char *uri, int *loads, int *error)
{
    OSSL_STORE_CTX *store =
        OSSL_STORE_open_ex(uri, context, NULL, NULL, NULL, NULL, NULL, NULL);
    EVP_PKEY *key = NULL;

    *loads = *error = 0;
    while (store && !key && !OSSL_STORE_eof(store) && *loads < 100) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        ++*loads;
        *error |= OSSL_STORE_error(store);
        if (info && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    return key;
}

/* The key is there, and signs. */
static int use(OSSL_LIB_CTX *context, const char *uri)
{
    static const unsigned char text[] = "hello";
    unsigned char signature[1024];
    size_t len = sizeof signature;
    int loads, error;
    EVP_PKEY *key = load(context, uri, &loads, &error);
    EVP_MD_CTX *sign = EVP_MD_CTX_new();
    EVP_MD_CTX *verify = EVP_MD_CTX_new();
    int good =
        key && sign && verify &&
        EVP_DigestSignInit_ex(sign, NULL, "SHA256", context, NULL, key, NULL) == 1 &&
        EVP_DigestSign(sign, signature, &len, text, sizeof text) == 1 &&
        EVP_DigestVerifyInit_ex(verify, NULL, "SHA256", context, NULL, key, NULL) == 1 &&
        EVP_DigestVerify(verify, signature, len, text, sizeof text) == 1;

    EVP_MD_CTX_free(verify);
    EVP_MD_CTX_free(sign);
    EVP_PKEY_free(key);
    return good;
}

static int raw(const char *uri, const char *path)
{
    unsigned char wanted[4096], got[4096];
    size_t len = sizeof got;
    FILE *file = fopen(path, "r");
    size_t wanted_len = file ? fread(wanted, 1, sizeof wanted, file) : 0;
    int loads, error;
    EVP_PKEY *key = load(NULL, uri, &loads, &error);
    int same = key && wanted_len > 0 &&
               EVP_PKEY_get_raw_private_key(key, got, &len) == 1 && len == wanted_len &&
               memcmp(wanted, got, len) == 0;

    EVP_PKEY_free(key);
    if (file)
        (void)fclose(file);
    return same ? 0 : complain("the secret is another");
}

static int fails(const char *uri)
{
    int loads, error;
    EVP_PKEY *key = load(NULL, uri, &loads, &error);
    int failed = !key && error && loads <= 2 && ERR_peek_error() != 0;

    ERR_print_errors_fp(stdout);
    EVP_PKEY_free(key);
    return failed ? 0 : complain("no failure, or no end of it");
}

static void *worker(void *arg)
{
    static char good;

    for (int i = 0; i < ROUNDS; i++) {
        if (!use(NULL, arg)) {
            (void)complain("a thread has no key");
            return NULL;
        }
    }
    return &good;
}

static int threads(char *uri)
{
    pthread_t list[THREADS];
    int status = 0;

    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&list[i], NULL, worker, uri) != 0)
            return complain("no thread");
    }
    for (int i = 0; i < THREADS; i++) {
        void *good = NULL;

        (void)pthread_join(list[i], &good);
        status |= good == NULL;
    }
    return status;
}

/* Children of three kinds: one uses the key and ends in order, one does not use it, one
 * is a grandchild. Whatever they do, their parent goes on. */
static int forks(const char *uri)
{
    if (!use(NULL, uri))
        return complain("the parent has no key");
    for (int kind = 0; kind < 3; kind++) {
        int status = 0;
        pid_t child = fork();

        if (child == 0 && kind == 2 && (!use(NULL, uri) || fork() != 0)) {
            (void)wait(&status);
            exit(status == 0 ? 0 : 1);
        }
        if (child == 0)
            exit(kind == 1 || use(NULL, uri) ? 0 : complain("a child has no key"));
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            return complain("a child failed");
        if (!use(NULL, uri))
            return complain("the parent has no key any more");
    }
    return 0;
}

static int context(const char *uri)
{
    for (int i = 0; i < 3; i++) {
        OSSL_LIB_CTX *own = OSSL_LIB_CTX_new();
        int loaded = own && OSSL_LIB_CTX_load_config(own, getenv("OPENSSL_CONF")) == 1;
        int good = loaded && OSSL_PROVIDER_available(own, "keyhsm") && use(own, uri);

        OSSL_LIB_CTX_free(own);
        if (!good)
            return complain("no key in a context of one's own");
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc >= 3 ? argv[1] : "";

    if (strcmp(what, "raw") == 0 && argc == 4)
        return raw(argv[2], argv[3]);
    if (strcmp(what, "fails") == 0)
        return fails(argv[2]);
    if (strcmp(what, "threads") == 0)
        return threads(argv[2]);
    if (strcmp(what, "fork") == 0)
        return forks(argv[2]);
    if (strcmp(what, "context") == 0)
        return context(argv[2]);
    return complain("see the top of provider_app.c");
}
