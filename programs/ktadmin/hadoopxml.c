#include "programs/ktadmin/hadoopxml.h"

#include <errno.h>
#include <expat.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 8 };

/* Where the parser is. */
enum place { OUTSIDE, CONFIGURATION, PROPERTY, NAME, VALUE, OTHER };

struct parsing {
    struct kh_hadoop *out;
    const char *path;
    XML_Parser parser;
    unsigned depth;
    enum place place;
    char *name; /* of the property at hand */
    char *value;
    char *text; /* of the element at hand */
    size_t len;
    struct kh_error *err;
    bool failed;
};

static void fail(struct parsing *p, const char *what)
{
    if (p->failed)
        return;
    p->failed = true;
    (void)kh_fail(p->err, KH_INVALID, "%s:%lu: %s", p->path,
        (unsigned long)XML_GetCurrentLineNumber(p->parser), what);
    (void)XML_StopParser(p->parser, XML_FALSE);
}

static void on_doctype(void *arg, const XML_Char *name, const XML_Char *system_id,
    const XML_Char *public_id, int internal)
{
    (void)name, (void)system_id, (void)public_id, (void)internal;
    fail(arg, "a DOCTYPE, and with it entities, is not taken; take it out");
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct parsing *p = arg;

    (void)attributes;
    if (p->failed)
        return;
    if (++p->depth > DEPTH_MAX) {
        fail(p, "elements stand in each other too deep");
        return;
    }
    free(p->text);
    p->text = NULL;
    p->len = 0;
    if (p->depth == 1 && strcmp(name, "configuration") == 0)
        p->place = CONFIGURATION;
    else if (p->depth == 1)
        fail(p, "this is no configuration of Hadoop: it does not begin with "
                "<configuration>");
    else if (p->depth == 2 && strcmp(name, "property") == 0)
        p->place = PROPERTY;
    else if (strstr(name, "include"))
        fail(p, "includes are not followed; give one file that holds everything");
    else if (p->depth == 3 && p->place == PROPERTY && strcmp(name, "name") == 0)
        p->place = NAME;
    else if (p->depth == 3 && p->place == PROPERTY && strcmp(name, "value") == 0)
        p->place = VALUE;
    else if (p->depth > 3 && (p->place == NAME || p->place == VALUE))
        fail(p, "there is an element inside a name or a value");
    else if (p->depth == 2)
        p->place = OTHER;
}

static void on_text(void *arg, const XML_Char *text, int len)
{
    struct parsing *p = arg;
    char *more;

    if (p->failed || (p->place != NAME && p->place != VALUE))
        return;
    if (p->len + (size_t)len > KH_HADOOP_TEXT_MAX) {
        fail(p, "a name or a value is too long");
        return;
    }
    more = realloc(p->text, p->len + (size_t)len + 1);
    if (!more) {
        fail(p, "no memory");
        return;
    }
    p->text = more;
    memcpy(more + p->len, text, (size_t)len);
    p->len += (size_t)len;
    more[p->len] = '\0';
}

/* Without the blanks around it, which Hadoop takes off names alone. */
static void trim(char *text)
{
    size_t len = strlen(text);
    size_t skip = strspn(text, " \t\r\n");

    memmove(text, text + skip, len - skip + 1);
    len -= skip;
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
}

/* Takes p->name and p->value. */
static void add_property(struct parsing *p)
{
    struct kh_hadoop *out = p->out;
    struct kh_hadoop_property *more;

    trim(p->name);
    for (size_t i = 0; i < out->count; i++) {
        if (strcmp(out->list[i].name, p->name) == 0) {
            free(out->list[i].value);
            out->list[i].value = p->value;
            p->value = NULL;
            return;
        }
    }
    if (out->count == KH_HADOOP_PROPERTIES_MAX) {
        fail(p, "there are too many properties");
        return;
    }
    more = realloc(out->list, (out->count + 1) * sizeof *more);
    if (!more) {
        fail(p, "no memory");
        return;
    }
    out->list = more;
    more[out->count++] = (struct kh_hadoop_property){p->name, p->value};
    p->name = p->value = NULL;
}

