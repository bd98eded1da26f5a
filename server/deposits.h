/* The deposit API (docs/api.md): one handler a route and method group. Workers run them.
 */
#ifndef KH_SERVER_DEPOSITS_H
#define KH_SERVER_DEPOSITS_H

#include "server/app.h"

#include <jansson.h>

/* PUT GET HEAD DELETE; with KH_ROUTE_COPIES also what peer.h is for. */
void kh_deposit_one(struct kh_app *app, struct kh_request *request);
void kh_deposit_versions(
    struct kh_app *app, struct kh_request *request); /* GET HEAD POST */
void kh_deposit_undelete(struct kh_app *app, struct kh_request *request);
void kh_deposit_purge(struct kh_app *app, struct kh_request *request);
void kh_deposit_list(struct kh_app *app, struct kh_request *request);

/* deposits_read.c, deposits_list.c: the parts of the above. */
void kh_deposit_get(struct kh_app *app, struct kh_request *request);
void kh_deposit_history(struct kh_app *app, struct kh_request *request);

/* "active" or "deleted". */
const char *kh_state_name(kh_state state);
/* RFC 3339, or null for 0 (not known without opening the deposit). */
json_t *kh_created_json(int64_t created);

#endif
