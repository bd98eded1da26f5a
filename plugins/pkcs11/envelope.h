/*
 * The sealed form of a record: CMS AuthEnvelopedData, AES-256-GCM, one recipient (DESIGN
 * 6; RFC 5083, 5084, 5753). Knows CMS and EVP, not PKCS#11.
 */
#ifndef KH_PKCS11_ENVELOPE_H
#define KH_PKCS11_ENVELOPE_H

#include "provider/provider.h"
#include <keyhsm/plugin.h>

struct kh_envelopes; /* seals and opens, for one token */
struct kh_recipient; /* a public half and its key id, ready for sealing */

KH_CHECK kh_status kh_envelopes_new(struct kh_envelopes **out, const struct kh_host *host,
    struct kh_provider *provider, struct kh_error *err);
void kh_envelopes_free(struct kh_envelopes *envelopes);

/*
 * A recipient from a SubjectPublicKeyInfo (DER, RFC 5280 4.1.2.7). PROFILE is
 * "ecdh-p256", "rsa-oaep-sha256" or "rsa-oaep-sha1". May be used by many threads at once
 * until it is freed.
 */
KH_CHECK kh_status kh_recipient_new(struct kh_recipient **out,
    struct kh_envelopes *envelopes, const struct kh_key_id *id, const char *profile,
    const unsigned char *spki, size_t spki_len, struct kh_error *err);
void kh_recipient_free(struct kh_recipient *recipient);

/* Seals RECORD. *DER is malloc'd. The content key and IV are fresh. Thread safe. */
KH_CHECK kh_status kh_envelope_seal(struct kh_envelopes *envelopes,
    const struct kh_recipient *recipient, const struct kh_buf *record,
    unsigned char **der, size_t *der_len, struct kh_error *err);

/* Opens with the private key KEY on the token. KH_CORRUPT when the envelope is malformed,
 * is for another key, or does not authenticate; the token's own status when the token
 * failed. Thread safe. */
KH_CHECK kh_status kh_envelope_open(struct kh_envelopes *envelopes,
    const struct kh_token_key *key, const unsigned char *der, size_t der_len,
    struct kh_buf *record, struct kh_error *err);

#endif
