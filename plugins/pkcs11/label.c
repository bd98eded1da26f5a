#include "plugins/pkcs11/label.h"

#include <string.h>
#include <time.h>

#define NAME_PART 44

/* Eight letters and digits of the random part of ID. For people: the id itself is what
 * counts. */
static void short_id(const struct kh_key_id *id, char out[9])
{
    static const char digits[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i < 8; i++)
        out[i] = digits[id->bytes[4 + i] % 62];
    out[8] = '\0';
}

static int stem(char *out, size_t size, const char *name, const struct kh_key_id *id)
{
    char part[9];

    short_id(id, part);
    return snprintf(out, size, "%.*s-%s-", NAME_PART, name, part);
}

void kh_label(char out[KH_LABEL_SIZE], const char *name, const struct kh_key_id *id,
    int64_t created)
{
    int n = stem(out, KH_LABEL_SIZE, name, id);
    time_t seconds = (time_t)created;
    struct tm tm;

    if (!gmtime_r(&seconds, &tm) ||
        strftime(out + n, (size_t)(KH_LABEL_SIZE - n), "%Y-%m-%d", &tm) == 0)
        out[n - 1] = '\0';
}

bool kh_label_is_for(const char *label, const char *name, const struct kh_key_id *id)
{
    char start[KH_LABEL_SIZE];
    int n = stem(start, sizeof start, name, id);

    return strncmp(label, start, (size_t)n) == 0;
}

const char *kh_key_id_hex(const struct kh_key_id *id, char out[KH_ID_TEXT_SIZE])
{
    out[0] = '\0';
    for (size_t i = 0; i < id->len && i < KH_KEY_ID_MAX; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", id->bytes[i]);
    return out;
}
