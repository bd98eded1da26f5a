#include "server/kms/place.h"

size_t kms_place(
    const struct kms_sorted *sorted, kms_order order, const void *key, bool *is)
{
    size_t low = 0;
    size_t high = sorted->count;

    *is = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int found = order((const char *)sorted->items + middle * sorted->size, key);

        if (found == 0) {
            *is = true;
            return middle;
        }
        if (found < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
