/*
 * What the bare PKCS#11 module does, without a line of the project between: the yardstick
 * of every other benchmark.
 *
 *   raw_pkcs11 MODULE LABEL PIN derive THREADS SECONDS   ECDH derive + read + destroy,
 * operations/s raw_pkcs11 MODULE LABEL PIN sign THREADS SECONDS ECDSA P-256 of a digest,
 * signatures/s raw_pkcs11 MODULE LABEL PIN keygen COUNT             token EC key pairs,
 * keys/s; destroyed after raw_pkcs11 MODULE LABEL PIN start C_Initialize + login + one
 * pass, seconds raw_pkcs11 MODULE LABEL PIN growth COUNT             resident KiB that
 * COUNT derives leave behind
 *
 * The PIN on the command line is a benchmark's throw-away PIN.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static CK_FUNCTION_LIST *f;
static CK_SLOT_ID slot;
static const char *pin;
static CK_OBJECT_HANDLE private_key;
static unsigned char peer[65];
static atomic_bool stop;

static void check(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", what, (unsigned long)rv);
        exit(1);
    }
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");

    if (!statm || fscanf(statm, "%*s %ld", &pages) != 1)
        exit(1);
    fclose(statm);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void load_module(const char *path)
{
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CK_RV (*get)(CK_FUNCTION_LIST **);

    if (!so) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    *(void **)&get = dlsym(so, "C_GetFunctionList");
    check(get ? get(&f) : CKR_GENERAL_ERROR, "C_GetFunctionList");
}

static void find_slot(const char *label)
{
    CK_SLOT_ID slots[32];
    CK_ULONG count = 32;
    CK_TOKEN_INFO info;

    check(f->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; i++) {
        if (f->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
            strncmp((const char *)info.label, label, strlen(label)) == 0 &&
            info.label[strlen(label)] == ' ') {
            slot = slots[i];
            return;
        }
    }
    fprintf(stderr, "no token '%s'\n", label);
    exit(1);
}

static CK_SESSION_HANDLE session_open(void)
{
    CK_SESSION_HANDLE s;

    check(f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s),
        "C_OpenSession");
    return s;
}

static CK_SESSION_HANDLE start(const char *label)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_SESSION_HANDLE s;
    union {
        const char *in;
        CK_UTF8CHAR *out;
    } text = {.in = pin};

    check(f->C_Initialize(&args), "C_Initialize");
    find_slot(label);
    s = session_open();
    check(f->C_Login(s, CKU_USER, text.out, strlen(pin)), "C_Login");
    return s;
}

/* The same template as the product's deposit keys. */
static CK_OBJECT_HANDLE generate(
    CK_SESSION_HANDLE s, unsigned serial, unsigned char point[65])
{
    static const unsigned char p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    unsigned char params[sizeof p256];
    unsigned char encoded[67];
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, params, sizeof params}, {CKA_TOKEN, &no, 1},
        {CKA_PRIVATE, &no, 1}};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1},
        {CKA_SENSITIVE, &yes, 1}, {CKA_EXTRACTABLE, &no, 1}, {CKA_DERIVE, &yes, 1},
        {CKA_ID, &serial, sizeof serial}, {CKA_SIGN, &yes, 1}};
    CK_ATTRIBUTE read = {CKA_EC_POINT, encoded, sizeof encoded};
    CK_OBJECT_HANDLE pub;
    CK_OBJECT_HANDLE priv;

    memcpy(params, p256, sizeof p256);
    check(f->C_GenerateKeyPair(s, &mechanism, public, 3, private, 7, &pub, &priv),
        "C_GenerateKeyPair");
    check(f->C_GetAttributeValue(s, pub, &read, 1), "C_GetAttributeValue");
    memcpy(point, encoded + 2, 65);
    check(f->C_DestroyObject(s, pub), "C_DestroyObject");
    return priv;
}

static void derive(CK_SESSION_HANDLE s)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_ULONG length = 32;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    unsigned char value[32];
    CK_ECDH1_DERIVE_PARAMS params = {CKD_NULL, 0, NULL, sizeof peer, peer};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof params};
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &type, sizeof type}, {CKA_VALUE_LEN, &length, sizeof length},
        {CKA_TOKEN, &no, 1}, {CKA_SENSITIVE, &no, 1}, {CKA_EXTRACTABLE, &yes, 1}};
    CK_ATTRIBUTE read = {CKA_VALUE, value, sizeof value};
    CK_OBJECT_HANDLE secret;

    check(
        f->C_DeriveKey(s, &mechanism, private_key, template, 6, &secret), "C_DeriveKey");
    check(f->C_GetAttributeValue(s, secret, &read, 1), "C_GetAttributeValue");
    check(f->C_DestroyObject(s, secret), "C_DestroyObject");
}

static void sign(CK_SESSION_HANDLE s)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    unsigned char digest[32] = {1}, signature[64];
    CK_ULONG len = sizeof signature;

    check(f->C_SignInit(s, &mechanism, private_key), "C_SignInit");
    check(f->C_Sign(s, digest, sizeof digest, signature, &len), "C_Sign");
}

