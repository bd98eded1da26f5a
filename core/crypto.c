#include "core/crypto.h"

#include <openssl/err.h>

const char *kh_crypto_reason(const char *fallback)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return reason ? reason : fallback;
}
