#include "provider/module/host.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Nobody reads a log of ours in a process of somebody else. */
static void drop(const struct kh_host *host, kh_log_level level, const char *format, ...)
{
    (void)host, (void)level, (void)format;
}

static size_t pages(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (len + page - 1) / page * page;
}

/* An application need not have secret memory (nginx has none), and its limit of locked
 * pages is its own: where it is used up the pages can be swapped, as the rest of it. */
static kh_status buf_alloc(
    const struct kh_host *host, struct kh_buf *buf, size_t len, struct kh_error *err)
{
    void *data;

    (void)host;
    memset(buf, 0, sizeof *buf);
    if (len == 0)
        return KH_OK;
    data = mmap(
        NULL, pages(len), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return kh_fail(err, KH_FATAL, "out of memory");
    (void)madvise(data, pages(len), MADV_DONTDUMP);
    (void)mlock(data, pages(len));
    *buf = (struct kh_buf){.data = data, .len = len, .cap = len};
    return KH_OK;
}

static void buf_free(const struct kh_host *host, struct kh_buf *buf)
{
    (void)host;
    if (buf->data) {
        explicit_bzero(buf->data, buf->cap);
        (void)munmap(buf->data, pages(buf->cap));
    }
    memset(buf, 0, sizeof *buf);
}

static kh_status no_secret(const struct kh_host *host, const char *source,
    const char *prompt, struct kh_buf *out, struct kh_error *err)
{
    (void)host, (void)source, (void)prompt;
    memset(out, 0, sizeof *out);
    return kh_fail(err, KH_INVALID, "no passphrase can be asked for here");
}

static const char *no_request(const struct kh_host *host)
{
    (void)host;
    return "";
}

const struct kh_host *kh_module_host(void)
{
    static const struct kh_host host = {
        .abi = KH_PLUGIN_ABI,
        .size = sizeof host,
        .instance = "keyhsm",
        .mode = KH_OPEN_SERVE,
        .log = drop,
        .buf_alloc = buf_alloc,
        .buf_free = buf_free,
        .secret = no_secret,
        .request_id = no_request,
    };

    return &host;
}
