#include "server/json.h"

#include "core/name.h"

#include <string.h>

bool kh_json_shallow(const unsigned char *text, size_t len)
{
    bool in_string = false;
    size_t depth = 0;

    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '[' || text[i] == '{') {
            if (++depth > KH_JSON_DEPTH)
                return false;
        } else if ((text[i] == ']' || text[i] == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

/* jansson's own text quotes the input; ours must not. */
static const char *explain(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return "a member stands twice";
    case json_error_invalid_utf8:
        return "not UTF-8";
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "something follows the object";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a string has a NUL character";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_out_of_memory:
        return "no memory for it";
    default:
        return "malformed";
    }
}

kh_status kh_json_parse(
    const unsigned char *text, size_t len, json_t **out, struct kh_error *err)
{
    json_error_t error;
    json_t *value;

    *out = NULL;
    if (len == 0)
        return kh_fail(err, KH_INVALID, "the body is empty; a JSON object is needed");
    if (!kh_json_shallow(text, len))
        return kh_fail(
            err, KH_INVALID, "the JSON body nests deeper than %d levels", KH_JSON_DEPTH);
    value = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, &error);
    if (!value && json_error_code(&error) == json_error_out_of_memory)
        return kh_fail(err, KH_BUSY, "no secret memory is free for the body");
    if (!value)
        return kh_fail(err, KH_INVALID,
            "the JSON body is wrong at line %d, column %d: %s", error.line, error.column,
            explain(&error));
    if (!json_is_object(value)) {
        json_decref(value);
        return kh_fail(err, KH_INVALID, "the JSON body is not an object");
    }
    *out = value;
    return KH_OK;
}

kh_status kh_json_only(json_t *object, const char *const *names, struct kh_error *err)
{
    char shown[64];
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        const char *const *name = names;

        while (*name && strcmp(*name, key) != 0)
            name++;
        if (!*name)
            return kh_fail(err, KH_INVALID, "the JSON body has an unknown member '%s'",
                kh_name_escape(key, shown, sizeof shown));
    }
    return KH_OK;
}
