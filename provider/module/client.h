/*
 * The daemons, keyhsmd or keytrusteed, as the provider's operations see them: blocking
 * calls on a few connections that are kept open. The code is that of the backend
 * `keyhsm` (plugins/keyhsm); it runs in the module's own library context.
 *
 * All of it is thread safe, and good after a fork: the child makes connections of its
 * own, and leaves those of its parent alone. Files of the configuration are read at the
 * first call, not before. Nothing stays on OpenSSL's error queue: who calls puts ERR
 * there with kh_module_raise, when it is an error to him.
 */
#ifndef KH_MODULE_CLIENT_H
#define KH_MODULE_CLIENT_H

#include <keyhsm/key.h>

#include "provider/module/module.h"

struct kh_client;

/* Reads the configuration through GET; connects to nothing. NULL: out of memory. A
 * configuration that is wrong makes a client whose calls say so (KH_INVALID). */
struct kh_client *kh_client_new(
    const struct kh_module *module, OSSL_FUNC_core_get_params_fn *get);
/* No call is under way. NULL is fine. */
void kh_client_free(struct kh_client *client);

/* False: the configuration is wrong, or there is none. */
bool kh_client_usable(const struct kh_client *client);

/*
 * Common to the calls below: KH_NOT_FOUND, KH_REFUSED (no right, no such purpose),
 * KH_BUSY and KH_CORRUPT are the daemon's word, KH_INVALID its word or the
 * configuration's, KH_UNAVAILABLE that there was no answer: one second to connect, then
 * the configured timeout. NAME is any text of at most KH_NAME_MAX bytes. A connection
 * that turns out to be dead (the daemon was restarted) is made again, once.
 */

/* The bytes of a deposit, at most KH_DATA_LIMIT, into *OUT, zeroed by the caller: secret
 * memory, to be freed with kh_client_buf_free. VERSION may be KH_LATEST. */
KH_CHECK kh_status kh_client_get(struct kh_client *client, const char *name,
    uint32_t version, struct kh_buf *out, struct kh_error *err);

/* Facts of a named key that is not deleted. A daemon, or a backend, that has no named
 * keys has none of this name: KH_NOT_FOUND. */
KH_CHECK kh_status kh_client_key_stat(struct kh_client *client, const char *name,
    struct kh_named_key *out, struct kh_error *err);

/* One use of a named key; the result in *OUT as above. USE->input_len is at most
 * KH_KEY_INPUT_MAX, else KH_INVALID. Sent twice when a connection was lost: a signature
 * more does no harm. */
KH_CHECK kh_status kh_client_key_use(struct kh_client *client, const char *name,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err);

/* Wipes and frees it; an all-zero one is fine. */
void kh_client_buf_free(struct kh_buf *buf);

#endif
