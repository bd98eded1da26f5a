#include "server/kms/wrap_name.h"

#include "server/internal_name.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define PREFIX KH_INTERNAL "eek."

enum {
    ID_DIGITS = 2 * KH_KMS_WRAP_ID,
    DIGEST = 32,
    /* What is left for a key's name between the prefix and ".ID". */
    ROOM = KH_NAME_MAX - (sizeof PREFIX - 1) - 1 - ID_DIGITS,
    /* A long name takes all of the room, a short one never does. */
    HEAD = ROOM - 1 - 2 * DIGEST
};

static void hex(const unsigned char *data, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", data[i]);
}

void kh_kms_wrap_prefix(const char *name, char out[KH_NAME_MAX + 1])
{
    unsigned char digest[DIGEST] = {0};
    char text[2 * DIGEST + 1];
    size_t len = DIGEST;

    if (strlen(name) < ROOM) {
        (void)snprintf(out, KH_NAME_MAX + 1, PREFIX "%s.", name);
        return;
    }
    /* Without SHA-256 the daemon would not have come up. */
    (void)EVP_Q_digest(NULL, "SHA256", NULL, name, strlen(name), digest, &len);
    hex(digest, sizeof digest, text);
    (void)snprintf(out, KH_NAME_MAX + 1, PREFIX "%.*s-%s.", (int)HEAD, name, text);
}

void kh_kms_wrap_name(
    const char *name, const unsigned char id[KH_KMS_WRAP_ID], char out[KH_NAME_MAX + 1])
{
    kh_kms_wrap_prefix(name, out);
    hex(id, KH_KMS_WRAP_ID, out + strlen(out));
}

bool kh_kms_wrap_fits(const char *wrap, const char *name)
{
    char prefix[KH_NAME_MAX + 1];
    size_t len;

    kh_kms_wrap_prefix(name, prefix);
    len = strlen(prefix);
    return strncmp(wrap, prefix, len) == 0 && strlen(wrap + len) == ID_DIGITS &&
           strspn(wrap + len, "0123456789abcdef") == ID_DIGITS;
}
