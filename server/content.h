/* The body of PUT and POST: JSON with base64 `data`, or raw bytes. */
#ifndef KH_SERVER_CONTENT_H
#define KH_SERVER_CONTENT_H

#include "server/app.h"

/*
 * Fills DEPOSIT's name, created (now, unless a copy says when), state, attributes and
 * data from REQUEST. False: the request has been answered (400, 413, 415, 503). The
 * caller frees DEPOSIT either way.
 */
bool kh_content_take(
    struct kh_app *app, struct kh_request *request, struct kh_deposit *deposit);

#endif
