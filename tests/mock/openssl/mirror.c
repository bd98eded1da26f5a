/*
 * An OpenSSL provider for tests: all algorithms of the default provider, in a context of
 * its own, under other properties. Built twice:
 *
 *  - `vouched`: its algorithms say fips=yes, as those of a validated module do, and work;
 *  - `trap`:    its algorithms say fips=no; whoever uses one finds that it fails, and
 *               that a line was written to the file $TRAP_LOG.
 */
#include <fcntl.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPERATIONS = 32, ALGORITHMS = 256, FUNCTIONS = 64 };

struct mirror {
    OSSL_LIB_CTX *inner;
    OSSL_PROVIDER *original;
    OSSL_ALGORITHM *algorithms[OPERATIONS];
};

static struct mirror mirror;

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provctx) __attribute__((visibility("default")));

#ifdef MIRROR_TRAP
static void *sprung(void)
{
    static const char line[] = "an algorithm of the trap was used\n";
    const char *log = getenv("TRAP_LOG");
    int fd = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

    if (fd >= 0) {
        (void)!write(fd, line, sizeof line - 1);
        (void)close(fd);
    }
    return NULL;
}

/* What makes an object of the operation: nothing can be done without. */
static int makes(int operation, int function)
{
    if (operation == OSSL_OP_KEYMGMT)
        return function == OSSL_FUNC_KEYMGMT_NEW ||
               function == OSSL_FUNC_KEYMGMT_GEN_INIT ||
               function == OSSL_FUNC_KEYMGMT_LOAD;
    return function == 1; /* NEWCTX of every other one, OPEN of a store */
}

static const OSSL_DISPATCH *functions(int operation, const OSSL_DISPATCH *from)
{
    OSSL_DISPATCH *to = calloc(FUNCTIONS, sizeof *to);

    for (size_t i = 0; to && i + 1 < FUNCTIONS && from[i].function_id != 0; i++) {
        to[i] = from[i];
        if (makes(operation, from[i].function_id))
            to[i].function = (void (*)(void))sprung;
    }
    return to;
}
#else
static const OSSL_DISPATCH *functions(int operation, const OSSL_DISPATCH *from)
{
    (void)operation;
    return from;
}
#endif

/* A validated module has no encoders, decoders or stores: `base` has them. They are not
 * cryptography, and OpenSSL 3.0 takes them from every provider whatever the query is. */
static int mirrored(int operation)
{
    return operation < OSSL_OP_ENCODER;
}

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
    const OSSL_ALGORITHM *from;
    OSSL_ALGORITHM *to;

    (void)provctx;
    *no_cache = 0;
    if (!mirrored(operation))
        return NULL;
    if (mirror.algorithms[operation])
        return mirror.algorithms[operation];
    from = OSSL_PROVIDER_query_operation(mirror.original, operation, no_cache);
    to = calloc(ALGORITHMS, sizeof *to);
    for (size_t i = 0; from && to && i + 1 < ALGORITHMS && from[i].algorithm_names; i++) {
        to[i] = from[i];
        to[i].property_definition = MIRROR_PROPERTIES;
        to[i].implementation = functions(operation, from[i].implementation);
    }
    mirror.algorithms[operation] = to;
    return to;
}

/* TLS asks here for its groups. */
static int capabilities(
    void *provctx, const char *capability, OSSL_CALLBACK *callback, void *arg)
{
    (void)provctx;
    return OSSL_PROVIDER_get_capabilities(mirror.original, capability, callback, arg);
}

static const OSSL_DISPATCH provider[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))capabilities},
    {0, NULL},
};

/* What is made here stays until the process ends: others may hold on to it. The mirror
 * stands in the inner context as well: an algorithm that is told to take its digest by a
 * query looks there. */
int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provctx)
{
    (void)handle, (void)in;
    if (!mirror.inner) {
        mirror.inner = OSSL_LIB_CTX_new();
        mirror.original = OSSL_PROVIDER_load(mirror.inner, "default");
        if (!mirror.original ||
            OSSL_PROVIDER_add_builtin(mirror.inner, "inner", OSSL_provider_init) != 1 ||
            !OSSL_PROVIDER_load(mirror.inner, "inner"))
            return 0;
    }
    *out = provider;
    *provctx = OSSL_PROVIDER_get0_provider_ctx(mirror.original);
    return 1;
}
