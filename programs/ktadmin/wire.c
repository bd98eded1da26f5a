#include "programs/ktadmin/wire.h"

#include "core/deposit.h"
#include "core/record.h"
#include "core/secmem.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void kh_wire_drop(json_t **json)
{
    json_decref(*json);
}

kh_status kh_wire_strange(struct kh_error *err, const char *what)
{
    return kh_fail(err, KH_UNAVAILABLE,
        "the daemon's answer is not what its API promises (%s); is this a keyhsm daemon?",
        what);
}

json_t *kh_wire_parse(const struct kh_buf *body, struct kh_error *err)
{
    json_t *root = json_loadb((const char *)body->data, body->data ? body->len : 0,
        JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(root)) {
        json_decref(root);
        root = NULL;
        err->status = kh_wire_strange(err, "not a JSON object");
    }
    return root;
}

static kh_status encode_data(
    const struct kh_buf *data, json_t *root, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    size_t len = kh_base64_length(data->len);
    kh_status status = kh_buf_alloc(&text, len + 1, err);

    if (status != KH_OK)
        return status;
    kh_base64_encode(data->data, data->len, (char *)text.data);
    if (json_object_set_new(root, "data", json_stringn((const char *)text.data, len)) !=
        0)
        return kh_fail(err, KH_FATAL, "out of memory");
    return KH_OK;
}

static kh_status encode_attributes(
    const struct kh_attrs *attrs, json_t *root, struct kh_error *err)
{
    json_t *object = json_object();

    for (size_t i = 0; i < attrs->count; i++)
        (void)json_object_set_new(
            object, attrs->list[i].name, json_string(attrs->list[i].value));
    if (json_object_size(object) != attrs->count ||
        json_object_set_new(root, "attributes", object) != 0)
        return kh_fail(err, KH_FATAL, "out of memory");
    return KH_OK;
}

kh_status kh_wire_body(
    const struct kh_deposit *deposit, struct kh_buf *out, struct kh_error *err)
{
    KH_CLEANUP_WIRE json_t *root = json_object();
    kh_status status = encode_data(&deposit->data, root, err);
    size_t len;

    if (status == KH_OK)
        status = encode_attributes(&deposit->attrs, root, err);
    if (status != KH_OK)
        return status;
    len = json_dumpb(root, NULL, 0, JSON_COMPACT);
    status = kh_buf_alloc(out, len, err);
    if (status == KH_OK &&
        json_dumpb(root, (char *)out->data, len, JSON_COMPACT) != len) {
        kh_buf_free(out);
        status = kh_fail(err, KH_FATAL, "out of memory");
    }
    return status;
}

static const struct code {
    const char *word;
    long http;
    kh_status status;
} codes[] = {
    {"not_found", 404, KH_NOT_FOUND},
    {"exists", 409, KH_EXISTS},
    {"refused", 403, KH_REFUSED},
    {"invalid", 400, KH_INVALID},
    {"invalid", 413, KH_INVALID},
    {"invalid", 415, KH_INVALID},
    {"unavailable", 503, KH_UNAVAILABLE},
    {"busy", 503, KH_BUSY},
    {"corrupt", 500, KH_CORRUPT},
    {"fatal", 500, KH_FATAL},
};
enum { CODES = sizeof codes / sizeof codes[0] };

/* By the daemon's word; by the HTTP status for a word that is not one of ours. */
static kh_status status_of(const char *word, long http)
{
    for (size_t i = 0; word && i < CODES; i++) {
        if (strcmp(codes[i].word, word) == 0)
            return codes[i].status;
    }
    for (size_t i = 0; i < CODES; i++) {
        if (codes[i].http == http)
            return codes[i].status;
    }
    return KH_UNAVAILABLE;
}

kh_status kh_wire_refusal(const struct kh_http_response *response, struct kh_error *err)
{
    struct kh_error ignored = {0};
    KH_CLEANUP_WIRE json_t *root = kh_wire_parse(&response->body, &ignored);
    const json_t *error = json_object_get(root, "error");
    const char *word = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    kh_status status = status_of(word, response->status);

    if (message && *message)
        return kh_fail(err, status, "%s", message);
    return kh_fail(err, status, "the daemon answered HTTP status %ld", response->status);
}

bool kh_wire_created(const json_t *object, int64_t *created)
{
    const char *text = json_string_value(json_object_get(object, "created"));
    struct kh_error ignored = {0};

    return text && kh_time_parse(text, created, &ignored) == KH_OK;
}

static bool take_number(const json_t *object, const char *member, uint32_t *number)
{
    const json_t *value = json_object_get(object, member);
    json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < 0 || n > (json_int_t)KH_VERSION_MAX)
        return false;
    *number = (uint32_t)n;
    return true;
}

bool kh_wire_state(const json_t *object, kh_state *state)
{
    const char *word = json_string_value(json_object_get(object, "state"));

    if (!word || (strcmp(word, "active") != 0 && strcmp(word, "deleted") != 0))
        return false;
    *state = strcmp(word, "deleted") == 0 ? KH_DELETED : KH_ACTIVE;
    return true;
}

