#include "programs/ktadmin/input.h"

#include "core/deposit.h"
#include "core/secmem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST = 16 << 10 };

static kh_status enlarge(struct kh_buf *buf, struct kh_error *err)
{
    struct kh_buf larger = {0};
    size_t cap = buf->cap ? 2 * buf->cap : FIRST;
    /* One byte over the limit tells too large from just fitting. */
    size_t want = cap < KH_DATA_LIMIT + 1 ? cap : KH_DATA_LIMIT + 1;
    kh_status status = kh_buf_alloc(&larger, want, err);

    if (status != KH_OK)
        return status;
    if (buf->len > 0)
        memcpy(larger.data, buf->data, buf->len);
    larger.len = buf->len;
    larger.cap = want;
    kh_buf_free(buf);
    *buf = larger;
    return KH_OK;
}

static kh_status read_all(
    int fd, const char *shown, struct kh_buf *buf, struct kh_error *err)
{
    for (;;) {
        ssize_t n;

        if (buf->len == buf->cap) {
            kh_status status = enlarge(buf, err);

            if (status != KH_OK)
                return status;
        }
        n = read(fd, buf->data + buf->len, buf->cap - buf->len);
        if (n == 0)
            return KH_OK;
        if (n < 0 && errno == EISDIR)
            return kh_fail(err, KH_INVALID, "%s is a directory", shown);
        if (n < 0 && errno != EINTR)
            return kh_fail(err, KH_INVALID, "%s cannot be read: %m", shown);
        if (n > 0)
            buf->len += (size_t)n;
        if (buf->len > KH_DATA_LIMIT)
            return kh_fail(err, KH_INVALID,
                "%s holds more than %d bytes, the most that any store takes", shown,
                KH_DATA_LIMIT);
    }
}

/* The tail of the buffer was never filled; what is left must say its own length. */
static kh_status trim(struct kh_buf *buf, struct kh_buf *out, struct kh_error *err)
{
    return kh_buf_copy(out, buf->data, buf->len, err);
}

kh_status kh_input_read(const char *file, struct kh_buf *out, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf buf = {0};
    bool standard = !file || strcmp(file, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    kh_status status;

    if (fd < 0)
        return kh_fail(err, KH_INVALID, "%s cannot be opened: %m", file);
    if (standard && isatty(fd))
        fprintf(stderr, "Reading the deposit from the terminal; Control-D ends it.\n");
    status = read_all(fd, standard ? "standard input" : file, &buf, err);
    if (!standard)
        (void)close(fd);
    return status == KH_OK ? trim(&buf, out, err) : status;
}

static kh_status add(const char *text, struct kh_attrs *attrs, struct kh_error *err)
{
    const char *equals = strchr(text, '=');
    char name[KH_ATTR_NAME_MAX + 1];

    if (!equals || equals == text)
        return kh_fail(err, KH_INVALID, "--attribute %.60s: write NAME=VALUE", text);
    if ((size_t)(equals - text) > KH_ATTR_NAME_MAX)
        return kh_fail(err, KH_INVALID,
            "--attribute %.60s...: the name is longer than %d bytes", text,
            KH_ATTR_NAME_MAX);
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    if (kh_attrs_get(attrs, name))
        return kh_fail(err, KH_INVALID, "--attribute %s is given twice", name);
    return kh_attrs_set(attrs, name, equals + 1, err);
}

kh_status kh_input_attributes(
    const struct kh_attribute_args *args, struct kh_attrs *attrs, struct kh_error *err)
{
    kh_status status = KH_OK;

    for (unsigned i = 0; i < args->count && status == KH_OK; i++)
        status = add(args->list[i], attrs, err);
    return status;
}
