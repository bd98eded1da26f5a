/*
 * What the backend `keyhsm` of another host asks of keyhsmd beyond the deposit API
 * (docs/api.md, "For other hosts"): the methods of include/keyhsm/plugin.h that a person
 * with curl does not need. Workers run the handlers. All of them only read.
 */
#ifndef KH_SERVER_PEER_H
#define KH_SERVER_PEER_H

#include "server/app.h"

/* Facts of the backend; what it stores, counted; whether more versions would fit. */
void kh_peer_backend(struct kh_app *app, struct kh_request *request);
void kh_peer_usage(struct kh_app *app, struct kh_request *request);
void kh_peer_room(struct kh_app *app, struct kh_request *request);
/* May a migration to the backend be committed? */
void kh_peer_backed_up(struct kh_app *app, struct kh_request *request);

/* Every version, damaged ones too, behind a place in the order of name and version. */
void kh_peer_list(struct kh_app *app, struct kh_request *request);
/* POST: bytes of the backend's own generator. */
void kh_peer_random(struct kh_app *app, struct kh_request *request);
/* One version. */
void kh_peer_stat(struct kh_app *app, struct kh_request *request);
void kh_peer_fingerprint(struct kh_app *app, struct kh_request *request);
void kh_peer_attest(struct kh_app *app, struct kh_request *request);

#endif
