#include "core/fileio.h"
#include "server/audit_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How far back the last entry is looked for; a write is much shorter. */
enum { REACH = 1024 * 1024 };

static kh_status sync_directory(const char *path, struct kh_error *err)
{
    char *copy = strdup(path);
    kh_status st = copy ? kh_dir_sync(dirname(copy), err)
                        : kh_fail(err, KH_FATAL, "no memory for the audit log");

    free(copy);
    return st;
}

/* A new file gets its mode in spite of the umask. */
static kh_status make(const char *path, int *fd, struct kh_error *err)
{
    *fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (*fd < 0)
        return kh_fail(err, errno == EEXIST ? KH_EXISTS : KH_UNAVAILABLE,
            "%s: the audit log cannot be made: %s", path, strerror(errno));
    if (fchmod(*fd, 0640) != 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "%s: its mode cannot be set: %s", path, strerror(errno));
    return sync_directory(path, err);
}

static kh_status open_there(const char *path, int *fd, struct kh_error *err)
{
    struct stat sb;

    /* O_NONBLOCK: a FIFO in its place must not hold the daemon. */
    *fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0)
        return kh_fail(err, errno == ELOOP ? KH_INVALID : KH_UNAVAILABLE,
            "%s: the audit log cannot be opened: %s", path, strerror(errno));
    if (fstat(*fd, &sb) != 0 || !S_ISREG(sb.st_mode))
        return kh_fail(err, KH_INVALID, "%s: the audit log must be a regular file", path);
    return kh_file_trusted(path, 022, err);
}

kh_status kh_audit_file_open(const char *path, int *fd, struct kh_error *err)
{
    kh_status st = make(path, fd, err);

    if (st == KH_EXISTS)
        st = open_there(path, fd, err);
    if (st != KH_OK && *fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
    return st;
}

/* The bytes from FROM to the end of the file, at most REACH, in *TEXT (malloc). */
static kh_status read_from(
    const struct kh_audit *audit, off_t from, struct kh_buf *text, struct kh_error *err)
{
    text->data = malloc(REACH);
    text->len = 0;
    if (!text->data)
        return kh_fail(err, KH_FATAL, "no memory to read %s", audit->path);
    while (text->len < REACH) {
        ssize_t n = pread(audit->fd, text->data + text->len, REACH - text->len,
            from + (off_t)text->len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kh_fail(err, KH_UNAVAILABLE, "%s: cannot be read: %s", audit->path,
                strerror(errno));
        if (n == 0)
            break;
        text->len += (size_t)n;
    }
    return KH_OK;
}

static kh_status damaged(const struct kh_audit *audit, struct kh_error *err)
{
    return kh_fail(err, KH_CORRUPT,
        "%s: its last line is no entry that was written; see `ktadmin audit verify`, "
        "then "
        "move the file away: the chain goes on in a new one",
        audit->path);
}

/* The place behind the last newline of the first LEN bytes, or 0. */
static size_t line_start(const char *text, size_t len)
{
    const char *newline = memrchr(text, '\n', len);

    return newline ? (size_t)(newline - text) + 1 : 0;
}

static bool marked(const char *line, size_t len)
{
    size_t mark = sizeof KH_AUDIT_TORN - 1;

    return len >= mark && memcmp(line + len - mark, KH_AUDIT_TORN, mark) == 0;
}

/* From the end of TEXT, which begins at BASE of the file, back to the last entry. */
static kh_status look_back(
    struct kh_audit *audit, off_t base, const struct kh_buf *text, struct kh_error *err)
{
    const char *data = (const char *)text->data;
    size_t end = line_start(data, text->len);
    struct kh_audit_facts facts;

    audit->torn = end < text->len;
    while (end > 0) {
        size_t start = line_start(data, end - 1);

        if (!kh_audit_line_fault(data + start, end - 1 - start, &facts)) {
            audit->link = facts.link;
            audit->good_end = base + (off_t)end;
            return KH_OK;
        }
        if (!marked(data + start, end - start))
            return damaged(audit, err);
        audit->torn = true;
        end = start;
    }
    audit->good_end = 0;
    return base > 0 ? damaged(audit, err) : KH_OK;
}

kh_status kh_audit_file_end(struct kh_audit *audit, struct kh_error *err)
{
    struct kh_buf text = {0};
    struct stat sb;
    off_t base;
    kh_status st;

    if (fstat(audit->fd, &sb) != 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "%s: cannot be read: %s", audit->path, strerror(errno));
    base = sb.st_size > REACH ? sb.st_size - REACH : 0;
    st = read_from(audit, base, &text, err);
    if (st == KH_OK)
        st = look_back(audit, base, &text, err);
    free(text.data);
    return st;
}

kh_status kh_audit_file_torn(
    const struct kh_audit *audit, struct kh_audit_torn *torn, struct kh_error *err)
{
    size_t mark = sizeof KH_AUDIT_TORN - 1;
    struct kh_buf text = {0};
    kh_status st = read_from(audit, audit->good_end, &text, err);

    if (st == KH_OK && text.len + mark > REACH)
        st = kh_fail(err, KH_FATAL, "%s: too many writes were interrupted; start again",
            audit->path);
    if (st == KH_OK) {
        memcpy(text.data + text.len, KH_AUDIT_TORN, mark);
        torn->bytes = text.len + mark;
        if (!kh_audit_hash(text.data, text.len + mark, torn->hash))
            st = kh_fail(err, KH_FATAL, "no memory for the audit log");
    }
    free(text.data);
    return st;
}
