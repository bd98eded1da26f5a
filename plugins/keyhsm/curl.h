/* libcurl's start in this process, and the options that never change. */
#ifndef KH_REMOTE_CURL_H
#define KH_REMOTE_CURL_H

#include "plugins/keyhsm/http.h"

#include <curl/curl.h>

/* A new handle with all that is the same for every request; NULL: libcurl could not be
 * set up. ARG is given to USE_TLS, which gets each new SSL_CTX. Thread safe. */
CURL *kh_curl_new(
    const struct kh_http_shared *shared, curl_ssl_ctx_callback use_tls, void *arg);

#endif
