#include "server/auth_failure.h"

#include "server/meter.h"

static const char *const words[KH_AUTH_FAILURES] = {
    [KH_AUTH_FAILURE_NOTHING] = "nothing_shown",
    [KH_AUTH_FAILURE_TICKET] = "ticket_bad",
    [KH_AUTH_FAILURE_EXPIRED] = "ticket_expired",
    [KH_AUTH_FAILURE_REPLAYED] = "ticket_replayed",
    [KH_AUTH_FAILURE_SKEW] = "clock_skew",
    [KH_AUTH_FAILURE_SERVICE] = "other_service",
    [KH_AUTH_FAILURE_REALM] = "foreign_realm",
    [KH_AUTH_FAILURE_UNLISTED] = "not_listed",
    [KH_AUTH_FAILURE_COOKIE] = "cookie_bad",
    [KH_AUTH_FAILURE_COOKIE_EXPIRED] = "cookie_expired",
    [KH_AUTH_FAILURE_TOKEN] = "token_bad",
    [KH_AUTH_FAILURE_NAME] = "name_bad",
    [KH_AUTH_FAILURE_PROXY] = "not_proxy",
};

const char *kh_auth_failure_word(kh_auth_failure why)
{
    return words[why];
}

void kh_auth_failure_meters(
    struct kh_metrics *metrics, struct kh_meter *meters[KH_AUTH_FAILURES])
{
    for (int i = 0; i < KH_AUTH_FAILURES; i++) {
        const struct kh_series series = {.name = "keyhsm_auth_failures_total",
            .help = "Callers that were not let in, by reason.",
            .label = "reason",
            .value = words[i]};

        meters[i] = kh_metrics_counter_of(metrics, &series);
    }
}
