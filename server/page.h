/*
 * The status page: one HTML document without anything from elsewhere, the same for both
 * daemons. It asks for GET /v1/status (status.h) every few seconds and shows what comes.
 * Its parts are in server/page; the build puts them into one (cmake/EmbedPage.cmake) and
 * works out the hashes that its Content-Security-Policy names.
 */
#ifndef KH_SERVER_PAGE_H
#define KH_SERVER_PAGE_H

#include "server/app.h"

/* GET / without a query: the page; 400 with any query. The right to see it, KH_OP_STATUS,
 * is the route's to ask for. Thread safe. */
void kh_page(struct kh_app *app, struct kh_request *request);

/* REQUEST was refused. To a browser that wants to see the status (401, 403) the body of
 * the answer becomes a page that says so in words; other answers, and this one without
 * memory, stay as they are. Thread safe. */
void kh_page_refuse(struct kh_request *request);

#endif
