#include "core/backup/span.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct span {
    int fd;
    int64_t at;
    uint64_t left;
};

static BIO_METHOD *method;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int span_read(BIO *bio, char *out, size_t len, size_t *got)
{
    struct span *span = BIO_get_data(bio);
    ssize_t n;

    *got = 0;
    if (len > span->left)
        len = (size_t)span->left;
    if (len == 0)
        return 0;
    do
        n = pread(span->fd, out, len, span->at);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -1 : 0;
    span->at += n;
    span->left -= (uint64_t)n;
    *got = (size_t)n;
    return 1;
}

static long span_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const struct span *span = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    return command == BIO_CTRL_EOF ? span->left == 0 : 0;
}

static int span_destroy(BIO *bio)
{
    free(BIO_get_data(bio));
    BIO_set_data(bio, NULL);
    return 1;
}

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "span of a file");
    if (method && (BIO_meth_set_read_ex(method, span_read) != 1 ||
                      BIO_meth_set_ctrl(method, span_ctrl) != 1 ||
                      BIO_meth_set_destroy(method, span_destroy) != 1)) {
        BIO_meth_free(method);
        method = NULL;
    }
}

BIO *kh_span_new(int fd, int64_t at, uint64_t len)
{
    struct span *span = malloc(sizeof *span);
    BIO *bio = NULL;

    (void)pthread_once(&once, make_method);
    if (span && method)
        bio = BIO_new(method);
    if (!bio) {
        free(span);
        return NULL;
    }
    *span = (struct span){fd, at, len};
    BIO_set_data(bio, span);
    BIO_set_init(bio, 1);
    return bio;
}
