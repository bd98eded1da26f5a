/*
 * After a migration the store this daemon serves is sealed: its deposits are behind the
 * HSM. A request that meets the seal is answered 503, with what to do; or, with [server]
 * follow = yes, the daemon reads its configuration again, opens the backend that it names
 * now, and serves the request from there.
 */
#ifndef KH_PROGRAMS_KEYTRUSTEED_MOVED_H
#define KH_PROGRAMS_KEYTRUSTEED_MOVED_H

#include "programs/common/setup.h"
#include "server/app.h"

struct kt_mover;

/* FOLLOW: as [server] follow. WISH is how the configuration was read, and is read again;
 * it must outlive the mover. NULL: no memory. */
struct kt_mover *kt_mover_new(const struct kh_setup_wish *wish, bool follow);

/* For kh_service_options.refused, with the mover as argument. False, and the answer left
 * alone, when the backend is not sealed. Thread safe. */
bool kt_moved(void *mover, struct kh_app *app, struct kh_request *request);

/* Closes what was opened: after the service has ended. NULL is fine. */
void kt_mover_free(struct kt_mover *mover);

#endif
