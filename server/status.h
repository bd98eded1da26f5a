/*
 * GET /v1/status: the state of a daemon and of what stands behind it, as JSON
 * (docs/api.md), for the status page and for tools. It has no secret. Names of deposits
 * are in it only where its reader may list them.
 */
#ifndef KH_SERVER_STATUS_H
#define KH_SERVER_STATUS_H

#include "server/app.h"

#include <jansson.h>

/* The handler. On a worker: it may wait for the backend. */
void kh_status_handler(struct kh_app *app, struct kh_request *request);

#endif
