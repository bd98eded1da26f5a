#include "plugins/keyhsm/json.h"

#include <string.h>
#include <time.h>

void kh_json_drop(json_t **json)
{
    json_decref(*json);
}

kh_status kh_json_strange(struct kh_error *err, const char *what)
{
    return kh_fail(err, KH_UNAVAILABLE,
        "the daemon's answer is not what its API promises (%s); is this a keyhsm daemon?",
        what);
}

json_t *kh_json_object(const struct kh_buf *body, struct kh_error *err)
{
    json_error_t why;
    json_t *root = json_loadb((const char *)body->data, body->data ? body->len : 0,
        JSON_REJECT_DUPLICATES, &why);

    if (json_is_object(root))
        return root;
    err->status = kh_json_strange(err, "not a JSON object");
    if (!root && json_error_code(&why) == json_error_out_of_memory)
        (void)kh_fail(err, KH_BUSY, "no secret memory is free for an answer");
    json_decref(root);
    return NULL;
}

bool kh_json_number(const json_t *object, const char *member, uint64_t max, uint64_t *out)
{
    const json_t *value = json_object_get(object, member);
    json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < 0 || (uint64_t)n > max)
        return false;
    *out = (uint64_t)n;
    return true;
}

bool kh_json_version(const json_t *object, const char *member, uint32_t *out)
{
    uint64_t n = 0;

    if (!kh_json_number(object, member, KH_VERSION_MAX, &n))
        return false;
    *out = (uint32_t)n;
    return true;
}

bool kh_json_state(const json_t *object, kh_state *out)
{
    const char *word = json_string_value(json_object_get(object, "state"));

    if (!word || (strcmp(word, "active") != 0 && strcmp(word, "deleted") != 0))
        return false;
    *out = strcmp(word, "deleted") == 0 ? KH_DELETED : KH_ACTIVE;
    return true;
}

bool kh_json_time(const json_t *object, int64_t *out)
{
    const json_t *value = json_object_get(object, "created");

    *out = 0;
    return json_is_null(value) ||
           (json_is_string(value) && kh_time_read(json_string_value(value), out));
}

bool kh_json_text(const json_t *object, const char *member, char *out, size_t size)
{
    const json_t *value = json_object_get(object, member);

    if (!json_is_string(value) || json_string_length(value) >= size)
        return false;
    snprintf(out, size, "%s", json_string_value(value));
    return true;
}

bool kh_time_write(int64_t seconds, char out[KH_TIME_TEXT])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    /* Fewer digits of a year, or more, would not be read back. */
    return gmtime_r(&t, &tm) && tm.tm_year >= 1000 - 1900 && tm.tm_year <= 9999 - 1900 &&
           strftime(out, KH_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == KH_TIME_TEXT - 1;
}

bool kh_time_read(const char *text, int64_t *seconds)
{
    char again[KH_TIME_TEXT];
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

    if (!end || *end)
        return false;
    *seconds = (int64_t)timegm(&tm);
    return kh_time_write(*seconds, again) && strcmp(again, text) == 0;
}
