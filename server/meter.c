#include "server/meter_impl.h"

#include "core/log.h"
#include "server/exposition.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct kh_meter {
    struct kh_meter *next;
    struct kh_series
        series;  /* value is NULL without a label, else the meter's own copy */
    bool counts; /* a counter; else a gauge */
    atomic_llong number;
};

struct kh_before {
    struct kh_before *next;
    void (*fn)(void *arg);
    void *arg;
    void (*gone)(void *arg);
};

void kh_meters_init(struct kh_meters *meters)
{
    meters->first = NULL;
    meters->before = NULL;
    (void)pthread_mutex_init(&meters->lock, NULL);
}

static void free_meter(struct kh_meter *meter)
{
    if (meter)
        free((char *)(uintptr_t)meter->series.value);
    free(meter);
}

void kh_meters_clear(struct kh_meters *meters)
{
    while (meters->first) {
        struct kh_meter *next = meters->first->next;

        free_meter(meters->first);
        meters->first = next;
    }
    while (meters->before) {
        struct kh_before *next = meters->before->next;

        if (meters->before->gone)
            meters->before->gone(meters->before->arg);
        free(meters->before);
        meters->before = next;
    }
    (void)pthread_mutex_destroy(&meters->lock);
}

/* ---- names ------------------------------------------------------- */

static bool good_word(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

    return *text && !strchr("0123456789", *text) && strspn(text, letters) == strlen(text);
}

static bool good_name(const struct kh_series *series, bool counts)
{
    size_t len = strlen(series->name);
    bool total = len > 6 && strcmp(series->name + len - 6, "_total") == 0;

    return strncmp(series->name, "keyhsm_", 7) == 0 && good_word(series->name) &&
           total == counts && (!series->label || good_word(series->label));
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* ---- the list ---------------------------------------------------- */

static struct kh_meter *make(const struct kh_series *series, bool counts)
{
    struct kh_meter *meter = calloc(1, sizeof *meter);

    if (!meter)
        return NULL;
    meter->series = *series;
    meter->counts = counts;
    meter->series.value = NULL;
    if (series->label) {
        meter->series.value = strdup(series->value);
        if (!meter->series.value) {
            free_meter(meter);
            return NULL;
        }
    }
    return meter;
}

/* Under the lock. *AT: where a new series goes, behind its family or at the end. *CLASH:
 * the family is there, and of the other kind. */
static struct kh_meter *find(struct kh_meters *meters, const struct kh_series *series,
    bool counts, struct kh_meter ***at, bool *clash)
{
    struct kh_meter **place = &meters->first;
    bool family = false;

    *clash = false;
    for (; *place; place = &(*place)->next) {
        const struct kh_series *one = &(*place)->series;
        bool same = strcmp(one->name, series->name) == 0;

        if (family && !same)
            break;
        family = family || same;
        if (!same)
            continue;
        *clash = (*place)->counts != counts || !same_text(one->label, series->label);
        if (*clash)
            return NULL;
        if (!one->label || strcmp(one->value, series->value) == 0)
            return *place;
    }
    *at = place;
    return NULL;
}

static struct kh_meter *enter(
    struct kh_metrics *metrics, const struct kh_series *series, bool counts)
{
    struct kh_meters *meters;
    struct kh_meter **at = NULL;
    struct kh_meter *meter;
    bool clash = !good_name(series, counts);

    if (!metrics)
        return NULL;
    meters = kh_metrics_meters(metrics);
    (void)pthread_mutex_lock(&meters->lock);
    meter = clash ? NULL : find(meters, series, counts, &at, &clash);
    if (!meter && !clash) {
        meter = make(series, counts);
        if (meter) {
            meter->next = *at;
            *at = meter;
        }
    }
    (void)pthread_mutex_unlock(&meters->lock);
    if (!meter)
        kh_log(KH_LOG_WARNING, "metric %s is not counted: %s", series->name,
            clash ? "its name is wrong or taken" : "no memory");
    return meter;
}

struct kh_meter *kh_metrics_counter(
    struct kh_metrics *metrics, const char *name, const char *help)
{
    return enter(metrics, &(struct kh_series){name, help, NULL, NULL}, true);
}

struct kh_meter *kh_metrics_gauge(
    struct kh_metrics *metrics, const char *name, const char *help)
{
    return enter(metrics, &(struct kh_series){name, help, NULL, NULL}, false);
}

struct kh_meter *kh_metrics_counter_of(
    struct kh_metrics *metrics, const struct kh_series *series)
{
    return enter(metrics, series, true);
}

struct kh_meter *kh_metrics_gauge_of(
    struct kh_metrics *metrics, const struct kh_series *series)
{
    return enter(metrics, series, false);
}

void kh_meter_add(struct kh_meter *meter, uint64_t n)
{
    if (meter)
        atomic_fetch_add(&meter->number, (long long)n);
}

void kh_meter_set(struct kh_meter *meter, int64_t value)
{
    if (meter)
        atomic_store(&meter->number, value);
}

bool kh_metrics_before(
    struct kh_metrics *metrics, void (*fn)(void *arg), void *arg, void (*gone)(void *arg))
{
    struct kh_before *before = metrics ? malloc(sizeof *before) : NULL;
    struct kh_meters *meters;

    if (!before)
        return false;
    meters = kh_metrics_meters(metrics);
    (void)pthread_mutex_lock(&meters->lock);
    *before = (struct kh_before){meters->before, fn, arg, gone};
    meters->before = before;
    (void)pthread_mutex_unlock(&meters->lock);
    return true;
}

/* Without the lock: what is called may register meters. */
static void run_before(struct kh_meters *meters)
{
    const struct kh_before *before;

    (void)pthread_mutex_lock(&meters->lock);
    before = meters->before;
    (void)pthread_mutex_unlock(&meters->lock);
    for (; before; before = before->next)
        before->fn(before->arg);
}

/* ---- text -------------------------------------------------------- */

static void print_meter(const struct kh_meter *meter, FILE *to)
{
    fputs(meter->series.name, to);
    if (meter->series.label) {
        fprintf(to, "{%s=\"", meter->series.label);
        kh_expose_value(to, meter->series.value);
        fputs("\"}", to);
    }
    fprintf(to, " %lld\n", atomic_load(&meter->number));
}

void kh_meters_print(struct kh_meters *meters, FILE *to)
{
    const char *family = "";

    run_before(meters);
    (void)pthread_mutex_lock(&meters->lock);
    for (const struct kh_meter *meter = meters->first; meter; meter = meter->next) {
        if (strcmp(family, meter->series.name) != 0)
            kh_expose_head(to, meter->series.name, meter->counts ? "counter" : "gauge",
                meter->series.help);
        family = meter->series.name;
        print_meter(meter, to);
    }
    (void)pthread_mutex_unlock(&meters->lock);
}
