/* The parts of GET /v1/status. For server/status*.c only. All give a new reference, or
 * NULL without memory. */
#ifndef KH_SERVER_STATUS_JSON_H
#define KH_SERVER_STATUS_JSON_H

#include "server/app.h"
#include "server/history.h"
#include "server/survey.h"

#include <jansson.h>

/* A string that need not be UTF-8; null for "". */
json_t *kh_status_text(const char *text);
/* RFC 3339; null for 0. */
json_t *kh_status_time(int64_t seconds);

/* The links of the chain from the caller to the token, in order. */
json_t *kh_status_links(struct kh_app *app, const struct kh_survey_view *view);
/* {"state":"ok"|"warning"|"failed"|"unknown","text","notes":[]}: all of it, and
 * what else is worth knowing. CERTIFICATES is kh_certs_json's; NULL is fine. */
json_t *kh_status_summary(
    struct kh_app *app, const struct kh_survey_view *view, const json_t *certificates);
json_t *kh_status_backend(struct kh_app *app, const struct kh_survey_view *view);
json_t *kh_status_deposits(const struct kh_survey_view *view);
json_t *kh_status_token(struct kh_app *app, const struct kh_survey_view *view);
json_t *kh_status_requests(struct kh_history *history);
/* The last entries of the audit log, newest first, with the names that the caller of
 * REQUEST may list; null where there is no log. */
json_t *kh_status_audit(struct kh_app *app, const struct kh_request *request);

/* True when the deposits' keys are in hardware. */
bool kh_status_hardware(struct kh_app *app);

#endif
