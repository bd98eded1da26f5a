#include "plugins/keyhsm/curl.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A connection that rests for longer than that is not used again: keyhsmd may be closing
 * it right now (its idle_timeout is 60s by default). */
enum { IDLE_SECONDS = 45 };

/* libcurl's own buffers pass plaintext: they are wiped when they are freed. */
static void wiping_free(void *memory)
{
    if (!memory)
        return;
    explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

static void *wiping_realloc(void *old, size_t size)
{
    void *fresh = malloc(size);

    if (fresh && old) {
        size_t had = malloc_usable_size(old);

        memcpy(fresh, old, had < size ? had : size);
        wiping_free(old);
    }
    return fresh;
}

static bool started;

static void start(void)
{
    started = SSL_get_ex_data_X509_STORE_CTX_idx() >= 0 &&
              curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free,
                  wiping_realloc, strdup, calloc) == CURLE_OK;
}

bool kh_curl_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, start);
    return started;
}

/* A pinned certificate needs no authorities, and what it says of its name is not asked.
 */
static bool set_trust(CURL *c, const struct kh_http_shared *shared)
{
    const struct kh_remote_settings *s = shared->settings;
    bool system = !shared->pinned && !s->ca_file;

    return curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, shared->pinned ? 0L : 2L) ==
               CURLE_OK &&
           (system || (curl_easy_setopt(c, CURLOPT_CAINFO,
                           shared->pinned ? NULL : s->ca_file) == CURLE_OK &&
                          curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK)) &&
           (!s->crl_file ||
               curl_easy_setopt(c, CURLOPT_CRLFILE, s->crl_file) == CURLE_OK) &&
           /* Authorities and certificate are looked at in every handshake. */
           curl_easy_setopt(c, CURLOPT_CA_CACHE_TIMEOUT, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK;
}

static bool set_place(CURL *c, const struct kh_remote_settings *s)
{
    return !s->socket ||
           curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, s->socket) == CURLE_OK;
}

static bool set_limits(CURL *c, const struct kh_remote_settings *s)
{
    return curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, s->connect_ms) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, s->request_ms) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, (long)IDLE_SECONDS) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_MAXCONNECTS, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
}

static bool set_http(CURL *c)
{
    return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
               CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
               CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "keyhsm") == CURLE_OK;
}

/* Sent with each request: keyhsmd remembers nothing of a connection. */
static bool set_ticket(CURL *c, const struct kh_remote_settings *s)
{
    return !s->negotiate ||
           (curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_NEGOTIATE) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_USERPWD, ":") == CURLE_OK);
}

CURL *kh_curl_new(
    const struct kh_http_shared *shared, curl_ssl_ctx_callback use_tls, void *arg)
{
    CURL *c = kh_curl_start() ? curl_easy_init() : NULL;

    /* The callback is an option of OpenSSL builds only: any other libcurl fails here. */
    if (c && set_http(c) && set_trust(c, shared) && set_limits(c, shared->settings) &&
        set_ticket(c, shared->settings) && set_place(c, shared->settings) &&
        curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, use_tls) == CURLE_OK &&
        curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, arg) == CURLE_OK)
        return c;
    curl_easy_cleanup(c);
    return NULL;
}
