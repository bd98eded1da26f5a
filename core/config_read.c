#include "core/config_table.h"

#include "core/deposit.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FIRST_READ = 16 * 1024,
    LINE_MAX_BYTES = 4096,
};

/* What inih's callbacks share. inih parses; this side counts lines and keeps every
 * refusal. */
struct reading {
    struct kh_config *config;
    const char *next;
    const char *end;
    unsigned line;
    unsigned failed_line; /* 0: none */
    bool commented;       /* the line at hand is a value with a comment behind it */
    struct kh_error *err;
};

/* Up to KH_CONFIG_FILE_MAX + 1 bytes of FD in *TEXT (malloc), which grows with them. On
 * failure errno says why, and *TEXT is still the caller's to free. */
static bool read_all(int fd, char **text, size_t *len)
{
    size_t size = 0;

    for (;;) {
        ssize_t n;

        if (*len == size) {
            char *bigger;

            size = size ? 2 * size : FIRST_READ;
            size = size > KH_CONFIG_FILE_MAX ? KH_CONFIG_FILE_MAX + 1 : size;
            bigger = realloc(*text, size);
            if (!bigger)
                return false;
            *text = bigger;
        }
        n = read(fd, *text + *len, size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        *len += (size_t)n;
        if (n == 0 || *len == KH_CONFIG_FILE_MAX + 1)
            return true;
    }
}

/* The whole file, or its first KH_CONFIG_FILE_MAX + 1 bytes, in *TEXT (malloc). */
static kh_status read_file(
    const char *path, char **text, size_t *len, struct kh_error *err)
{
    /* O_NONBLOCK: a FIFO in place of the file must not hold the program. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    kh_status st = KH_OK;
    struct stat sb;

    *text = NULL;
    *len = 0;
    if (fd < 0)
        return kh_fail(err, KH_INVALID, "%s: the configuration cannot be read: %s", path,
            strerror(errno));
    if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
        st = kh_fail(err, KH_INVALID, "%s: %s, not a configuration file", path,
            S_ISDIR(sb.st_mode) ? "a directory" : "not a regular file");
        goto out;
    }
    if (!read_all(fd, text, len))
        st = kh_fail(err, KH_INVALID, "%s: the configuration cannot be read: %s", path,
            strerror(errno));
out:
    (void)close(fd);
    if (st != KH_OK) {
        free(*text);
        *text = NULL;
    }
    return st;
}

static bool has_control(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];

        if ((c < 0x20 && c != '\t' && !(c == '\r' && i + 1 == len)) || c == 0x7f)
            return true;
    }
    return false;
}

/* Every line is checked before inih sees the first. */
static kh_status check_lines(
    const char *path, const char *text, size_t len, struct kh_error *err)
{
    const char *end = text + len;
    unsigned line = 0;

    for (const char *p = text; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((newline ? newline : end) - p);

        if (n > LINE_MAX_BYTES)
            return kh_fail(err, KH_INVALID, "%s:%u: the line is longer than %d bytes",
                path, line + 1, LINE_MAX_BYTES);
        if (has_control(p, n))
            return kh_fail(err, KH_INVALID,
                "%s:%u: the line holds a NUL or another control character; this must be "
                "a text file",
                path, line + 1);
        if (!kh_utf8_valid(p, n))
            return kh_fail(
                err, KH_INVALID, "%s:%u: the line is not UTF-8", path, line + 1);
        p += n + (newline != NULL);
    }
    if (len > KH_CONFIG_FILE_MAX)
        return kh_fail(err, KH_INVALID, "%s: the file is larger than %d bytes", path,
            KH_CONFIG_FILE_MAX);
    return KH_OK;
}

/* Keeps the first refusal. */
static void refuse(struct reading *r, const char *what)
{
    if (r->failed_line)
        return;
    r->failed_line = r->line;
    (void)kh_fail(r->err, KH_INVALID, "%s:%u: %s", r->config->path, r->line, what);
}

static bool where_of(const struct reading *r, char *out, size_t size)
{
    int n = snprintf(out, size, "%s:%u", r->config->path, r->line);

    return n > 0 && (size_t)n < size;
}

/* inih tells nobody of a section without keys, so section lines are noted here. What is
 * not
 * "[name]" is left to inih to refuse. */
static void note_section(struct reading *r, const char *line)
{
    const char *close = strchr(line, ']');
    char where[LINE_MAX_BYTES];
    char name[LINE_MAX_BYTES + 1];
    size_t len;

    if (!close)
        return;
    len = (size_t)(close - line - 1);
    close += 1 + strspn(close + 1, " \t\r\n");
    if (*close && *close != ';' && *close != '#')
        refuse(r, "text after the section's ']'");
    else if (len == 0 || len > KH_CONFIG_NAME_MAX)
        refuse(r, "a section's name has 1 to 48 bytes");
    else {
        memcpy(name, line + 1, len);
        name[len] = '\0';
        if (!where_of(r, where, sizeof where) ||
            kh_config_section_add(r->config, name, where, r->err) != KH_OK)
            refuse(r, "no memory");
    }
}

/* inih ends a value at the first ';' that follows a blank. */
static bool has_comment(const char *line)
{
    const char *p = line + strcspn(line, "=:");

    while (*p && (p = strchr(p + 1, ';'))) {
        if (p[-1] == ' ' || p[-1] == '\t')
            return true;
    }
    return false;
}

/* fgets for inih, without what inih would do in silence: leading blanks go, because inih
 * takes an indented line as the rest of the value above; a line is given whole or
 * refused. */
static char *next_line(char *out, int size, void *stream)
{
    struct reading *r = stream;
    const char *start = r->next;
    const char *newline;
    size_t len;

    if (r->failed_line || start >= r->end)
        return NULL;
    r->line++;
    newline = memchr(start, '\n', (size_t)(r->end - start));
    r->next = newline ? newline + 1 : r->end;
    while (start < r->next && (*start == ' ' || *start == '\t'))
        start++;
    len = (size_t)(r->next - start);
    if (len + 1 > (size_t)size) {
        refuse(r, "the line is longer than the INI reader takes");
        return NULL;
    }
    memcpy(out, start, len);
    out[len] = '\0';
    if (*out == '[')
        note_section(r, out);
    r->commented = has_comment(out);
    return r->failed_line ? NULL : out;
}

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    char where[LINE_MAX_BYTES];
    const struct kh_config_entry entry = {(char *)(uintptr_t)section,
        (char *)(uintptr_t)name, (char *)(uintptr_t)value, where, r->commented};

    if (!*section)
        refuse(r, "an option outside of any [section]");
    else if (!*name)
        refuse(r, "nothing before the '='; write option = value");
    else if (strlen(name) > KH_CONFIG_NAME_MAX)
        refuse(r, "the option's name is longer than 48 bytes");
    else if (!where_of(r, where, sizeof where))
        refuse(r, "the path of the file is too long");
    else if (!r->failed_line &&
             kh_config_entry_set(r->config, &entry, false, r->err) != KH_OK)
        r->failed_line = r->line;
    return r->failed_line == 0;
}

static kh_status parse(struct reading *r)
{
    int rc;

    /* Debian builds inih with its limits as variables; the defaults cut lines at 200
     * bytes. */
    ini_max_line = LINE_MAX_BYTES + 4;
    ini_stop_on_first_error = true;
    ini_allow_multiline = false;
    rc = ini_parse_stream(next_line, r, take_pair, r);
    if (rc > 0 && (!r->failed_line || (unsigned)rc < r->failed_line))
        return kh_fail(r->err, KH_INVALID, "%s:%d: neither [section] nor option = value",
            r->config->path, rc);
    if (r->failed_line)
        return KH_INVALID;
    if (rc < 0)
        return kh_fail(r->err, KH_FATAL, "no memory to read %s", r->config->path);
    return KH_OK;
}

kh_status kh_config_read(struct kh_config *config, struct kh_error *err)
{
    struct reading r = {.config = config, .err = err};
    char *text;
    size_t len = 0;
    kh_status st = read_file(config->path, &text, &len, err);

    if (st != KH_OK)
        return st;
    st = check_lines(config->path, text, len, err);
    if (st == KH_OK) {
        r.next = text;
        r.end = text + len;
        if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) /* a byte order mark */
            r.next += 3;
        st = parse(&r);
    }
    free(text);
    return st;
}
