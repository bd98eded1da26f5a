#include "programs/common/ini_edit.h"

#include "core/config.h"
#include "core/config_value.h"
#include "core/deposit.h"
#include "core/fileio.h"
#include "core/secmem.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NEW_MODE = 0640, KEPT_TRIES = 100 };

/* One line of the file: all of it, and what stands before its line end. */
struct line {
    const char *start;
    size_t whole;
    size_t len;
};

/* Where a change meets the text; NULL: nowhere. */
struct place {
    struct line key;
    struct line last; /* the header or the last key of the section */
};

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* ---- what may be written ---- */

static bool name_fits(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= KH_CONFIG_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
                        ".-") == len;
}

/* A value that the reader would cut, trim or refuse must not get into the file. */
static const char *value_fault(const char *value)
{
    size_t len = strlen(value);

    if (len > KH_OPTION_TEXT_MAX)
        return "is longer than 1024 bytes";
    if (!kh_utf8_valid(value, len))
        return "is not UTF-8";
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
            return "holds a control character";
        if (value[i] == ';' && (i == 0 || blank(value[i - 1])))
            return "holds a ';' that would begin a comment";
    }
    if (len && (value[0] == ' ' || value[len - 1] == ' '))
        return "begins or ends with a space";
    return NULL;
}

static kh_status check_change(const struct kh_ini_change *change, struct kh_error *err)
{
    const char *fault = change->value ? value_fault(change->value) : NULL;

    if (!name_fits(change->section) || !name_fits(change->key))
        return kh_fail(err, KH_INVALID,
            "[%.64s] %.64s: no name for a section and a key (1 to 48 letters, digits, "
            "'_', '.', '-')",
            change->section, change->key);
    if (fault)
        return kh_fail(err, KH_INVALID,
            "[%s] %s: the value %s and cannot stand in an INI file", change->section,
            change->key, fault);
    return KH_OK;
}

/* ---- finding ---- */

