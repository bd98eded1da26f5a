#include "server/metrics_parts.h"

#include "server/exposition.h"
#include "server/reply.h"
#include "server/survey.h"

static const char *status_word(int status)
{
    return status == KH_OK ? "ok" : kh_status_code((kh_status)status);
}

static uint64_t total(const struct kh_call_counts *counts)
{
    uint64_t sum = 0;

    for (int i = 0; i <= KH_CALL_BOUNDS; i++)
        sum += atomic_load(&counts->by_duration[i]);
    return sum;
}

/* All of them, from the start: an alert does not see a counter that appears with 1. */
static void print_calls(struct kh_backend *backend, FILE *to)
{
    kh_expose_head(to, "keyhsm_backend_calls_total", "counter",
        "Calls of the backend's methods, by how they ended.");
    for (int call = 0; call < KH_CALLS; call++) {
        const struct kh_call_counts *counts = kh_backend_counts(backend, (kh_call)call);

        for (int st = 0; st < KH_CALL_STATUSES; st++)
            fprintf(to,
                "keyhsm_backend_calls_total{backend=\"%s\",method=\"%s\","
                "status=\"%s\"} %llu\n",
                kh_backend_name(backend), kh_call_name((kh_call)call), status_word(st),
                atomic_load(&counts->by_status[st]));
    }
}

static void print_durations(const char *backend, const char *method,
    const struct kh_call_counts *counts, FILE *to)
{
    static const char name[] = "keyhsm_backend_call_duration_seconds";
    unsigned long long sum = 0;

    for (int i = 0; i < KH_CALL_BOUNDS; i++) {
        sum += atomic_load(&counts->by_duration[i]);
        fprintf(to, "%s_bucket{backend=\"%s\",method=\"%s\",le=\"%g\"} %llu\n", name,
            backend, method, kh_call_bounds[i], sum);
    }
    sum += atomic_load(&counts->by_duration[KH_CALL_BOUNDS]);
    fprintf(to, "%s_bucket{backend=\"%s\",method=\"%s\",le=\"+Inf\"} %llu\n", name,
        backend, method, sum);
    fprintf(to, "%s_sum{backend=\"%s\",method=\"%s\"} %.6f\n", name, backend, method,
        (double)atomic_load(&counts->sum_us) / 1e6);
    fprintf(
        to, "%s_count{backend=\"%s\",method=\"%s\"} %llu\n", name, backend, method, sum);
}

static void print_all_durations(struct kh_backend *backend, FILE *to)
{
    kh_expose_head(to, "keyhsm_backend_call_duration_seconds", "histogram",
        "Time in the backend's methods, the wait for its lock included.");
    for (int call = 0; call < KH_CALLS; call++) {
        const struct kh_call_counts *counts = kh_backend_counts(backend, (kh_call)call);

        if (total(counts) > 0)
            print_durations(
                kh_backend_name(backend), kh_call_name((kh_call)call), counts, to);
    }
}

/* A backend that cannot be asked is down; the rest is still worth having. */
static void print_state(struct kh_backend *backend, FILE *to)
{
    struct kh_info info = {0};
    struct kh_error err = {0};

    kh_expose_gauge(to, "keyhsm_backend_up",
        "1 when the backend answers a real operation: for a token, that it is there.",
        kh_backend_probe(backend, &err) == KH_OK);
    kh_expose_gauge(to, "keyhsm_hsm_used",
        "1 when the backend that is served keeps its keys in hardware.",
        (kh_backend_capabilities(backend) & KH_CAP_HARDWARE) != 0);
    if (kh_backend_info(backend, &info, &err) != KH_OK)
        return;
    kh_expose_gauge(to, "keyhsm_deposit_versions",
        "Deposit versions stored, deleted ones included.", (double)info.versions);
    kh_expose_gauge(
        to, "keyhsm_deposit_keys", "Deposit keys in the hardware.", (double)info.keys);
    kh_expose_gauge(to, "keyhsm_deposit_keys_limit",
        "The ceiling of deposit keys, max_keys; 0 is none.", (double)info.max_keys);
    kh_expose_gauge(
        to, "keyhsm_backend_sealed", "1 when the backend is sealed.", info.sealed);
    kh_expose_gauge(to, "keyhsm_backend_read_only",
        "1 when the backend takes no changes.", info.read_only);
}

/* By the survey, which counts no more often than that costs little. */
static void print_deposits(struct kh_app *app, FILE *to)
{
    struct kh_survey_view view;

    kh_survey_look(app->survey, app->backend, &view);
    if (!view.has_usage)
        return;
    kh_expose_head(to, "keyhsm_deposits", "gauge",
        "Deposits by state; deleted: all versions are. Counted now and then.");
    fprintf(to,
        "keyhsm_deposits{state=\"active\"} %llu\n"
        "keyhsm_deposits{state=\"deleted\"} %llu\n",
        (unsigned long long)view.usage.deposits,
        (unsigned long long)view.usage.deleted_deposits);
}

void kh_metrics_backend(struct kh_app *app, FILE *to)
{
    struct kh_backend *backend = app->backend;

    print_state(backend, to);
    print_deposits(app, to);
    print_calls(backend, to);
    print_all_durations(backend, to);
}
