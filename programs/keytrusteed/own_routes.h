/* The routes that keytrusteed alone has, as its predecessor's clients know them. */
#ifndef KH_PROGRAMS_KEYTRUSTEED_OWN_ROUTES_H
#define KH_PROGRAMS_KEYTRUSTEED_OWN_ROUTES_H

#include "server/app.h"

/* GET /? (with a query). a=fingerprint: one line "2048R/<SHA-256 of the server's
 * certificate>", the size and kind of its key before the slash (R: RSA, E: elliptic
 * curve). Anything else is 400. Inline. */
void kt_root(struct kh_app *app, struct kh_request *request);

/* POST /v1/deposits/{name}/purge (kh_deposit_purge); the AES keys that a Hadoop key has
 * on the token go with it, and first. */
void kt_deposit_purge(struct kh_app *app, struct kh_request *request);

/* GET /test_hsm (kh_test_hsm), when there is an HSM behind: a sample that lands in a file
 * would tell an operator that all is well. Else 503 and what to do. */
void kt_test_hsm(struct kh_app *app, struct kh_request *request);

#endif
