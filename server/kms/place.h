/* Where something stands in a sorted array: what the lists of the KMS are looked up by.
 */
#ifndef KH_SERVER_KMS_PLACE_H
#define KH_SERVER_KMS_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/* An array in ascending order without two that are equal. */
struct kms_sorted {
    const void *items; /* may be NULL when COUNT is 0 */
    size_t count;
    size_t size; /* of one, bytes */
};

/* Below, at or above 0 as ITEM stands before KEY, is it, or stands behind it. */
typedef int (*kms_order)(const void *item, const void *key);

/* The index of KEY, *IS true; or the one it would have, *IS false. Thread safe while the
 * array does not change. */
size_t kms_place(
    const struct kms_sorted *sorted, kms_order order, const void *key, bool *is);

#endif
