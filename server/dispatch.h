/* Between the HTTP engine and the handlers: routing, the worker pool, metrics, the access
 * log. */
#ifndef KH_SERVER_DISPATCH_H
#define KH_SERVER_DISPATCH_H

#include "server/app.h"

/* The events for kh_http_new. APP must outlive the engine. */
struct kh_http_events kh_dispatch_events(struct kh_app *app);

/* Answers what workers have finished. Call when kh_pool_fd is readable. */
void kh_dispatch_collect(struct kh_app *app);

#endif
