#include "plugins/keyhsm/wire.h"

#include "plugins/keyhsm/json.h"
#include "plugins/keyhsm/url.h"

#include <string.h>

static const struct {
    const char *word;
    long http;
    kh_status status;
} codes[] = {
    {"not_found", 404, KH_NOT_FOUND},
    {"exists", 409, KH_EXISTS},
    {"refused", 403, KH_REFUSED},
    {"invalid", 400, KH_INVALID},
    {"too_large", 413, KH_INVALID},
    {"unsupported", 415, KH_INVALID},
    {"unavailable", 503, KH_UNAVAILABLE},
    {"busy", 503, KH_BUSY},
    {"too_many", 429, KH_BUSY},
    {"timeout", 504, KH_UNAVAILABLE},
    {"corrupt", 500, KH_CORRUPT},
    /* The daemon ends; this process need not. */
    {"fatal", 500, KH_UNAVAILABLE},
};
enum { CODES = sizeof codes / sizeof codes[0] };

/* By keyhsmd's word; without one that is known, by the HTTP status. */
static kh_status status_of(const char *word, long http)
{
    for (size_t i = 0; word && i < CODES; i++) {
        if (strcmp(codes[i].word, word) == 0)
            return codes[i].status;
    }
    for (size_t i = 0; http != 500 && i < CODES; i++) {
        if (codes[i].http == http)
            return codes[i].status;
    }
    return KH_UNAVAILABLE;
}

kh_status kh_wire_refusal(
    const struct kh_exchange *exchange, const char *server, struct kh_error *err)
{
    struct kh_error ignored = {0};
    KH_CLEANUP_JSON json_t *root = kh_json_object(&exchange->answer, &ignored);
    const json_t *error = json_object_get(root, "error");
    const char *word = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    kh_status st = status_of(word, exchange->status);

    if (!message || !*message)
        return kh_fail(err, st, "%s answered HTTP status %ld", server, exchange->status);
    /* What is wrong with the place is said with the place; what is wrong with the
     * request, as it is. */
    if (st == KH_UNAVAILABLE || st == KH_BUSY)
        return kh_fail(err, st, "%s: %s", server, message);
    return kh_fail(err, st, "%s", message);
}

/* ---- facts ---- */

static const struct {
    const char *word;
    uint32_t bit;
} capabilities[] = {
    {"read", KH_CAP_READ},
    {"write", KH_CAP_WRITE},
    {"list", KH_CAP_LIST},
    {"hardware", KH_CAP_HARDWARE},
};

/* Words that are not known here are of no interest. */
static uint32_t capability(const char *word)
{
    for (size_t i = 0; word && i < sizeof capabilities / sizeof capabilities[0]; i++) {
        if (strcmp(capabilities[i].word, word) == 0)
            return capabilities[i].bit;
    }
    return 0;
}

static bool take_flag(const json_t *root, const char *member, bool *out)
{
    const json_t *value = json_object_get(root, member);

    *out = json_is_true(value);
    return json_is_boolean(value);
}

static bool take_info(const json_t *root, struct kh_info *out)
{
    return kh_json_text(root, "place", out->place, sizeof out->place) &&
           kh_json_text(root, "identity", out->identity, sizeof out->identity) &&
           kh_json_text(root, "key_scope", out->key_scope, sizeof out->key_scope) &&
           kh_json_text(root, "profile", out->profile, sizeof out->profile) &&
           kh_json_text(root, "sealed_for", out->sealed_for, sizeof out->sealed_for) &&
           kh_json_number(root, "data_max", KH_DATA_LIMIT, &out->data_max) &&
           kh_json_number(root, "versions", INT64_MAX, &out->versions) &&
           kh_json_number(root, "keys", INT64_MAX, &out->keys) &&
           kh_json_number(root, "max_keys", INT64_MAX, &out->max_keys) &&
           take_flag(root, "sealed", &out->sealed) &&
           take_flag(root, "read_only", &out->read_only);
}