static void end_text(struct parsing *p, char **into)
{
    free(*into);
    *into = p->text ? p->text : strdup("");
    p->text = NULL;
    p->len = 0;
    p->place = PROPERTY;
    if (!*into)
        fail(p, "no memory");
}

static void on_end(void *arg, const XML_Char *name)
{
    struct parsing *p = arg;

    (void)name;
    if (p->failed)
        return;
    p->depth--;
    if (p->depth == 2 && p->place == NAME)
        end_text(p, &p->name);
    else if (p->depth == 2 && p->place == VALUE)
        end_text(p, &p->value);
    if (p->depth != 1)
        return;
    if (p->place == PROPERTY && p->name && p->value)
        add_property(p);
    else if (p->place == PROPERTY && p->value)
        fail(p, "a property has no name");
    free(p->name);
    free(p->value);
    p->name = p->value = NULL;
    p->place = CONFIGURATION;
}

kh_status kh_hadoop_parse(struct kh_hadoop *out, const char *path,
    const struct kh_buf *text, struct kh_error *err)
{
    struct parsing p = {.out = out, .path = path, .err = err};

    p.parser = XML_ParserCreate(NULL);
    if (!p.parser)
        return kh_fail(err, KH_FATAL, "no memory for %s", path);
    XML_SetUserData(p.parser, &p);
    XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
    XML_SetElementHandler(p.parser, on_start, on_end);
    XML_SetCharacterDataHandler(p.parser, on_text);
    if (XML_Parse(p.parser, (const char *)text->data, (int)text->len, 1) !=
            XML_STATUS_OK &&
        !p.failed)
        fail(&p, XML_ErrorString(XML_GetErrorCode(p.parser)));
    XML_ParserFree(p.parser);
    free(p.name);
    free(p.value);
    free(p.text);
    return p.failed ? KH_INVALID : KH_OK;
}

static kh_status read_text(
    int fd, const char *path, char *text, size_t *len, struct kh_error *err)
{
    *len = 0;
    while (*len <= KH_HADOOP_FILE_MAX) {
        ssize_t n = read(fd, text + *len, KH_HADOOP_FILE_MAX + 1 - *len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kh_fail(err, KH_INVALID, "%s: %s", path, strerror(errno));
        if (n == 0)
            return KH_OK;
        *len += (size_t)n;
    }
    return kh_fail(err, KH_INVALID, "%s: larger than %d bytes", path, KH_HADOOP_FILE_MAX);
}

kh_status kh_hadoop_read(struct kh_hadoop *out, const char *path, struct kh_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct kh_buf text = {0};
    char *bytes;
    struct stat sb;
    kh_status st;

    if (fd < 0 || fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
        st = kh_fail(err, KH_INVALID, "%s: %s", path,
            fd < 0 ? strerror(errno) : "not a regular file");
        if (fd >= 0)
            (void)close(fd);
        return st;
    }
    bytes = malloc(KH_HADOOP_FILE_MAX + 1);
    st = bytes ? read_text(fd, path, bytes, &text.len, err)
               : kh_fail(err, KH_FATAL, "no memory for %s", path);
    (void)close(fd);
    text.data = (unsigned char *)bytes;
    if (st == KH_OK)
        st = kh_hadoop_parse(out, path, &text, err);
    free(bytes);
    return st;
}

const char *kh_hadoop_get(const struct kh_hadoop *properties, const char *name)
{
    for (size_t i = 0; i < properties->count; i++) {
        if (strcmp(properties->list[i].name, name) == 0)
            return properties->list[i].value;
    }
    return NULL;
}

void kh_hadoop_free(struct kh_hadoop *properties)
{
    for (size_t i = 0; i < properties->count; i++) {
        free(properties->list[i].name);
        free(properties->list[i].value);
    }
    free(properties->list);
    *properties = (struct kh_hadoop){0};
}
