/* Trust in keyhsmd: meeting it, comparing its certificate with the pin, pinning it. */
#include "core/crypto.h"
#include "core/fileio.h"
#include "programs/ktadmin/http.h"
#include "programs/ktadmin/integrate.h"
#include "programs/ktadmin/pin.h"
#include "server/trust.h"

#include <curl/curl.h>
#include <string.h>

static kh_status answer_is_fine(
    const struct kh_integration *in, struct kh_http *http, struct kh_error *err)
{
    const struct kh_http_request request = {.method = "GET", .path = "/healthz"};
    KH_CLEANUP_RESPONSE struct kh_http_response response = {0};
    kh_status status = kh_http_run(http, &request, &response, err);

    if (status == KH_OK && response.status != 200)
        status = kh_fail(err, KH_UNAVAILABLE,
            "%s answers with HTTP status %ld: it is no keyhsmd, or not well",
            in->args->server, response.status);
    return status;
}

static bool is_about_our_certificate(int alert)
{
    return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
           alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_ACCESS_DENIED ||
           alert == SSL_AD_CERTIFICATE_REQUIRED;
}

static kh_status refuse_other(const struct kh_integration *in, struct kh_error *err)
{
    char subject[256];
    char hex[KH_PEER_HEX];

    kh_cert_fingerprint(in->peer.seen, hex);
    kh_cert_subject(in->peer.seen, subject, sizeof subject);
    return kh_fail(err, KH_REFUSED,
        "%s shows another certificate than the one pinned in %s: pinned is SHA-256 %s, "
        "shown is SHA-256 %s (%s). If it was renewed, and only then: --trust "
        "--replace-pin",
        in->args->server, in->pin, in->peer.wanted, hex, subject);
}

/* Why the meeting failed, with the remedy. */
static kh_status judge(
    const struct kh_integration *in, const struct kh_error *why, struct kh_error *err)
{
    if (kh_peer_differs(&in->peer))
        return refuse_other(in, err);
    if (is_about_our_certificate(in->peer.alert))
        return kh_fail(err, KH_REFUSED,
            "keyhsmd at %s refuses the certificate in %s (%s); let it in there: keyhsm "
            "trust %s",
            in->args->server, in->certfile, SSL_alert_desc_string_long(in->peer.alert),
            in->certfile);
    if (why->status == KH_UNAVAILABLE && !in->peer.seen)
        return kh_fail(err, KH_UNAVAILABLE,
            "%s; is keyhsmd running there? Nothing was changed", why->message);
    return kh_fail(err, why->status, "%s", why->message);
}

static kh_status meet(struct kh_integration *in, struct kh_error *err)
{
    const struct kh_http_options options = {.server = in->args->server,
        .certfile = in->certfile,
        .keyfile = in->keyfile,
        .identity = &in->identity,
        .peer = &in->peer};
    struct kh_error why = {0};
    struct kh_http *http = NULL;
    kh_status status = kh_http_open(&http, &options, &why);

    if (status == KH_OK)
        status = answer_is_fine(in, http, &why);
    kh_http_close(http);
    return status == KH_OK ? KH_OK : judge(in, &why, err);
}

/* The host in the URL, without the brackets of an IPv6 address; "" when there is none. */
static void host_of(const char *server, char *out, size_t size)
{
    CURLU *url = curl_url();
    char *host = NULL;

    *out = '\0';
    if (url && curl_url_set(url, CURLUPART_URL, server, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        bool brackets = *host == '[';

        snprintf(out, size, "%.*s", (int)(strlen(host) - (brackets ? 2U : 0U)),
            host + (brackets ? 1 : 0));
    }
    curl_free(host);
    curl_url_cleanup(url);
}

static void show(const struct kh_integration *in)
{
    char host[256];

    host_of(in->args->server, host, sizeof host);
    kh_integration_say(in->args, "%s shows this certificate:", in->args->server);
    kh_certificate_show(stderr, in->peer.seen, *host ? host : NULL);
}

/* What the pin says: PEER.wanted, unless it is to be replaced. */
static kh_status read_pin(struct kh_integration *in, X509 **pinned, struct kh_error *err)
{
    struct kh_error why = {0};
    kh_status status = kh_pin_read(pinned, in->pin, &why);

    if (status == KH_NOT_FOUND && !in->args->trust)
        return kh_fail(err, KH_INVALID,
            "there is no pin of keyhsmd's certificate yet (%s): give --trust", in->pin);
    if (status == KH_NOT_FOUND || (status == KH_CORRUPT && in->args->replace_pin))
        return KH_OK;
    if (status == KH_CORRUPT)
        return kh_fail(
            err, status, "%s; --trust --replace-pin makes a new pin", why.message);
    if (status != KH_OK)
        return kh_fail(err, status, "%s", why.message);
    if (!in->args->replace_pin)
        kh_cert_fingerprint(*pinned, in->peer.wanted);
    return KH_OK;
}

kh_status kh_integration_trust(struct kh_integration *in, struct kh_error *err)
{
    X509 *pinned = NULL;
    kh_status status = read_pin(in, &pinned, err);

    if (status == KH_OK)
        status = meet(in, err);
    if (status == KH_OK) {
        in->pinned = pinned && X509_cmp(pinned, in->peer.seen) == 0;
        if (in->args->trust)
            show(in);
        status = kh_pin_write(in->scratch_pin, in->peer.seen, err);
    }
    X509_free(pinned);
    return status;
}

kh_status kh_integration_pin(struct kh_integration *in, struct kh_error *err)
{
    kh_status status = KH_OK;

    if (in->pinned)
        return KH_OK;
    status = kh_confdir_make_ssl(in->confdir, err);
    if (status == KH_OK)
        status = kh_pin_write(in->pin, in->peer.seen, err);
    if (status == KH_OK)
        status = kh_confdir_give(in->confdir, in->pin, err);
    if (status == KH_OK) {
        in->pinned = true;
        kh_integration_say(in->args, "pinned: %s", in->pin);
    }
    return status;
}
