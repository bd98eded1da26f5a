/* A JSON body: what is taken is an object that is no deeper than allowed. */
#include "server/json.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static size_t depth(json_t *value)
{
    size_t deepest = 0;
    const char *key;
    json_t *child;
    size_t i;

    json_object_foreach(value, key, child)
    {
        size_t d = depth(child);

        deepest = d > deepest ? d : deepest;
    }
    json_array_foreach(value, i, child)
    {
        size_t d = depth(child);

        deepest = d > deepest ? d : deepest;
    }
    return deepest + (json_is_object(value) || json_is_array(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kh_error err = {0};
    json_t *value = NULL;

    if (kh_json_parse(data, size, &value, &err) != KH_OK)
        return 0;
    if (!json_is_object(value) || depth(value) > KH_JSON_DEPTH)
        abort();
    json_decref(value);
    return 0;
}