kh_status kh_wire_info(
    const struct kh_buf *body, struct kh_wire_backend *out, struct kh_error *err)
{
    KH_CLEANUP_JSON json_t *root = kh_json_object(body, err);
    json_t *list = json_object_get(root, "capabilities");
    json_t *word;
    size_t i;

    memset(out, 0, sizeof *out);
    if (!root)
        return err->status;
    if (!kh_json_text(root, "name", out->name, sizeof out->name) ||
        !take_info(root, &out->info) || !json_is_array(list))
        return kh_json_strange(err, "no facts of a backend");
    json_array_foreach(list, i, word) out->capabilities |=
        capability(json_string_value(word));
    return KH_OK;
}

kh_status kh_wire_usage(
    const struct kh_buf *body, struct kh_usage *out, struct kh_error *err)
{
    KH_CLEANUP_JSON json_t *root = kh_json_object(body, err);
    struct kh_usage found = {0};

    if (!root)
        return err->status;
    if (!kh_json_number(root, "deposits", INT64_MAX, &found.deposits) ||
        !kh_json_number(root, "deleted_deposits", INT64_MAX, &found.deleted_deposits) ||
        !kh_json_number(root, "versions", INT64_MAX, &found.versions) ||
        !kh_json_number(root, "deleted_versions", INT64_MAX, &found.deleted_versions) ||
        !kh_json_number(root, "memory", INT64_MAX, &found.memory) ||
        !kh_json_number(root, "memory_free", INT64_MAX, &found.memory_free))
        return kh_json_strange(err, "no counts of what is stored");
    *out = found;
    return KH_OK;
}

/* ---- versions ---- */

kh_status kh_wire_stat(
    const struct kh_buf *body, struct kh_stat *out, struct kh_error *err)
{
    KH_CLEANUP_JSON json_t *root = kh_json_object(body, err);
    uint64_t versions = 0;

    if (!root)
        return err->status;
    if (!kh_json_version(root, "version", &out->version) ||
        !kh_json_state(root, &out->state) || !kh_json_time(root, &out->created) ||
        !kh_json_number(root, "versions", UINT32_MAX, &versions) ||
        !kh_json_version(root, "highest", &out->highest))
        return kh_json_strange(err, "no version, state, created, versions and highest");
    out->versions = (uint32_t)versions;
    return KH_OK;
}

kh_status kh_wire_fingerprint(const struct kh_buf *body,
    unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err)
{
    KH_CLEANUP_JSON json_t *root = kh_json_object(body, err);
    const char *text = json_string_value(json_object_get(root, "fingerprint"));

    if (!root)
        return err->status;
    if (!text || strlen(text) != 2 * (size_t)KH_FINGERPRINT_LEN ||
        strspn(text, "0123456789abcdef") != 2 * (size_t)KH_FINGERPRINT_LEN)
        return kh_json_strange(err, "no fingerprint");
    for (size_t i = 0; i < KH_FINGERPRINT_LEN; i++) {
        unsigned high =
            (unsigned)(text[2 * i] <= '9' ? text[2 * i] - '0' : text[2 * i] - 'a' + 10);
        unsigned low = (unsigned)(text[2 * i + 1] <= '9' ? text[2 * i + 1] - '0'
                                                         : text[2 * i + 1] - 'a' + 10);

        digest[i] = (unsigned char)(high * 16 + low);
    }
    return KH_OK;
}

static bool take_item(const json_t *json, struct kh_item *item)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *corrupt = json_string_value(json_object_get(json, "corrupt"));

    if (!name || !kh_url_unescape(name, item->name) ||
        !kh_json_version(json, "version", &item->version) ||
        !kh_json_state(json, &item->state) || !kh_json_time(json, &item->created))
        return false;
    if (json_object_get(json, "corrupt")) {
        item->status = KH_CORRUPT;
        snprintf(item->note, sizeof item->note, "%s", corrupt ? corrupt : "corrupt");
    }
    return true;
}

kh_status kh_wire_items(const struct kh_buf *body, struct kh_item *items, size_t max,
    size_t *count, struct kh_error *err)
{
    KH_CLEANUP_JSON json_t *root = kh_json_object(body, err);
    const json_t *list = json_object_get(root, "versions");
    size_t n = json_array_size(list);

    if (!root)
        return err->status;
    if (!json_is_array(list) || n > max)
        return kh_json_strange(err, "no versions, or too many");
    for (size_t i = 0; i < n; i++) {
        if (!take_item(json_array_get(list, i), &items[i]))
            return kh_json_strange(
                err, "a version without its name, number, state and created");
    }
    *count = n;
    return KH_OK;
}
