#include "server/audit_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAIL = 65536 };

/* The end of the file, from the beginning of a line on. Holding the file. */
static kh_status read_end(
    struct kh_audit *audit, char *text, size_t *len, struct kh_error *err)
{
    struct stat sb;
    off_t from;
    ssize_t n;
    char *line;

    if (fstat(audit->fd, &sb) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", audit->path, strerror(errno));
    from = sb.st_size > TAIL ? sb.st_size - TAIL : 0;
    n = pread(audit->fd, text, TAIL, from);
    if (n < 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", audit->path, strerror(errno));
    *len = (size_t)n;
    if (from == 0)
        return KH_OK;
    line = memchr(text, '\n', *len);
    *len = line ? *len - (size_t)(line + 1 - text) : 0;
    if (line)
        memmove(text, line + 1, *len);
    return KH_OK;
}

/* The last line of TEXT that ends before END; false: there is none. */
static bool line_before(const char *text, size_t end, size_t *begin, size_t *stop)
{
    if (end == 0)
        return false;
    *stop = end - 1; /* its newline */
    *begin = *stop;
    while (*begin > 0 && text[*begin - 1] != '\n')
        --*begin;
    return true;
}

static void tell(
    const char *text, size_t len, unsigned max, kh_audit_line_fn fn, void *arg)
{
    const char *last = memrchr(text, '\n', len); /* behind it a write has begun */
    size_t end = last ? (size_t)(last + 1 - text) : 0;
    size_t begin;
    size_t stop;

    for (unsigned told = 0; told < max && line_before(text, end, &begin, &stop);
         end = begin) {
        struct kh_audit_facts facts;

        if (kh_audit_line_fault(text + begin, stop - begin, &facts))
            continue; /* torn, or no entry: ktadmin audit verify says so */
        fn(arg, text + begin, stop - begin);
        told++;
    }
}

kh_status kh_audit_tail(struct kh_audit *audit, unsigned max, kh_audit_line_fn fn,
    void *arg, struct kh_error *err)
{
    char *text = malloc(TAIL);
    size_t len = 0;
    kh_status st;

    if (!text)
        return kh_fail(err, KH_BUSY, "no memory for the end of the audit log");
    kh_audit_take(audit);
    st = read_end(audit, text, &len, err);
    kh_audit_give(audit);
    if (st == KH_OK)
        tell(text, len, max, fn, arg);
    free(text);
    return st;
}
