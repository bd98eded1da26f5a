#include "core/backend_check.h"

#include "core/deposit.h"
#include "core/name.h"

#include <inttypes.h>
#include <string.h>

kh_status kh_check_name_length(const char *name, struct kh_error *err)
{
    if (!name || !*name)
        return kh_fail(err, KH_INVALID, "a deposit's name is empty");
    if (strnlen(name, KH_NAME_MAX + 1) > KH_NAME_MAX)
        return kh_fail(
            err, KH_INVALID, "a deposit's name has at most %d bytes", KH_NAME_MAX);
    return KH_OK;
}

kh_status kh_check_version(uint32_t version, uint32_t stand_in, struct kh_error *err)
{
    if (version <= KH_VERSION_MAX || (stand_in != 0 && version == stand_in))
        return KH_OK;
    return kh_fail(err, KH_INVALID, "version %" PRIu32 " is not between 0 and %" PRIu32,
        version, KH_VERSION_MAX);
}

static kh_status check_attr(
    const struct kh_attrs *attrs, size_t i, const char *name, struct kh_error *err)
{
    const struct kh_attr *a = &attrs->list[i];
    size_t name_len = a->name ? strlen(a->name) : 0;
    size_t value_len = a->value ? strlen(a->value) : 0;

    if (name_len < 1 || name_len > KH_ATTR_NAME_MAX || !a->value ||
        value_len > KH_ATTR_VALUE_MAX)
        return kh_fail(err, KH_INVALID,
            "'%s': attribute %zu: a name has 1 to %d bytes, a value at most %d", name,
            i + 1, KH_ATTR_NAME_MAX, KH_ATTR_VALUE_MAX);
    if (!kh_utf8_valid(a->name, name_len) || !kh_utf8_valid(a->value, value_len))
        return kh_fail(err, KH_INVALID, "'%s': attribute %zu is not UTF-8", name, i + 1);
    if (i > 0 && strcmp(attrs->list[i - 1].name, a->name) >= 0)
        return kh_fail(err, KH_INVALID,
            "'%s': attribute %zu: names must be unique and in byte order", name, i + 1);
    return KH_OK;
}

static kh_status check_attrs(
    const struct kh_attrs *attrs, const char *name, struct kh_error *err)
{
    if (attrs->count > KH_ATTRS_MAX)
        return kh_fail(err, KH_INVALID, "'%s': %zu attributes; a deposit has at most %d",
            name, attrs->count, KH_ATTRS_MAX);
    if (attrs->count > 0 && !attrs->list)
        return kh_fail(err, KH_INVALID, "'%s': the list of attributes is missing", name);
    for (size_t i = 0; i < attrs->count; i++) {
        kh_status st = check_attr(attrs, i, name, err);

        if (st != KH_OK)
            return st;
    }
    return KH_OK;
}

kh_status kh_check_deposit(const struct kh_deposit *deposit, uint64_t data_max,
    bool legacy_names, struct kh_error *err)
{
    char name[KH_NAME_ESCAPED_MAX];
    kh_status st = kh_check_name_length(deposit->name, err);

    if (st == KH_OK && !legacy_names)
        st = kh_name_check(deposit->name, err);
    if (st == KH_OK)
        st = kh_check_version(deposit->version, 0, err);
    if (st != KH_OK)
        return st;
    (void)kh_name_escape(deposit->name, name, sizeof name);
    name[KH_NAME_MAX] = '\0'; /* leaves room for the rest of the line */
    if (deposit->state != KH_ACTIVE && deposit->state != KH_DELETED)
        return kh_fail(
            err, KH_INVALID, "'%s': %d is no state", name, (int)deposit->state);
    if (deposit->data.len > data_max)
        return kh_fail(err, KH_INVALID,
            "'%s': %zu bytes of data; at most %" PRIu64 " are allowed", name,
            deposit->data.len, data_max);
    if (deposit->data.len > 0 && !deposit->data.data)
        return kh_fail(err, KH_INVALID, "'%s': the data is missing", name);
    return check_attrs(&deposit->attrs, name, err);
}
