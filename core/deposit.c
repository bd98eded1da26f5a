#include "core/deposit.h"

#include "core/secmem.h"

#include <stdlib.h>
#include <string.h>

/* Table 3-7 of the Unicode standard, as a walk: no surrogates, no overlong forms, <=
 * U+10FFFF. */
static size_t utf8_step(const unsigned char *s, size_t left)
{
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t len;

    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        len = 2;
    else if ((s[0] & 0xf0) == 0xe0)
        len = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (left < len || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

bool kh_utf8_valid(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;

    while (len > 0) {
        size_t step = utf8_step(s, len);

        if (step == 0)
            return false;
        s += step;
        len -= step;
    }
    return true;
}

static kh_status attr_check(const char *name, const char *value, struct kh_error *err)
{
    size_t name_len = strlen(name);
    size_t value_len = strlen(value);

    if (name_len == 0)
        return kh_fail(err, KH_INVALID, "an attribute's name is empty");
    if (name_len > KH_ATTR_NAME_MAX)
        return kh_fail(err, KH_INVALID,
            "an attribute's name is %zu bytes long, at most %d allowed", name_len,
            KH_ATTR_NAME_MAX);
    if (!kh_utf8_valid(name, name_len))
        return kh_fail(err, KH_INVALID, "an attribute's name is not valid UTF-8");
    if (value_len > KH_ATTR_VALUE_MAX)
        return kh_fail(err, KH_INVALID,
            "the value of attribute '%s' is %zu bytes long, at most %d allowed", name,
            value_len, KH_ATTR_VALUE_MAX);
    if (!kh_utf8_valid(value, value_len))
        return kh_fail(
            err, KH_INVALID, "the value of attribute '%s' is not valid UTF-8", name);
    return KH_OK;
}

/* Where NAME is, or would be; *FOUND says which. */
static size_t attr_place(const struct kh_attrs *attrs, const char *name, bool *found)
{
    size_t i = 0;
    int order = 1;

    while (i < attrs->count && (order = strcmp(attrs->list[i].name, name)) < 0)
        i++;
    *found = i < attrs->count && order == 0;
    return i;
}

static kh_status attr_insert(struct kh_attrs *attrs, size_t at, const char *name,
    char *value, struct kh_error *err)
{
    struct kh_attr *list;
    char *name_copy;

    if (attrs->count >= KH_ATTRS_MAX)
        return kh_fail(err, KH_INVALID,
            "attribute '%s' is one too many, at most %d allowed", name, KH_ATTRS_MAX);
    list = realloc(attrs->list, (attrs->count + 1) * sizeof *list);
    if (list)
        attrs->list = list;
    name_copy = list ? strdup(name) : NULL;
    if (!name_copy)
        return kh_fail(err, KH_FATAL, "out of memory");
    memmove(&list[at + 1], &list[at], (attrs->count - at) * sizeof *list);
    list[at] = (struct kh_attr){name_copy, value};
    attrs->count++;
    return KH_OK;
}

kh_status kh_attrs_set(
    struct kh_attrs *attrs, const char *name, const char *value, struct kh_error *err)
{
    kh_status st = attr_check(name, value, err);
    char *value_copy;
    bool found;
    size_t at;

    if (st != KH_OK)
        return st;
    value_copy = strdup(value);
    if (!value_copy)
        return kh_fail(err, KH_FATAL, "out of memory");
    at = attr_place(attrs, name, &found);
    if (found) {
        kh_wipe_free(attrs->list[at].value);
        attrs->list[at].value = value_copy;
        return KH_OK;
    }
    st = attr_insert(attrs, at, name, value_copy, err);
    if (st != KH_OK)
        kh_wipe_free(value_copy);
    return st; /* NOLINT(clang-analyzer-unix.Malloc): the list has it, or it is wiped */
}

const char *kh_attrs_get(const struct kh_attrs *attrs, const char *name)
{
    bool found;
    size_t at = attr_place(attrs, name, &found);

    return found ? attrs->list[at].value : NULL;
}

bool kh_attrs_remove(struct kh_attrs *attrs, const char *name)
{
    bool found;
    size_t at = attr_place(attrs, name, &found);

    if (!found)
        return false;
    kh_wipe_free(attrs->list[at].name);
    kh_wipe_free(attrs->list[at].value);
    attrs->count--;
    memmove(&attrs->list[at], &attrs->list[at + 1],
        (attrs->count - at) * sizeof attrs->list[0]);
    return true;
}

bool kh_attrs_equal(const struct kh_attrs *a, const struct kh_attrs *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->list[i].name, b->list[i].name) != 0 ||
            strcmp(a->list[i].value, b->list[i].value) != 0)
            return false;
    }
    return true;
}

void kh_attrs_free(struct kh_attrs *attrs)
{
    if (!attrs)
        return;
    for (size_t i = 0; i < attrs->count; i++) {
        kh_wipe_free(attrs->list[i].name);
        kh_wipe_free(attrs->list[i].value);
    }
    free(attrs->list);
    memset(attrs, 0, sizeof *attrs);
}

void kh_deposit_free(struct kh_deposit *deposit)
{
    if (!deposit)
        return;
    kh_attrs_free(&deposit->attrs);
    kh_buf_free(&deposit->data);
    memset(deposit, 0, sizeof *deposit);
}

bool kh_deposit_equal(const struct kh_deposit *a, const struct kh_deposit *b)
{
    bool same_data = kh_buf_equal(&a->data, &b->data);

    return same_data && strcmp(a->name, b->name) == 0 && a->version == b->version &&
           a->state == b->state && a->created == b->created &&
           kh_attrs_equal(&a->attrs, &b->attrs);
}