static struct line line_at(const char *at, const char *end)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    struct line line = {at, (size_t)((newline ? newline + 1 : end) - at), 0};

    line.len = line.whole - (newline != NULL);
    if (line.len > 0 && at[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* The line's text from its first byte that is not blank; *LEN is what is left of it. */
static const char *text_of(const struct line *line, size_t *len)
{
    const char *at = line->start;
    const char *end = at + line->len;

    while (at < end && blank(*at))
        at++;
    *len = (size_t)(end - at);
    return at;
}

/* NAME and then, after blanks, the end of the LEN bytes at AT. */
static bool is_name(const char *at, size_t len, const char *name)
{
    size_t want = strlen(name);

    while (len > 0 && blank(at[len - 1]))
        len--;
    return len == want && memcmp(at, name, want) == 0;
}

static size_t until(const char *at, size_t len, const char *stops)
{
    size_t i = 0;

    while (i < len && !strchr(stops, at[i]))
        i++;
    return i;
}

static struct place find(
    const char *text, const char *end, const struct kh_ini_change *change)
{
    struct place place = {0};
    bool inside = false;

    if (end - text >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3;
    for (struct line line; text < end; text += line.whole) {
        size_t len;
        const char *at;

        line = line_at(text, end);
        at = text_of(&line, &len);
        if (len == 0 || *at == '#' || *at == ';')
            continue;
        if (*at == '[')
            inside = is_name(at + 1, until(at + 1, len - 1, "]"), change->section);
        else if (inside && is_name(at, until(at, len, "=:"), change->key))
            place.key = line;
        if (inside)
            place.last = line;
    }
    return place;
}

/* ---- writing ---- */

/* The end of the value and with it the beginning of a comment behind it. */
static size_t comment_at(const struct line *line)
{
    size_t i = until(line->start, line->len, "=:") + 1;

    for (; i < line->len; i++)
        if (line->start[i] == ';' && blank(line->start[i - 1])) {
            while (blank(line->start[i - 1]))
                i--;
            return i;
        }
    return line->len;
}

static void put_change(FILE *out, const struct kh_ini_change *change, const char *eol)
{
    fprintf(
        out, "%s =%s%s%s", change->key, *change->value ? " " : "", change->value, eol);
}

static void replace(
    FILE *out, const struct line *line, const struct kh_ini_change *change)
{
    size_t tail;

    if (!change->value)
        return;
    tail = comment_at(line);
    put_change(out, change, "");
    fwrite(line->start + tail, 1, line->whole - tail, out);
}

static void insert(FILE *out, const struct line *last, const struct kh_ini_change *change)
{
    const char *eol = last->whole - last->len == 2 ? "\r\n" : "\n";

    if (last->whole == last->len) /* the file's last line has no end */
        fputs(eol, out);
    put_change(out, change, eol);
}

static void append(
    FILE *out, const char *text, size_t len, const struct kh_ini_change *change)
{
    fwrite(text, 1, len, out);
    if (len > 0)
        fputs(text[len - 1] == '\n' ? "\n" : "\n\n", out);
    fprintf(out, "[%s]\n", change->section);
    put_change(out, change, "\n");
}

/* TEXT with CHANGE applied replaces TEXT (malloc). */
static kh_status apply(
    char **text, size_t *len, const struct kh_ini_change *change, struct kh_error *err)
{
    const struct place place = find(*text, *text + *len, change);
    const struct line *at = place.key.start ? &place.key : &place.last;
    char *made = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&made, &size);

    if (!out)
        return kh_fail(err, KH_FATAL, "no memory to edit the configuration");
    if (!at->start && change->value)
        append(out, *text, *len, change);
    else if (!at->start || (!place.key.start && !change->value))
        fwrite(*text, 1, *len, out);
    else {
        size_t before = (size_t)(at->start - *text);
        size_t after = before + at->whole;

        fwrite(*text, 1, place.key.start ? before : after, out);
        if (place.key.start)
            replace(out, at, change);
        else
            insert(out, at, change);
        fwrite(*text + after, 1, *len - after, out);
    }
    if (fclose(out) != 0) {
        free(made);
        return kh_fail(err, KH_FATAL, "no memory to edit the configuration");
    }
    free(*text);
    *text = made;
    *len = size;
    return KH_OK;
}

/* ---- the file ---- */

/* The file, as it is before the edit. */
struct target {
    const char *path;
    bool there;
    struct stat old; /* when it is there */
    char *kept;      /* the caller's: where the old file went */
    size_t kept_size;
};

/* The old file under a second name, before the first one is taken from it. */
static kh_status keep(const struct target *target, struct kh_error *err)
{
    const char *path = target->path;
    char name[PATH_MAX];
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    int n;

    if (!gmtime_r(&now, &tm) || !strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm))
        return kh_fail(err, KH_FATAL, "the clock gives no date");
    for (int i = 1; i <= KEPT_TRIES; i++) {
        n = i == 1 ? snprintf(name, sizeof name, "%s.old-%s", path, stamp)
                   : snprintf(name, sizeof name, "%s.old-%s-%d", path, stamp, i);
        if (n < 0 || (size_t)n >= sizeof name || (size_t)n >= target->kept_size)
            return kh_fail(err, KH_INVALID, "%.64s...: the path is too long", path);
        if (link(path, name) == 0) {
            memcpy(target->kept, name, (size_t)n + 1);
            return KH_OK;
        }
        if (errno != EEXIST)
            break;
    }
    return kh_fail(err, KH_UNAVAILABLE, "%s: the old file cannot be kept as %s: %s", path,
        name, strerror(errno));
}

static kh_status keep_owner(
    const struct target *target, const char *made, struct kh_error *err)
{
    const struct stat *old = &target->old;

    if ((old->st_uid == geteuid() && old->st_gid == getegid()) ||
        chown(made, old->st_uid, old->st_gid) == 0)
        return KH_OK;
    return kh_fail(err, KH_UNAVAILABLE, "%s: its owner cannot be kept: %s", target->path,
        strerror(errno));
}

static kh_status replace_file(
    const struct target *target, const char *text, size_t len, struct kh_error *err)
{
    char made[PATH_MAX];
    int n = snprintf(made, sizeof made, "%s.new", target->path);
    kh_status st;

    if (n < 0 || (size_t)n >= sizeof made)
        return kh_fail(err, KH_INVALID, "%.64s...: the path is too long", target->path);
    st = kh_file_write(made, text, len,
        target->there ? target->old.st_mode & 07777 : NEW_MODE, false, err);
    if (st != KH_OK)
        return st;
    if (target->there)
        st = keep_owner(target, made, err);
    if (st == KH_OK && target->there)
        st = keep(target, err);
    if (st == KH_OK && rename(made, target->path) != 0)
        st = kh_fail(err, KH_UNAVAILABLE, "%s: cannot be replaced: %s", target->path,
            strerror(errno));
    if (st != KH_OK) {
        (void)unlink(made);
        return st;
    }
    return kh_dir_sync(dirname(made), err);
}

/* Whatever the reader of the configuration would refuse is not edited. */
static kh_status read_text(const char *path, struct kh_buf *text, struct kh_error *err)
{
    struct kh_config *config;
    kh_status st = kh_file_read(path, KH_CONFIG_FILE_MAX, text, err);

    if (st == KH_OK)
        st = kh_config_load(&config, path, err);
    if (st == KH_OK)
        kh_config_free(config);
    return st;
}

/* *TEXT (malloc, replaced) and *LEN with every change applied. */
static kh_status edit(const struct kh_ini_change *changes, size_t count, char **text,
    size_t *len, struct kh_error *err)
{
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < count; i++) {
        st = check_change(&changes[i], err);
        if (st == KH_OK)
            st = apply(text, len, &changes[i], err);
    }
    return st;
}

kh_status kh_ini_edit(const char *path, const struct kh_ini_change *changes, size_t count,
    char *kept, size_t kept_size, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf before = {0};
    struct target target = {.path = path, .kept = kept, .kept_size = kept_size};
    char *text;
    size_t len;
    kh_status st = KH_OK;

    target.there = stat(path, &target.old) == 0;
    if (kept_size > 0)
        *kept = '\0';
    if (target.there)
        st = read_text(path, &before, err);
    if (st != KH_OK)
        return st;
    len = before.len;
    text = malloc(len + 1);
    if (!text)
        return kh_fail(err, KH_FATAL, "no memory to edit %s", path);
    if (len > 0)
        memcpy(text, before.data, len);
    st = edit(changes, count, &text, &len, err);
    if (st == KH_OK && len > KH_CONFIG_FILE_MAX)
        st = kh_fail(err, KH_INVALID, "%s: would become larger than %d bytes", path,
            KH_CONFIG_FILE_MAX);
    if (st == KH_OK &&
        (len != before.len || (len > 0 && memcmp(text, before.data, len) != 0)))
        st = replace_file(&target, text, len, err);
    free(text);
    return st;
}
