/* The daemon's JSON (RFC 8259), between what a command holds and what goes over the wire.
 */
#ifndef KH_KTADMIN_WIRE_H
#define KH_KTADMIN_WIRE_H

#include "programs/ktadmin/http.h"
#include "programs/ktadmin/target.h"

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

#endif
