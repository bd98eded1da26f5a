/* Names of the AES keys that the token scheme encrypts with (wrap.h). Pure. */
#ifndef KH_KMS_WRAP_NAME_H
#define KH_KMS_WRAP_NAME_H

#include <keyhsm/types.h>

#define KH_KMS_WRAP_ID 8 /* bytes of the part that tells one from another */

/* What the names of all AES keys of the Hadoop key NAME begin with: it is among those
 * that the server keeps for itself (server/internal_name.h), so nobody's own key or
 * deposit can be called that. A NAME that is too long is there as its beginning and its
 * digest. */
void kh_kms_wrap_prefix(const char *name, char out[KH_NAME_MAX + 1]);
/* The name of one of them: the prefix, and ID in hexadecimal. */
void kh_kms_wrap_name(
    const char *name, const unsigned char id[KH_KMS_WRAP_ID], char out[KH_NAME_MAX + 1]);
/* Is WRAP the name of an AES key of the Hadoop key NAME? */
bool kh_kms_wrap_fits(const char *wrap, const char *name);

#endif
