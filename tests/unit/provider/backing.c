#include "tests/unit/provider/backing.h"

#include "core/secmem.h"

kh_status backing_enter(
    struct backing *backing, atomic_int *counter, struct kh_error *err)
{
    kh_status status = (kh_status)atomic_load(&backing->fail_with);

    atomic_fetch_add(counter, 1);
    return status == KH_OK ? KH_OK : kh_fail(err, status, "backing: told to fail");
}

static kh_status buf_alloc(
    const struct kh_host *host, struct kh_buf *buf, size_t len, struct kh_error *err)
{
    (void)host;
    return kh_buf_alloc(buf, len, err);
}

static void buf_free(const struct kh_host *host, struct kh_buf *buf)
{
    (void)host;
    kh_buf_free(buf);
}

const struct kh_host *backing_host(void)
{
    static const struct kh_host host = {
        .abi = KH_PLUGIN_ABI,
        .size = sizeof(struct kh_host),
        .instance = "test",
        .buf_alloc = buf_alloc,
        .buf_free = buf_free,
    };

    return &host;
}
