/* libcurl's start in this process, and the options that never change. */
#ifndef KH_REMOTE_CURL_H
#define KH_REMOTE_CURL_H

#include "plugins/keyhsm/http.h"

#include <curl/curl.h>

/*
 * Starts libcurl and libssl in this process, once; false: they cannot be. They register
 * what they hang on OpenSSL's objects in the thread's default library context and keep
 * the number for ever, so this comes before any other context is the default. Thread
 * safe.
 */
bool kh_curl_start(void);

/* A new handle with all that is the same for every request; NULL: libcurl could not be
 * set up. ARG is given to USE_TLS, which gets each new SSL_CTX. Thread safe. */
CURL *kh_curl_new(
    const struct kh_http_shared *shared, curl_ssl_ctx_callback use_tls, void *arg);

#endif
