#include "core/record.h"

#include "core/deposit.h"
#include "core/name.h"
#include "core/secmem.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- base64 ---- */

size_t kh_base64_length(size_t len)
{
    return (len + 2) / 3 * 4;
}

void kh_base64_encode(const unsigned char *data, size_t len, char *out)
{
    /* EVP_EncodeBlock takes an int; deposits are far below, but a loop costs nothing. */
    const size_t slice = 3 * 1024 * 1024;

    *out = '\0';
    while (len > 0) {
        size_t n = len < slice ? len : slice;

        out += EVP_EncodeBlock((unsigned char *)out, data, (int)n);
        data += n;
        len -= n;
    }
}

kh_status kh_base64_decode(
    const char *text, size_t len, struct kh_buf *out, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf buf = {0};
    KH_CLEANUP_BUF struct kh_buf again = {0};
    kh_status st;
    int n;

    memset(out, 0, sizeof *out);
    if (len == 0)
        return KH_OK;
    if (len % 4 != 0 || len > 4 * (size_t)KH_DATA_LIMIT)
        return kh_fail(err, KH_INVALID,
            "base64 of %zu characters: not a multiple of 4, or too long", len);
    st = kh_buf_alloc(&buf, len / 4 * 3, err);
    if (st != KH_OK)
        return st;
    n = EVP_DecodeBlock(buf.data, (const unsigned char *)text, (int)len);
    if (n < 0)
        return kh_fail(err, KH_INVALID, "not valid base64 (RFC 4648)");
    buf.len = (size_t)n - (text[len - 1] == '=') - (len > 1 && text[len - 2] == '=');
    /* EVP_DecodeBlock forgives white space and stray bits: what encodes differently is
     * refused. */
    st = kh_buf_alloc(&again, kh_base64_length(buf.len) + 1, err);
    if (st != KH_OK)
        return st;
    kh_base64_encode(buf.data, buf.len, (char *)again.data);
    if (kh_base64_length(buf.len) != len || memcmp(again.data, text, len) != 0)
        return kh_fail(err, KH_INVALID, "not canonical base64 (RFC 4648 section 4)");
    *out = buf;
    memset(&buf, 0, sizeof buf);
    return KH_OK;
}

/* ---- time ---- */

void kh_time_format(int64_t seconds, char out[KH_TIME_LEN])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(out, KH_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        memcpy(out, "1970-01-01T00:00:00Z", KH_TIME_LEN);
}

kh_status kh_time_parse(const char *text, int64_t *seconds, struct kh_error *err)
{
    char again[KH_TIME_LEN];
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

    *seconds = 0;
    if (end && *end == '\0') {
        *seconds = (int64_t)timegm(&tm);
        kh_time_format(*seconds, again);
        if (strcmp(again, text) == 0)
            return KH_OK;
    }
    *seconds = 0;
    return kh_fail(err, KH_INVALID, "not an RFC 3339 UTC time with seconds");
}

/* ---- encoding ---- */

/* Base64 straight into a jansson string, which lives in secret memory (kh_secmem_init).
 */
static json_t *data_to_json(const struct kh_buf *data)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    size_t len = kh_base64_length(data->len);

    if (kh_buf_alloc(&text, len + 1, NULL) != KH_OK)
        return NULL;
    kh_base64_encode(data->data, data->len, (char *)text.data);
    return json_stringn_nocheck((const char *)text.data, len);
}

