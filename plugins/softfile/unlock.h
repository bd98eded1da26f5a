/* The way from an envelope to its content key. */
#ifndef KH_SOFTFILE_UNLOCK_H
#define KH_SOFTFILE_UNLOCK_H

#include "plugins/softfile/keys.h"

#include <openssl/cms.h>

/* Opens the content key that CMS holds for KEYS; with the certificate the one right
 * recipient is opened and no other is tried. False, with libcrypto's reasons in its
 * queue: there is none, or it does not open. Thread safe for different CMS. */
bool kh_soft_unlock(const struct kh_soft_keys *keys, CMS_ContentInfo *cms);

/* Is any of the recipients of CMS the owner of KEYS? */
bool kh_soft_is_for_us(const struct kh_soft_keys *keys, CMS_ContentInfo *cms);

#endif
