/* The record inside an envelope: whatever decodes must encode to something that decodes
 * the same. */
#include "core/deposit.h"
#include "core/record.h"
#include "core/secmem.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit first = {0};
    KH_CLEANUP_DEPOSIT struct kh_deposit second = {0};
    KH_CLEANUP_BUF struct kh_buf text = {0};
    struct kh_error err = {0};

    if (kh_record_decode(data, size, &first, &err) != KH_OK)
        return 0;
    if (kh_record_encode(&first, &text, &err) != KH_OK ||
        kh_record_decode(text.data, text.len, &second, &err) != KH_OK ||
        !kh_deposit_equal(&first, &second))
        abort();
    return 0;
}
