#include "core/secmem.h"

#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* libcrypto's secure heap wants powers of two; the smallest block holds a base64 key. */
enum { HEAP_DEFAULT = 16 * 1024 * 1024, HEAP_LEAST = 256 * 1024, BLOCK_LEAST = 64 };

static bool initialised;
static bool locked;

void kh_wipe_free(void *memory)
{
    if (!memory)
        return;
    explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

/* libcrypto's own blocks (TLS records, CMS buffers) hold plaintext for a while. */
static void *crypto_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size ? malloc(size) : NULL;
}

static void crypto_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    kh_wipe_free(memory);
}

/* realloc could leave the old block behind unwiped, so move by hand. */
static void *crypto_realloc(void *memory, size_t size, const char *file, int line)
{
    size_t old = memory ? malloc_usable_size(memory) : 0;
    void *grown;

    if (!memory)
        return crypto_malloc(size, file, line);
    if (size == 0) {
        kh_wipe_free(memory);
        return NULL;
    }
    if (size <= old && size >= old / 2)
        return memory;
    grown = malloc(size);
    if (!grown)
        return NULL;
    memcpy(grown, memory, old < size ? old : size);
    kh_wipe_free(memory);
    return grown;
}

static void *json_secure_malloc(size_t size)
{
    return OPENSSL_secure_malloc(size ? size : 1);
}

static void json_secure_free(void *memory)
{
    size_t size = memory ? CRYPTO_secure_actual_size(memory) : 0;

    OPENSSL_secure_clear_free(memory, size);
}

static size_t power_of_two_below(size_t wanted)
{
    size_t size = HEAP_LEAST;

    while (size * 2 <= wanted)
        size *= 2;
    return size;
}

/*
 * A heap of SIZE bytes, or, when the size was left to us, the largest from there down
 * that the system lets us lock (RLIMIT_MEMLOCK is 8 MiB for most users). False when there
 * is no heap at all.
 */
static bool make_heap(size_t size, bool may_shrink)
{
    for (;;) {
        switch (CRYPTO_secure_malloc_init(size, BLOCK_LEAST)) {
        case 1:
            locked = true;
            return true;
        case 2: /* made, but not locked: libcrypto goes on in silence, we do not */
            if (!may_shrink || size / 2 < HEAP_LEAST)
                return true;
            (void)CRYPTO_secure_malloc_done();
            size /= 2;
            break;
        default:
            return false;
        }
    }
}

kh_status kh_secmem_init(size_t size, kh_lock_policy policy, struct kh_error *err)
{
    const struct rlimit no_core = {0, 0};

    if (initialised)
        return KH_OK;
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &no_core) != 0)
        return kh_fail(
            err, KH_FATAL, "cannot switch core dumps off: %s", strerror(errno));
    /* Only possible before libcrypto allocated anything; a program that comes late goes
     * on with libcrypto's own allocator, whose secret blocks it cleanses itself. */
    (void)CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
    if (!make_heap(power_of_two_below(size ? size : HEAP_DEFAULT), size == 0))
        return kh_fail(err, KH_FATAL, "cannot set up secret memory of %zu bytes", size);
    if (!locked && policy == KH_LOCK_REQUIRED) {
        (void)CRYPTO_secure_malloc_done();
        return kh_fail(err, KH_REFUSED,
            "cannot lock memory for secrets: raise RLIMIT_MEMLOCK (ulimit -l, "
            "LimitMEMLOCK=), lower "
            "[memory] secure_heap, or set [memory] lock = preferred");
    }
    if (!locked) { /* nothing to gain from a small heap then */
        (void)CRYPTO_secure_malloc_done();
        (void)make_heap(power_of_two_below(size ? size : HEAP_DEFAULT), false);
    }
    json_set_alloc_funcs(json_secure_malloc, json_secure_free);
    initialised = true;
    return KH_OK;
}

bool kh_secmem_locked(void)
{
    return locked;
}

kh_status kh_buf_alloc(struct kh_buf *buf, size_t len, struct kh_error *err)
{
    memset(buf, 0, sizeof *buf);
    if (len == 0)
        return KH_OK;
    if (!initialised)
        return kh_fail(err, KH_FATAL, "secret memory is not set up");
    buf->data = OPENSSL_secure_zalloc(len);
    if (!buf->data)
        return kh_fail(err, KH_FATAL,
            "out of secret memory (%zu bytes wanted): raise [memory] secure_heap", len);
    buf->len = len;
    buf->cap = len;
    return KH_OK;
}

kh_status kh_buf_copy(
    struct kh_buf *buf, const void *data, size_t len, struct kh_error *err)
{
    kh_status st = kh_buf_alloc(buf, len, err);

    if (st == KH_OK && len > 0)
        memcpy(buf->data, data, len);
    return st;
}

void kh_buf_free(struct kh_buf *buf)
{
    if (!buf)
        return;
    OPENSSL_secure_clear_free(buf->data, buf->cap);
    memset(buf, 0, sizeof *buf);
}

bool kh_buf_equal(const struct kh_buf *a, const struct kh_buf *b)
{
    if (a->len != b->len)
        return false;
    return a->len == 0 || CRYPTO_memcmp(a->data, b->data, a->len) == 0;
}
