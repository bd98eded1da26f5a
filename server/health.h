/* GET /healthz, /readyz and /test_hsm. */
#ifndef KH_SERVER_HEALTH_H
#define KH_SERVER_HEALTH_H

#include "server/app.h"

/* The process answers. Inline. */
void kh_healthz(struct kh_app *app, struct kh_request *request);
/* The backend is usable now (a real operation on the device); 503 while draining. */
void kh_readyz(struct kh_app *app, struct kh_request *request);
/* See hello.h. 429 when called too often. */
void kh_test_hsm(struct kh_app *app, struct kh_request *request);

#endif
