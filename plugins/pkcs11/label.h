/* How keys are called on the token, so that an administrator finds them with the vendor's
 * tools. */
#ifndef KH_PKCS11_LABEL_H
#define KH_PKCS11_LABEL_H

#include <keyhsm/catalog.h>

#define KH_LABEL_SIZE 72 /* with NUL; a label has at most 64 bytes */
#define KH_ID_TEXT_SIZE (2 * KH_KEY_ID_MAX + 1)

/* "NAME-SHORTID-YYYY-MM-DD", e.g. "key1-3T17YYdn-2026-11-24": NAME cut to 44 bytes,
 * SHORTID made of ID, the UTC date of CREATED. */
void kh_label(char out[KH_LABEL_SIZE], const char *name, const struct kh_key_id *id,
    int64_t created);
/* True when LABEL is that of a key with ID made for NAME, on whatever day. */
bool kh_label_is_for(const char *label, const char *name, const struct kh_key_id *id);

/* ID in lower case hexadecimal; returns OUT. */
const char *kh_key_id_hex(const struct kh_key_id *id, char out[KH_ID_TEXT_SIZE]);

#endif