static json_t *attrs_to_json(const struct kh_attrs *attrs)
{
    json_t *object = json_object();

    for (size_t i = 0; object && i < attrs->count; i++) {
        if (json_object_set_new(
                object, attrs->list[i].name, json_string(attrs->list[i].value)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

kh_status kh_record_encode(
    const struct kh_deposit *deposit, struct kh_buf *out, struct kh_error *err)
{
    char created[KH_TIME_LEN];
    json_t *object;
    kh_status st;
    size_t len;

    memset(out, 0, sizeof *out);
    kh_time_format(deposit->created, created);
    object = json_pack("{s:s, s:I, s:s, s:o, s:o}", "name", deposit->name, "version",
        (json_int_t)deposit->version, "created", created, "attributes",
        attrs_to_json(&deposit->attrs), "data", data_to_json(&deposit->data));
    if (!object)
        return kh_fail(err, KH_INVALID,
            "the record of a deposit cannot be written: name or attributes are not "
            "UTF-8, or secret "
            "memory is used up");
    len = json_dumpb(object, NULL, 0, JSON_COMPACT);
    st = len > 0 ? kh_buf_alloc(out, len, err)
                 : kh_fail(err, KH_FATAL, "out of secret memory");
    if (st == KH_OK && json_dumpb(object, (char *)out->data, len, JSON_COMPACT) != len) {
        kh_buf_free(out);
        st = kh_fail(err, KH_FATAL, "out of secret memory");
    }
    json_decref(object);
    return st;
}

/* ---- decoding ---- */

static kh_status attrs_from_json(
    json_t *object, struct kh_attrs *attrs, struct kh_error *err)
{
    const char *name;
    json_t *value;
    kh_status st = KH_OK;

    json_object_foreach(object, name, value)
    {
        if (!json_is_string(value) ||
            strlen(json_string_value(value)) != json_string_length(value))
            return kh_fail(
                err, KH_CORRUPT, "an attribute of the record is not a plain string");
        st = kh_attrs_set(attrs, name, json_string_value(value), err);
        if (st != KH_OK)
            return st == KH_INVALID ? kh_fail(err, KH_CORRUPT,
                                          "an attribute of the record is not valid")
                                    : st;
    }
    return st;
}

struct members {
    json_t *name;
    json_t *version;
    json_t *created;
    json_t *attributes;
    json_t *data;
};

static bool members_valid(const struct members *m)
{
    json_int_t version = json_integer_value(m->version);

    return json_string_length(m->name) >= 1 &&
           json_string_length(m->name) <= KH_NAME_MAX &&
           strlen(json_string_value(m->name)) == json_string_length(m->name) &&
           version >= 0 && version <= (json_int_t)KH_VERSION_MAX;
}

static kh_status from_members(
    const struct members *m, struct kh_deposit *out, struct kh_error *err)
{
    struct kh_error why = {0};
    kh_status st;

    if (!members_valid(m))
        return kh_fail(err, KH_CORRUPT, "the record's name or version is not valid");
    memcpy(out->name, json_string_value(m->name), json_string_length(m->name) + 1);
    out->version = (uint32_t)json_integer_value(m->version);
    if (kh_time_parse(json_string_value(m->created), &out->created, &why) != KH_OK)
        return kh_fail(err, KH_CORRUPT, "the record's creation time is %s", why.message);
    st = attrs_from_json(m->attributes, &out->attrs, err);
    if (st != KH_OK)
        return st;
    st = kh_base64_decode(
        json_string_value(m->data), json_string_length(m->data), &out->data, &why);
    if (st == KH_INVALID)
        return kh_fail(err, KH_CORRUPT, "the record's data is %s", why.message);
    return st == KH_OK ? KH_OK : kh_fail(err, st, "%s", why.message);
}

kh_status kh_record_decode(
    const unsigned char *text, size_t len, struct kh_deposit *out, struct kh_error *err)
{
    struct members m = {0};
    json_error_t why;
    json_t *root;
    kh_status st;

    memset(out, 0, sizeof *out);
    root = json_loadb(
        (const char *)text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    /* `!` makes json_unpack refuse members that a record does not have. */
    if (!root ||
        json_unpack(root, "{s:o, s:o, s:o, s:o, s:o !}", "name", &m.name, "version",
            &m.version, "created", &m.created, "attributes", &m.attributes, "data",
            &m.data) != 0 ||
        !json_is_string(m.name) || !json_is_integer(m.version) ||
        !json_is_string(m.created) || !json_is_object(m.attributes) ||
        !json_is_string(m.data)) {
        json_decref(root);
        return kh_fail(err, KH_CORRUPT, "the envelope does not hold a deposit's record");
    }
    st = from_members(&m, out, err);
    if (st != KH_OK)
        kh_deposit_free(out);
    json_decref(root);
    return st;
}
