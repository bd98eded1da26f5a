/* Answers: the error object of the API, JSON, and the status that goes with each outcome.
 */
#ifndef KH_SERVER_REPLY_H
#define KH_SERVER_REPLY_H

#include "server/http.h"

#include <jansson.h>

/*
 * {"error":{"code","message","deposit"}}; DEPOSIT may be NULL or "". Replaces what
 * RESPONSE held. When there is no memory for the body the status goes out alone.
 */
void kh_response_error(struct kh_response *response, int status, const char *code,
    const char *message, const char *deposit);

/* An error of STATUS in the form that REQUEST's route has: kh_response_error, or
 * kh_hadoop_error (hadoop.h). Does not touch REQUEST. */
void kh_response_refuse(struct kh_response *response, const struct kh_request *request,
    int status, const char *code, const char *message);

/* STATUS with BODY (borrowed) as application/json. False: no memory, the status goes out
 * alone. */
bool kh_response_json(struct kh_response *response, int status, const json_t *body);

/* The error of a backend: status and code from ST, the message from ERR. 503 gets
 * Retry-After. A KH_FATAL marks the request, so that the daemon ends. */
void kh_reply_status(
    struct kh_request *request, kh_status st, const struct kh_error *err);

/* As before the first answer; what it held is wiped. */
void kh_response_clear(struct kh_response *response);

/* The HTTP status that stands for ST. */
int kh_http_status(kh_status st);
/* "not_found", "exists", ... */
const char *kh_status_code(kh_status st);

/* STATUS with BODY, whose reference is taken; NULL (no memory) gives 503. */
void kh_reply_json(struct kh_request *request, int status, json_t *body);

/* 429 or 503 with Retry-After. */
void kh_reply_later(
    struct kh_request *request, int status, const char *message, unsigned seconds);

/* Adds a header of any length; NAME must be static. Beyond KH_RESPONSE_HEADERS it aborts:
 * a programming error. */
void kh_response_header(struct kh_response *response, const char *name,
    const char *format, ...) KH_PRINTF(3, 4);

#endif
