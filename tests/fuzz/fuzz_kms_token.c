/* The text of a delegation token, and an identifier: refused, or written again to the
 * same bytes. */
#include "server/kms/token.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void identifier(const uint8_t *data, size_t size)
{
    unsigned char again[KMS_IDENT_MAX];
    struct kms_ident ident;
    struct kh_error err = {0};

    if (kms_ident_parse(data, size, &ident, &err) != KH_OK)
        return;
    if (kms_ident_write(&ident, again) != size || memcmp(again, data, size) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kh_error err = {0};
    struct kms_token token;
    struct kms_token again;
    char text[4097];
    char written[KMS_TOKEN_TEXT];

    identifier(data, size);
    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (kms_token_parse(text, &token, &err) != KH_OK)
        return 0;
    identifier(token.ident, token.ident_len);
    kms_token_write(&token, NULL, written);
    if (kms_token_parse(written, &again, &err) != KH_OK ||
        memcmp(&token, &again, sizeof token) != 0)
        abort();
    return 0;
}
