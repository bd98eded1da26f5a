#include "core/config_value.h"

#include "core/deposit.h"
#include "core/secret.h"

#include <string.h>

enum { DISTANCE_MAX = 64 };

static const struct {
    const char *text;
    bool value;
} bools[] = {
    {"yes", true},
    {"no", false},
    {"true", true},
    {"false", false},
    {"on", true},
    {"off", false},
    {"1", true},
    {"0", false},
};

/* Decimal digits at the start of *TEXT, up to MAX; *TEXT is moved behind them. */
static bool take_number(const char **text, int64_t max, int64_t *out)
{
    const char *p = *text;
    int64_t n = 0;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        int digit = *p - '0';

        if (n > (max - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *text = p;
    *out = n;
    return true;
}

/* A number with one optional suffix letter of SUFFIXES, which multiplies by the factor
 * beside it. */
static bool scaled(const char *text, const char *suffixes, const int64_t *factors,
    int64_t max, int64_t *out)
{
    const char *suffix;
    int64_t n;

    if (!take_number(&text, max, &n))
        return false;
    if (*text) {
        suffix = strchr(suffixes, *text);
        if (!suffix || text[1] || n > max / factors[suffix - suffixes])
            return false;
        n *= factors[suffix - suffixes];
    }
    *out = n;
    return true;
}

static bool is_int(const char *text, int64_t *out)
{
    return scaled(text, "", NULL, INT32_MAX, out);
}

static bool is_size(const char *text, int64_t *out)
{
    static const int64_t factors[] = {1024, 1024 * 1024, 1024 * 1024 * 1024};

    return scaled(text, "KMG", factors, INT64_MAX, out);
}

static bool is_seconds(const char *text, int64_t *out)
{
    static const int64_t factors[] = {1, 60, 3600, 86400};

    return scaled(text, "smhd", factors, INT32_MAX, out);
}

static bool is_bool(const char *text, int64_t *out)
{
    for (size_t i = 0; i < sizeof bools / sizeof bools[0]; i++) {
        if (strcmp(text, bools[i].text) == 0) {
            *out = bools[i].value;
            return true;
        }
    }
    return false;
}

static bool is_one_of(const char *values, const char *text)
{
    size_t len = strlen(text);

    while (len > 0 && values && *values) {
        size_t n = strcspn(values, "|");

        if (n == len && memcmp(values, text, n) == 0)
            return true;
        values += n + (values[n] == '|');
    }
    return false;
}

static kh_status check_text(
    const struct kh_option *option, const char *text, struct kh_error *err)
{
    size_t len = strlen(text);

    if (len > KH_OPTION_TEXT_MAX)
        return kh_fail(
            err, KH_INVALID, "the value is longer than %d bytes", KH_OPTION_TEXT_MAX);
    if (!kh_utf8_valid(text, len))
        return kh_fail(err, KH_INVALID, "the value is not UTF-8");
    if (option->type == KH_OPT_PATH && *text != '/')
        return kh_fail(
            err, KH_INVALID, "'%.128s' is not an absolute path; begin it with '/'", text);
    return KH_OK;
}

kh_status kh_option_parse(const struct kh_option *option, const char *text,
    int64_t *number, struct kh_error *err)
{
    int64_t unused;
    int64_t *n = number ? number : &unused;

    *n = 0;
    if (option->flags & KH_OPT_SECRET)
        return kh_secret_check(text, err);
    switch (option->type) {
    case KH_OPT_STRING:
    case KH_OPT_PATH:
        return check_text(option, text, err);
    case KH_OPT_INT:
        return is_int(text, n) ? KH_OK
                               : kh_fail(err, KH_INVALID,
                                     "'%.64s' is not a number; give decimal digits, at "
                                     "most 2147483647",
                                     text);
    case KH_OPT_SIZE:
        return is_size(text, n) ? KH_OK
                                : kh_fail(err, KH_INVALID,
                                      "'%.64s' is not a size; give bytes as decimal "
                                      "digits, or with K, M or G",
                                      text);
    case KH_OPT_SECONDS:
        return is_seconds(text, n) ? KH_OK
                                   : kh_fail(err, KH_INVALID,
                                         "'%.64s' is not a duration; give seconds as "
                                         "decimal digits, or with s, m, h or d",
                                         text);
    case KH_OPT_BOOL:
        return is_bool(text, n)
                   ? KH_OK
                   : kh_fail(err, KH_INVALID, "'%.64s' is neither yes nor no", text);
    case KH_OPT_ENUM:
        return is_one_of(option->values, text)
                   ? KH_OK
                   : kh_fail(err, KH_INVALID, "'%.64s' is not one of %s", text,
                         option->values);
    }
    return kh_fail(
        err, KH_INVALID, "the option has the unknown type %d", (int)option->type);
}

const struct kh_option *kh_option_find(
    const struct kh_option *options, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    }
    return NULL;
}

unsigned kh_text_distance(const char *a, const char *b)
{
    unsigned row[DISTANCE_MAX + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (a_len > DISTANCE_MAX || b_len > DISTANCE_MAX)
        return KH_DISTANCE_FAR;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_len];
}

const char *kh_option_nearest(
    const struct kh_option *options, size_t count, const char *name)
{
    unsigned limit = 1 + (unsigned)strlen(name) / 3;
    const char *best = NULL;

    for (size_t i = 0; i < count; i++) {
        unsigned d = kh_text_distance(name, options[i].name);

        if (d < limit || (d == limit && !best)) {
            best = options[i].name;
            limit = d;
        }
    }
    return best;
}

static kh_status check_declared(const struct kh_option *option, struct kh_error *err)
{
    struct kh_error why = {0};

    if (!option->name || !*option->name ||
        strspn(option->name, "abcdefghijklmnopqrstuvwxyz0123456789_") !=
            strlen(option->name))
        return kh_fail(err, KH_INVALID,
            "option '%.64s': a name has a-z, 0-9 and '_' only",
            option->name ? option->name : "");
    if (!option->help || !*option->help)
        return kh_fail(err, KH_INVALID, "option '%.64s' has no help", option->name);
    if (option->type > KH_OPT_ENUM)
        return kh_fail(err, KH_INVALID, "option '%.64s' has the unknown type %d",
            option->name, (int)option->type);
    if ((option->type == KH_OPT_ENUM) != (option->values != NULL))
        return kh_fail(err, KH_INVALID,
            "option '%.64s': values are for the type ENUM, which needs them",
            option->name);
    if (option->default_value &&
        kh_option_parse(option, option->default_value, NULL, &why) != KH_OK)
        return kh_fail(err, KH_INVALID, "option '%.64s': its default: %.300s",
            option->name, why.message);
    return KH_OK;
}

kh_status kh_option_table_check(
    const struct kh_option *options, size_t count, struct kh_error *err)
{
    if (count > 0 && !options)
        return kh_fail(
            err, KH_INVALID, "%zu options are declared but there is no table", count);
    for (size_t i = 0; i < count; i++) {
        kh_status st = check_declared(&options[i], err);

        if (st != KH_OK)
            return st;
        if (kh_option_find(options, i, options[i].name))
            return kh_fail(
                err, KH_INVALID, "option '%.64s' is declared twice", options[i].name);
    }
    return KH_OK;
}
