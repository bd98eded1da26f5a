/* Why there was no answer, in words, and what became of the request. */
#include "plugins/keyhsm/http_impl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool our_certificate_is_refused(int alert)
{
    return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
           alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_ACCESS_DENIED ||
           alert == SSL_AD_CERTIFICATE_REQUIRED;
}

/* A connection that was new, and ended without a word. */
static bool ended_at_once(const struct kh_http *http, CURLcode code)
{
    long connects = 0;

    return http->exchange->fate == KH_LOST && http->exchange->answer.len == 0 &&
           code != CURLE_ABORTED_BY_CALLBACK &&
           curl_easy_getinfo(http->curl, CURLINFO_NUM_CONNECTS, &connects) == CURLE_OK &&
           connects > 0;
}

/* Why keyhsmd hung up, when it did. The alert that says so is lost where writing fails
 * first: then it can only be guessed. */
static kh_status judge_trust(struct kh_http *http, CURLcode code, struct kh_error *err)
{
    const char *server = http->shared->server;
    const char *certificate = http->shared->settings->client_certificate;

    if (our_certificate_is_refused(http->alert)) {
        http->exchange->fate = KH_NOT_SENT; /* it was not let in */
        return kh_fail(err, KH_UNAVAILABLE,
            "%s refuses the certificate in %.120s (%s). To let it in, on keyhsmd's host: "
            "keyhsm trust FILE",
            server, certificate, SSL_alert_desc_string_long(http->alert));
    }
    if (ended_at_once(http, code))
        return kh_fail(err, KH_UNAVAILABLE,
            "%s: the connection ended at once: %.150s. If the certificate in %.120s is "
            "not "
            "trusted there: keyhsm trust FILE",
            server, *http->text ? http->text : curl_easy_strerror(code), certificate);
    return KH_OK;
}

/* What happened, as one line and a status. */
kh_status kh_http_judge(struct kh_http *http, CURLcode code, struct kh_error *err)
{
    const char *server = http->shared->server;
    const char *socket = http->shared->settings->socket;
    kh_status st;

    http->exchange->fate = http->sent ? KH_LOST : KH_NOT_SENT;
    if (http->sent && code == CURLE_OPERATION_TIMEDOUT)
        http->exchange->fate = KH_LATE;
    if (http->err.status == KH_REFUSED) /* names the server itself */
        return kh_fail(err, KH_REFUSED, "%s", http->err.message);
    if (http->err.status != KH_OK)
        return kh_fail(err, http->err.status, "%s: %s", server, http->err.message);
    if (code == CURLE_FILESIZE_EXCEEDED)
        return kh_fail(err, KH_UNAVAILABLE, "%s: the answer is larger than %d bytes",
            server, KH_ANSWER_MAX);
    st = judge_trust(http, code, err);
    if (st != KH_OK)
        return st;
    if (socket && code == CURLE_COULDNT_CONNECT) /* libcurl names a port in its text */
        return kh_fail(err, KH_UNAVAILABLE, "unix:%s: %s", socket,
            access(socket, F_OK) == 0 ? curl_easy_strerror(code) : strerror(errno));
    return kh_fail(err, KH_UNAVAILABLE, "%s: %s", server,
        *http->text ? http->text : curl_easy_strerror(code));
}
