/* Named keys (docs/keys.md): made on the device, used there, never read. One handler a
 * route and method group. Workers run them. */
#ifndef KH_SERVER_KEYS_H
#define KH_SERVER_KEYS_H

#include "server/app.h"

#include <jansson.h>

/* Bytes of a body: KH_KEY_INPUT_MAX in base64, with room for the other members. */
#define KH_KEY_BODY_MAX 16384

/* ---- keys.c ---- */

void kh_key_all(struct kh_app *app, struct kh_request *request);    /* GET HEAD POST */
void kh_key_one(struct kh_app *app, struct kh_request *request);    /* GET HEAD DELETE */
void kh_key_public(struct kh_app *app, struct kh_request *request); /* PEM */
void kh_key_undelete(struct kh_app *app, struct kh_request *request);
void kh_key_purge(struct kh_app *app, struct kh_request *request);

/* ---- keys_list.c: a part of kh_key_all ---- */

void kh_key_list(struct kh_app *app, struct kh_request *request);

/* ---- keys_use.c ---- */

void kh_key_sign(struct kh_app *app, struct kh_request *request);
void kh_key_decrypt(struct kh_app *app, struct kh_request *request);
void kh_key_derive(struct kh_app *app, struct kh_request *request);
void kh_key_wrap(struct kh_app *app, struct kh_request *request);
void kh_key_unwrap(struct kh_app *app, struct kh_request *request);

/* ---- keys_json.c ---- */

/* The body of REQUEST, one object with no member but those of NAMES (NULL-terminated).
 * NULL: REQUEST is answered (400, 413, 415, 503). The caller's. It may be secret:
 * jansson's memory is. */
json_t *kh_key_body(struct kh_request *request, const char *const *names);

/* Name, kind and purposes of a key that is to be made, from BODY. KH_INVALID says which
 * member is wrong. */
KH_CHECK kh_status kh_key_wish(
    const json_t *body, struct kh_named_key *key, struct kh_error *err);

/* All of USE but its input from BODY. USE->scheme is what the path implies, 0: BODY must
 * say it; PURPOSE is what a scheme of the path needs. KH_INVALID as above. */
KH_CHECK kh_status kh_key_use_parse(
    const json_t *body, uint32_t purpose, struct kh_key_use *use, struct kh_error *err);

/* The key as the API shows it; NULL: no memory. */
json_t *kh_key_json(const struct kh_named_key *key);

/* DATA in base64; NULL: no memory. */
json_t *kh_key_bytes(const unsigned char *data, size_t len);

#endif
