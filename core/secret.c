#include "core/secret.h"

#include "core/guise.h"
#include "core/secmem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/ui.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_MAX = 1024 };

#define FORMS                                                                            \
    "give prompt, file:/absolute/path, credential:NAME or fd:N, never the secret itself"

/* The rest of SOURCE after PREFIX, or NULL. */
static const char *after(const char *source, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(source, prefix, len) == 0 ? source + len : NULL;
}

static bool is_credential_name(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= 255 && *name != '.' &&
           strspn(name,
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@") ==
               len;
}

static bool parse_fd(const char *text, int *fd)
{
    size_t len = strlen(text);

    if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
        return false;
    *fd = (int)strtol(text, NULL, 10);
    return true;
}

kh_status kh_secret_check(const char *source, struct kh_error *err)
{
    const char *rest;
    int fd;

    if (strcmp(source, "prompt") == 0)
        return KH_OK;
    rest = after(source, "file:");
    if (rest && *rest == '/')
        return KH_OK;
    rest = after(source, "credential:");
    if (rest && is_credential_name(rest))
        return KH_OK;
    rest = after(source, "fd:");
    if (rest && parse_fd(rest, &fd))
        return KH_OK;
    /* SOURCE is not repeated: it may be the secret. */
    return kh_fail(err, KH_INVALID, "not a source of a secret; " FORMS);
}

/* Takes what is read into BUF (SECRET_MAX + 2 bytes) and sets its length, without one
 * newline at the end. WHAT names the source. */
static kh_status finish(
    struct kh_buf *buf, size_t len, const char *what, struct kh_error *err)
{
    if (len > 0 && buf->data[len - 1] == '\n')
        buf->data[--len] = '\0';
    if (len > SECRET_MAX)
        return kh_fail(err, KH_UNAVAILABLE, "%s: the secret is longer than %d bytes",
            what, SECRET_MAX);
    if (len == 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: the secret is empty", what);
    buf->len = len;
    return KH_OK;
}

static kh_status read_fd(
    int fd, struct kh_buf *buf, const char *what, struct kh_error *err)
{
    size_t len = 0;

    while (len < SECRET_MAX + 2) {
        ssize_t n = read(fd, buf->data + len, SECRET_MAX + 2 - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kh_fail(err, KH_UNAVAILABLE, "%s: the secret cannot be read: %s", what,
                strerror(errno));
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return finish(buf, len, what, err);
}

/* The checks are made on the open file, so that nobody changes it in between. */
static kh_status check_file(
    int fd, const char *path, mode_t forbidden, struct kh_error *err)
{
    struct stat sb;

    if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode))
        return kh_fail(err, KH_UNAVAILABLE, "%s: not a regular file", path);
    if (sb.st_uid != 0 && sb.st_uid != geteuid() && sb.st_uid != kh_guise_user())
        return kh_fail(err, KH_UNAVAILABLE,
            "%s: belongs to user %u; it must belong to root or to user %u", path,
            (unsigned)sb.st_uid, (unsigned)geteuid());
    if (sb.st_mode & forbidden)
        return kh_fail(err, KH_UNAVAILABLE,
            "%s: mode %04o lets others at the secret; it must be 0600 or less", path,
            (unsigned)(sb.st_mode & 07777));
    return KH_OK;
}

static kh_status read_file(
    const char *path, mode_t forbidden, struct kh_buf *buf, struct kh_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    kh_status st;

    if (fd < 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: the secret cannot be read: %s", path,
            errno == ELOOP ? "a symbolic link" : strerror(errno));
    st = check_file(fd, path, forbidden, err);
    if (st == KH_OK)
        st = read_fd(fd, buf, path, err);
    (void)close(fd);
    return st;
}

static kh_status read_credential(
    const char *name, struct kh_buf *buf, struct kh_error *err)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    char *path = NULL;
    kh_status st;

    if (!dir || *dir != '/')
        return kh_fail(err, KH_UNAVAILABLE,
            "credential '%s': systemd gave none ($CREDENTIALS_DIRECTORY is not set); see "
            "LoadCredential= in systemd.exec(5)",
            name);
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return kh_fail(err, KH_FATAL, "no memory");
    /* systemd gives the service's user access by an ACL, which shows as group bits. */
    st = read_file(path, 07, buf, err);
    free(path);
    return st;
}

static kh_status ask(const char *prompt, struct kh_buf *buf, struct kh_error *err)
{
    /* libcrypto falls back to standard input when there is no terminal; a deposit may
     * come from there. */
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    int rc;

    if (tty < 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "there is no terminal to ask for '%s'; " FORMS, prompt);
    (void)close(tty);
    rc = UI_UTIL_read_pw((char *)buf->data, NULL, SECRET_MAX + 1, prompt, 0);
    if (rc != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s%s", prompt,
            rc == -2 ? " not answered: interrupted"
                     : " no usable answer (at most 1024 bytes)");
    return finish(buf, strlen((char *)buf->data), "the terminal", err);
}

kh_status kh_secret_read(
    const char *source, const char *prompt, struct kh_buf *out, struct kh_error *err)
{
    kh_status st = kh_secret_check(source, err);
    char what[16];
    int fd = -1;

    memset(out, 0, sizeof *out);
    if (st != KH_OK)
        return st;
    st = kh_buf_alloc(out, SECRET_MAX + 2, err);
    if (st != KH_OK)
        return st;
    if (strcmp(source, "prompt") == 0) {
        st = ask(prompt, out, err);
    } else if (after(source, "file:")) {
        st = read_file(after(source, "file:"), 077, out, err);
    } else if (after(source, "credential:")) {
        st = read_credential(after(source, "credential:"), out, err);
    } else {
        (void)parse_fd(after(source, "fd:"), &fd);
        (void)snprintf(what, sizeof what, "fd:%d", fd);
        st = read_fd(fd, out, what, err);
    }
    if (st != KH_OK)
        kh_buf_free(out);
    return st;
}
