#include "plugins/keyhsm/json.h"
#include "plugins/keyhsm/wire.h"

#include <openssl/evp.h>
#include <string.h>

/* Base64 (RFC 4648 section 4) without its NUL. */
static size_t base64_length(size_t len)
{
    return (len + 2) / 3 * 4;
}

static json_t *attributes_json(const struct kh_attrs *attrs)
{
    json_t *object = json_object();

    for (size_t i = 0; i < attrs->count; i++) {
        if (json_object_set_new(
                object, attrs->list[i].name, json_string(attrs->list[i].value)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* The body is written once, into one piece of its final size: there may be little secret
 * memory. OUT has room for TEXT. */
static void append(struct kh_buf *out, const char *text)
{
    size_t len = strlen(text);

    memcpy(out->data + out->len, text, len);
    out->len += len;
}

static void append_data(struct kh_buf *out, const struct kh_buf *data)
{
    append(out, ",\"data\":\"");
    if (data->len > 0)
        out->len +=
            (size_t)EVP_EncodeBlock(out->data + out->len, data->data, (int)data->len);
    append(out, "\"}");
}

kh_status kh_wire_body(const struct kh_host *host, const struct kh_deposit *deposit,
    struct kh_buf *out, struct kh_error *err)
{
    KH_CLEANUP_JSON json_t *attributes = attributes_json(&deposit->attrs);
    char created[KH_TIME_TEXT];
    char head[128];
    size_t len;

    if (!kh_time_write(deposit->created, created))
        return kh_fail(err, KH_INVALID, "'%s': its creation time has no four-digit year",
            deposit->name);
    len = attributes ? json_dumpb(attributes, NULL, 0, JSON_COMPACT) : 0;
    snprintf(head, sizeof head,
        "{\"created\":\"%s\",\"state\":\"%s\",\"attributes\":", created,
        deposit->state == KH_DELETED ? "deleted" : "active");
    if (len == 0 ||
        host->buf_alloc(host, out,
            sizeof head + len + base64_length(deposit->data.len) + 32, err) != KH_OK)
        return kh_fail(err, KH_BUSY, "no secret memory is free for '%s'", deposit->name);
    out->len = 0;
    append(out, head);
    if (json_dumpb(attributes, (char *)out->data + out->len, len, JSON_COMPACT) != len) {
        host->buf_free(host, out);
        return kh_fail(err, KH_BUSY, "no secret memory is free for '%s'", deposit->name);
    }
    out->len += len;
    append_data(out, &deposit->data);
    return KH_OK;
}

/* ---- reading ---- */

static kh_status take_attributes(const struct kh_host *host, json_t *object,
    struct kh_attrs *attrs, struct kh_error *err)
{
    struct kh_error why = {0};
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return kh_json_strange(err, "no attributes");
    json_object_foreach(object, name, value)
    {
        kh_status st;

        if (!json_is_string(value))
            return kh_json_strange(err, "an attribute is not text");
        st = host->attrs_set(host, attrs, name, json_string_value(value), &why);
        if (st == KH_INVALID)
            return kh_json_strange(err, "an attribute over a limit");
        if (st != KH_OK)
            return kh_fail(err, KH_BUSY, "%s", why.message);
    }
    return KH_OK;
}

kh_status kh_wire_data(const struct kh_host *host, const json_t *value,
    struct kh_buf *data, struct kh_error *err)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    size_t digits = text ? strspn(text, alphabet) : 0;
    size_t padding = len - digits;

    /* EVP_DecodeBlock forgives white space. */
    if (!text || len % 4 != 0 || len > base64_length(KH_DATA_LIMIT) || padding > 2 ||
        strspn(text + digits, "=") != padding)
        return kh_json_strange(err, "data is not base64");
    if (len == 0)
        return KH_OK;
    if (host->buf_alloc(host, data, len / 4 * 3, err) != KH_OK)
        return kh_fail(err, KH_BUSY, "no secret memory is free for an answer");
    if (EVP_DecodeBlock(data->data, (const unsigned char *)text, (int)len) < 0)
        return kh_json_strange(err, "data is not base64");
    data->len = len / 4 * 3 - padding;
    return KH_OK;
}

kh_status kh_wire_deposit(const struct kh_host *host, const struct kh_buf *body,
    struct kh_deposit *out, struct kh_error *err)
{
    KH_CLEANUP_JSON json_t *root = kh_json_object(body, err);
    kh_status st;

    if (!root)
        return err->status;
    if (!kh_json_version(root, "version", &out->version) ||
        !kh_json_time(root, &out->created) || !kh_json_state(root, &out->state))
        return kh_json_strange(err, "no version, created and state");
    st = take_attributes(host, json_object_get(root, "attributes"), &out->attrs, err);
    if (st == KH_OK)
        st = kh_wire_data(host, json_object_get(root, "data"), &out->data, err);
    return st;
}
