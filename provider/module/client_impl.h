/* Inside of the client: shared by client.c, client_key.c and client_wire.c only. */
#ifndef KH_MODULE_CLIENT_IMPL_H
#define KH_MODULE_CLIENT_IMPL_H

#include "provider/module/client.h"

#include "plugins/keyhsm/remote.h"

/* ---- client.c ---- */

/* One request, in the module's library context; kh_remote_call otherwise. EXCHANGE is to
 * be freed with kh_exchange_free(kh_module_host(), ...) either way. */
KH_CHECK kh_status kh_client_call(
    struct kh_client *client, struct kh_exchange *exchange, struct kh_error *err);

/* ---- client_wire.c: JSON without a copy of a secret in ordinary memory ---- */

/* The body of one use of a key, in secret memory that the caller frees. KH_INVALID: what
 * no daemon takes. */
KH_CHECK kh_status kh_client_use_body(
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err);
/* {"output":BASE64} into OUT, zeroed by the caller. KH_UNAVAILABLE: it is not that. */
KH_CHECK kh_status kh_client_output(
    const struct kh_buf *body, struct kh_buf *out, struct kh_error *err);
/* A key object into OUT. KH_UNAVAILABLE as above; KH_INVALID: a kind that is not known
 * here. */
KH_CHECK kh_status kh_client_key_object(
    const struct kh_buf *body, struct kh_named_key *out, struct kh_error *err);

#endif
