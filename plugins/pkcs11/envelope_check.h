/*
 * The one form of CMS that this plugin seals and opens, checked before libcrypto sees it.
 *
 * libcrypto reads more than we write: short tags, other ciphers, several recipients,
 * unauthenticated attributes. None of that is ours, so all of it is refused here.
 */
#ifndef KH_PKCS11_ENVELOPE_CHECK_H
#define KH_PKCS11_ENVELOPE_CHECK_H

#include "provider/provider.h"

/* No envelope is larger: a record of KH_DATA_LIMIT bytes in base64, attributes, and room.
 */
#define KH_ENVELOPE_MAX (2U * 1024 * 1024)

/*
 * KH_OK when DER is one CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM, a 12-byte
 * nonce and a 16-byte tag (RFC 5084), no attributes, and exactly one recipient: KEY,
 * named by subject key identifier, by ECDH (RFC 5753) or RSA-OAEP (RFC 3560) as its type
 * wants. *CONTENT_LEN gets the number of encrypted bytes. Else KH_CORRUPT. Thread safe.
 */
KH_CHECK kh_status kh_envelope_check(const unsigned char *der, size_t der_len,
    const struct kh_token_key *key, size_t *content_len, struct kh_error *err);

#endif
