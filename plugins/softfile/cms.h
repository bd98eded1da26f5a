/*
 * Envelopes of a legacy store: CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC
 * 5084), one recipient, named by subject key identifier: the store's own certificate. EC:
 * RFC 5753 dhSinglePass-stdDH-sha256kdf; RSA: RSAES-OAEP with SHA-256 (RFC 4055). DER.
 */
#ifndef KH_SOFTFILE_CMS_H
#define KH_SOFTFILE_CMS_H

#include "plugins/softfile/files.h"
#include "plugins/softfile/keys.h"

/* Seals RECORD. Thread safe. KH_FATAL when libcrypto fails. */
KH_CHECK kh_status kh_soft_cms_seal(const struct kh_soft_keys *keys,
    const struct kh_buf *record, struct kh_soft_bytes *out, struct kh_error *err);

/* Opens DER into secret memory. Thread safe. KH_CORRUPT, and NOTE says why: torn,
 * trailing bytes, not an authenticated envelope, another store's, changed. KH_FATAL: out
 * of secret memory. */
KH_CHECK kh_status kh_soft_cms_open(const struct kh_soft_keys *keys,
    const struct kh_soft_bytes *der, struct kh_buf *record, char note[KH_SOFT_NOTE_SIZE]);

/* True when the LEN bytes at HEAD begin a DER SEQUENCE (definite length) that is TOTAL
 * bytes long: what can be known of an envelope without opening it. */
bool kh_soft_cms_whole(const unsigned char *head, size_t len, uint64_t total);

#endif
