/* The daemon's JSON (RFC 8259), between what a command holds and what goes over the wire.
 */
#ifndef KH_KTADMIN_WIRE_H
#define KH_KTADMIN_WIRE_H

#include "programs/ktadmin/http.h"
#include "programs/ktadmin/target.h"

#include <jansson.h>

/* {"data":"<base64>","attributes":{...}} in secret memory. */
KH_CHECK kh_status kh_wire_body(
    const struct kh_deposit *deposit, struct kh_buf *out, struct kh_error *err);

/* The status that a refusal stands for, and its message as the daemon worded it; an
 * answer without such a body is described by its HTTP status. Never KH_OK. */
KH_CHECK kh_status kh_wire_refusal(
    const struct kh_http_response *response, struct kh_error *err);

/* {"name","version","created"}: version and created into DEPOSIT. */
KH_CHECK kh_status kh_wire_stored(
    const struct kh_buf *body, struct kh_deposit *deposit, struct kh_error *err);
/* {"name","version","state","created","attributes","data"} into DEPOSIT. */
KH_CHECK kh_status kh_wire_deposit(
    const struct kh_buf *body, struct kh_deposit *deposit, struct kh_error *err);
/* The headers and raw body of an answer of type application/octet-stream; takes the body
 * over. */
KH_CHECK kh_status kh_wire_raw(
    struct kh_http_response *response, struct kh_deposit *deposit, struct kh_error *err);
/* {"name","versions":[...]}: FN for each. */
KH_CHECK kh_status kh_wire_versions(
    const struct kh_buf *body, kh_version_fn fn, void *arg, struct kh_error *err);
/* {"deposits":[...],"next"}: FN for each; NEXT gets the name to go on after, or "". */
KH_CHECK kh_status kh_wire_list(const struct kh_buf *body, kh_entry_fn fn, void *arg,
    char next[KH_NAME_MAX + 1], struct kh_error *err);

/* ---- wire_key.c: named keys ---- */

/* {"name","kind","purposes"}; {"scheme","hash","mgf_hash","salt_len","input"}. */
KH_CHECK kh_status kh_wire_key_wish(
    const struct kh_named_key *key, struct kh_buf *out, struct kh_error *err);
KH_CHECK kh_status kh_wire_key_use(
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err);
/* One key; {"keys":[...],"next"}: FN for each; {"output"}. */
KH_CHECK kh_status kh_wire_key(
    const struct kh_buf *body, struct kh_named_key *key, struct kh_error *err);
KH_CHECK kh_status kh_wire_keys(const struct kh_buf *body, kh_key_fn fn, void *arg,
    char next[KH_NAME_MAX + 1], struct kh_error *err);
KH_CHECK kh_status kh_wire_output(
    const struct kh_buf *body, struct kh_buf *out, struct kh_error *err);

/* ---- for wire.c and wire_key.c: members; false: missing, or not as it must be ---- */

void kh_wire_drop(json_t **json);
#define KH_CLEANUP_WIRE __attribute__((cleanup(kh_wire_drop)))
/* One object; NULL with ERR filled. The caller's. */
json_t *kh_wire_parse(const struct kh_buf *body, struct kh_error *err);
/* KH_UNAVAILABLE: WHAT of the answer is not as the API promises. */
KH_CHECK kh_status kh_wire_strange(struct kh_error *err, const char *what);
bool kh_wire_created(const json_t *object, int64_t *created);
bool kh_wire_state(const json_t *object, kh_state *state);
bool kh_wire_name(const json_t *value, char out[KH_NAME_MAX + 1]);

#endif
