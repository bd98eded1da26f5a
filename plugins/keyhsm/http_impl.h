/* Inside of one connection: shared by http.c, answer.c and judge.c only. */
#ifndef KH_REMOTE_HTTP_IMPL_H
#define KH_REMOTE_HTTP_IMPL_H

#include "plugins/keyhsm/curl.h"

/* KH_DATA_LIMIT in base64 and every attribute in escapes. */
#define KH_ANSWER_MAX (4 << 20)

struct kh_http {
    const struct kh_http_shared *shared;
    CURL *curl;
    char text[CURL_ERROR_SIZE];
    struct kh_exchange *exchange; /* under way */
    bool sent;
    int alert;           /* the TLS alert that keyhsmd sent; 0: none */
    struct kh_error err; /* why a callback ended it */
};

static inline const struct kh_host *kh_http_host(const struct kh_http *http)
{
    return http->shared->settings->host;
}

/* answer.c: libcurl's callbacks; ARG is the struct kh_http. */
size_t kh_http_take_answer(char *data, size_t one, size_t len, void *arg);
size_t kh_http_take_header(char *line, size_t one, size_t len, void *arg);

/* judge.c: why the transfer ended with CODE, which is not CURLE_OK, as one line and a
 * status; and the exchange's fate. */
KH_CHECK kh_status kh_http_judge(
    struct kh_http *http, CURLcode code, struct kh_error *err);

#endif