bool kh_wire_name(const json_t *value, char out[KH_NAME_MAX + 1])
{
    const char *name = json_string_value(value);

    if (!name || json_string_length(value) > KH_NAME_MAX || strlen(name) == 0)
        return false;
    memset(out, 0, KH_NAME_MAX + 1);
    memcpy(out, name, strlen(name) + 1);
    return true;
}

kh_status kh_wire_stored(
    const struct kh_buf *body, struct kh_deposit *deposit, struct kh_error *err)
{
    KH_CLEANUP_WIRE json_t *root = kh_wire_parse(body, err);

    if (!root)
        return err->status;
    if (!take_number(root, "version", &deposit->version) ||
        !kh_wire_created(root, &deposit->created))
        return kh_wire_strange(err, "no version and created");
    return KH_OK;
}

static kh_status take_attributes(
    json_t *object, struct kh_attrs *attrs, struct kh_error *err)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return kh_wire_strange(err, "no attributes");
    json_object_foreach(object, name, value)
    {
        kh_status status;

        if (!json_is_string(value))
            return kh_wire_strange(err, "an attribute is not text");
        status = kh_attrs_set(attrs, name, json_string_value(value), err);
        if (status != KH_OK)
            return status;
    }
    return KH_OK;
}

kh_status kh_wire_deposit(
    const struct kh_buf *body, struct kh_deposit *deposit, struct kh_error *err)
{
    KH_CLEANUP_WIRE json_t *root = kh_wire_parse(body, err);
    const json_t *data = json_object_get(root, "data");
    kh_status status;

    if (!root)
        return err->status;
    if (!take_number(root, "version", &deposit->version) ||
        !kh_wire_created(root, &deposit->created) ||
        !kh_wire_state(root, &deposit->state) || !json_is_string(data))
        return kh_wire_strange(err, "no version, created, state and data");
    status = take_attributes(json_object_get(root, "attributes"), &deposit->attrs, err);
    if (status == KH_OK)
        status = kh_base64_decode(
            json_string_value(data), json_string_length(data), &deposit->data, err);
    return status;
}

static bool parse_version(const char *text, uint32_t *version)
{
    char *end = NULL;
    unsigned long n;

    errno = 0;
    n = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n > KH_VERSION_MAX)
        return false;
    *version = (uint32_t)n;
    return true;
}

kh_status kh_wire_raw(
    struct kh_http_response *response, struct kh_deposit *deposit, struct kh_error *err)
{
    if (!parse_version(response->deposit_version, &deposit->version) ||
        kh_time_parse(response->deposit_created, &deposit->created, err) != KH_OK)
        return kh_wire_strange(err, "no Deposit-Version and Deposit-Created");
    deposit->data = response->body;
    memset(&response->body, 0, sizeof response->body);
    return KH_OK;
}

kh_status kh_wire_versions(
    const struct kh_buf *body, kh_version_fn fn, void *arg, struct kh_error *err)
{
    KH_CLEANUP_WIRE json_t *root = kh_wire_parse(body, err);
    json_t *list = json_object_get(root, "versions");
    kh_status status = KH_OK;
    json_t *item;
    size_t i;

    if (!root)
        return err->status;
    if (!json_is_array(list))
        return kh_wire_strange(err, "no versions");
    json_array_foreach(list, i, item)
    {
        struct kh_version_entry entry = {0};

        if (!take_number(item, "version", &entry.version) ||
            !kh_wire_state(item, &entry.state))
            return kh_wire_strange(err, "a version without its number and state");
        /* Absent or null when only opening it would tell. */
        (void)kh_wire_created(item, &entry.created);
        if (json_is_true(json_object_get(item, "corrupt")))
            snprintf(entry.note, sizeof entry.note, "corrupt; the daemon's log says why");
        status = fn(arg, &entry, err);
        if (status != KH_OK)
            break;
    }
    return status;
}

static kh_status take_entry(
    const json_t *item, struct kh_entry *entry, struct kh_error *err)
{
    memset(entry, 0, sizeof *entry);
    if (!kh_wire_name(json_object_get(item, "name"), entry->name) ||
        !take_number(item, "versions", &entry->versions) ||
        !take_number(item, "latest", &entry->latest) ||
        !kh_wire_state(item, &entry->state))
        return kh_wire_strange(err, "a deposit without name, versions, latest and state");
    entry->corrupt = json_is_true(json_object_get(item, "corrupt"));
    return KH_OK;
}

kh_status kh_wire_list(const struct kh_buf *body, kh_entry_fn fn, void *arg,
    char next[KH_NAME_MAX + 1], struct kh_error *err)
{
    KH_CLEANUP_WIRE json_t *root = kh_wire_parse(body, err);
    const json_t *after = json_object_get(root, "next");
    json_t *list = json_object_get(root, "deposits");
    json_t *item;
    size_t i;

    next[0] = '\0';
    if (!root)
        return err->status;
    if (!json_is_array(list) || (!json_is_null(after) && !kh_wire_name(after, next)))
        return kh_wire_strange(err, "no deposits and next");
    json_array_foreach(list, i, item)
    {
        struct kh_entry entry;
        kh_status status = take_entry(item, &entry, err);

        if (status == KH_OK)
            status = fn(arg, &entry, err);
        if (status != KH_OK)
            return status;
    }
    return KH_OK;
}
