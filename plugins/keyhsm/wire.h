/*
 * keyhsmd's JSON (docs/api.md, RFC 8259) to and from the types of the ABI. What does not
 * look as that document says is KH_UNAVAILABLE: the peer is not a keyhsmd of this kind.
 * No message quotes a body. Thread safe.
 */
#ifndef KH_REMOTE_WIRE_H
#define KH_REMOTE_WIRE_H

#include "plugins/keyhsm/http.h"

#include <jansson.h>

/* ---- wire_deposit.c: bodies that hold a secret ---- */

/* {"created","state","attributes","data"} into OUT, secret memory that the caller frees.
 * KH_INVALID: a creation time before the year 1000 or after 9999 cannot be written. */
KH_CHECK kh_status kh_wire_body(const struct kh_host *host,
    const struct kh_deposit *deposit, struct kh_buf *out, struct kh_error *err);
/* {"name","version","state","created","attributes","data"} into OUT, zeroed by the
 * caller; OUT->name is not touched. OUT is to be freed even on failure. */
KH_CHECK kh_status kh_wire_deposit(const struct kh_host *host, const struct kh_buf *body,
    struct kh_deposit *out, struct kh_error *err);

/* A string of base64 into DATA, secret memory that the caller frees even on failure. */
KH_CHECK kh_status kh_wire_data(const struct kh_host *host, const json_t *value,
    struct kh_buf *data, struct kh_error *err);

/* ---- wire_key.c: named keys ---- */

/* {"name","kind","purposes"} and {"scheme","hash","mgf_hash","salt_len","input"} into
 * OUT, secret memory that the caller frees. KH_INVALID: words that there are not. */
KH_CHECK kh_status kh_wire_key_wish(const struct kh_host *host,
    const struct kh_named_key *key, struct kh_buf *out, struct kh_error *err);
KH_CHECK kh_status kh_wire_key_use(const struct kh_host *host,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err);
/* One key, and up to *COUNT of them; on failure OUT is as it was, KEYS may not be. */
KH_CHECK kh_status kh_wire_key(const struct kh_host *host, const struct kh_buf *body,
    struct kh_named_key *out, struct kh_error *err);
KH_CHECK kh_status kh_wire_keys(const struct kh_host *host, const struct kh_buf *body,
    struct kh_named_key *keys, size_t *count, struct kh_error *err);
/* {"output"} into OUT, secret memory that the caller frees. */
KH_CHECK kh_status kh_wire_output(const struct kh_host *host, const struct kh_buf *body,
    struct kh_buf *out, struct kh_error *err);

/* ---- wire.c: the rest ---- */

/* The status that a refusal stands for, with keyhsmd's own words; an answer without such
 * a body is described by its HTTP status. Never KH_OK. */
KH_CHECK kh_status kh_wire_refusal(
    const struct kh_exchange *exchange, const char *server, struct kh_error *err);

/* The facts as keyhsmd tells them, and its backend's name and capabilities. */
struct kh_wire_backend {
    char name[64];
    uint32_t capabilities;
    struct kh_info info;
};
KH_CHECK kh_status kh_wire_info(
    const struct kh_buf *body, struct kh_wire_backend *out, struct kh_error *err);

KH_CHECK kh_status kh_wire_usage(
    const struct kh_buf *body, struct kh_usage *out, struct kh_error *err);

/* OUT->name is not touched. */
KH_CHECK kh_status kh_wire_stat(
    const struct kh_buf *body, struct kh_stat *out, struct kh_error *err);
KH_CHECK kh_status kh_wire_fingerprint(const struct kh_buf *body,
    unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err);
/* Up to MAX items, zeroed by the caller; more than that is KH_UNAVAILABLE. */
KH_CHECK kh_status kh_wire_items(const struct kh_buf *body, struct kh_item *items,
    size_t max, size_t *count, struct kh_error *err);

#endif