static void (*operation)(CK_SESSION_HANDLE) = derive;

static void *loop(void *counter)
{
    CK_SESSION_HANDLE s = session_open();

    while (!atomic_load(&stop)) {
        operation(s);
        ++*(unsigned long *)counter;
    }
    f->C_CloseSession(s);
    return NULL;
}

static void bench_threads(unsigned threads, double seconds)
{
    enum { THREADS_MAX = 64 };
    pthread_t ids[THREADS_MAX];
    unsigned long counts[THREADS_MAX * 16] = {0}; /* a cache line each */
    unsigned long sum = 0;
    double begin = now();

    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    for (unsigned i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, loop, &counts[(size_t)i * 16]);
    usleep((useconds_t)(seconds * 1e6));
    atomic_store(&stop, true);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum += counts[(size_t)i * 16];
    }
    printf("%.1f\n", (double)sum / (now() - begin));
}

struct keygen {
    pthread_t thread;
    unsigned first;
    unsigned count;
    CK_OBJECT_HANDLE *keys;
};

static void *keygen_loop(void *arg)
{
    struct keygen *k = arg;
    CK_SESSION_HANDLE s = session_open();
    unsigned char point[65];

    for (unsigned i = 0; i < k->count; i++)
        k->keys[i] = generate(s, 0x70000000U + k->first + i, point);
    return NULL;
}

static void bench_keygen(CK_SESSION_HANDLE s, unsigned count, unsigned threads)
{
    struct keygen *k = calloc(threads, sizeof *k);
    CK_OBJECT_HANDLE *keys = calloc(count, sizeof *keys);
    double begin = now();

    for (unsigned i = 0; k && keys && i < threads; i++) {
        k[i].first = count / threads * i;
        k[i].count = i + 1 == threads ? count - k[i].first : count / threads;
        k[i].keys = keys + k[i].first;
        pthread_create(&k[i].thread, NULL, keygen_loop, &k[i]);
    }
    for (unsigned i = 0; k && i < threads; i++)
        pthread_join(k[i].thread, NULL);
    printf("%.1f\n", count / (now() - begin));
    for (unsigned i = 0; keys && i < count; i++)
        check(f->C_DestroyObject(s, keys[i]), "C_DestroyObject");
    free(keys);
    free(k);
}

static void bench_start(const char *label)
{
    double begin = now();
    CK_SESSION_HANDLE s = start(label);
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE find = {CKA_CLASS, &class, sizeof class};
    CK_OBJECT_HANDLE found[256];
    CK_ULONG n;
    unsigned long objects = 0;

    check(f->C_FindObjectsInit(s, &find, 1), "C_FindObjectsInit");
    do {
        check(f->C_FindObjects(s, found, 256, &n), "C_FindObjects");
        for (CK_ULONG i = 0; i < n; i++) {
            unsigned char id[64];
            CK_ATTRIBUTE read = {CKA_ID, id, sizeof id};

            check(f->C_GetAttributeValue(s, found[i], &read, 1), "C_GetAttributeValue");
        }
        objects += n;
    } while (n > 0);
    check(f->C_FindObjectsFinal(s), "C_FindObjectsFinal");
    printf("%.4f %lu\n", now() - begin, objects);
    f->C_Finalize(NULL);
}

int main(int argc, char **argv)
{
    CK_SESSION_HANDLE s;
    unsigned char own[65];
    CK_OBJECT_HANDLE other;

    if (argc < 5) {
        fprintf(stderr,
            "usage: %s MODULE LABEL PIN derive|sign|keygen|start|growth ...\n", argv[0]);
        return 2;
    }
    load_module(argv[1]);
    pin = argv[3];
    if (strcmp(argv[4], "start") == 0) {
        bench_start(argv[2]);
        return 0;
    }
    s = start(argv[2]);
    if (strcmp(argv[4], "keygen") == 0 && argc == 7) {
        bench_keygen(s, (unsigned)strtoul(argv[5], NULL, 10),
            (unsigned)strtoul(argv[6], NULL, 10));
    } else {
        private_key = generate(s, 0x7ffffff0U, own);
        other = generate(s, 0x7ffffff1U, peer);
        if (strcmp(argv[4], "sign") == 0)
            operation = sign;
        if ((strcmp(argv[4], "derive") == 0 || operation == sign) && argc == 7) {
            bench_threads((unsigned)strtoul(argv[5], NULL, 10), strtod(argv[6], NULL));
        } else if (strcmp(argv[4], "growth") == 0 && argc == 6) {
            long before;

            for (int i = 0; i < 200; i++)
                derive(s);
            before = resident_kib();
            for (unsigned long i = strtoul(argv[5], NULL, 10); i > 0; i--)
                derive(s);
            printf("%ld\n", resident_kib() - before);
        }
        check(f->C_DestroyObject(s, private_key), "C_DestroyObject");
        check(f->C_DestroyObject(s, other), "C_DestroyObject");
    }
    f->C_Finalize(NULL);
    return 0;
}
