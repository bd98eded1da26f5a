#include "server/metrics.h"

#include "tests/lib/testlib.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ADDITIONS = 5000 };

static struct kh_metrics *metrics;
static char *text;

static void begin(void)
{
    metrics = kh_metrics_new(NULL, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(metrics);
}

static void end(void)
{
    free(text);
    text = NULL;
    kh_metrics_free(metrics);
}

/* What GET /metrics would show, from the first meter on. */
static const char *shown(void)
{
    const char *meters;
    size_t len = 0;
    FILE *to;

    free(text);
    text = NULL;
    to = open_memstream(&text, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
    kh_metrics_print(metrics, to);
    fclose(to);
    meters = strstr(text, "# HELP keyhsm_test");
    return meters ? meters : "";
}

static void a_counter_is_shown_with_its_help_and_type(void)
{
    struct kh_meter *meter;

    begin();
    meter = kh_metrics_counter(metrics, "keyhsm_test_events_total", "Events seen.");
    CU_ASSERT_PTR_NOT_NULL(meter);
    CU_ASSERT_STRING_EQUAL(shown(), "# HELP keyhsm_test_events_total Events seen.\n"
                                    "# TYPE keyhsm_test_events_total counter\n"
                                    "keyhsm_test_events_total 0\n");
    kh_meter_add(meter, 2);
    kh_meter_add(meter, 40);
    CU_ASSERT_PTR_NOT_NULL(strstr(shown(), "\nkeyhsm_test_events_total 42\n"));
    end();
}

static void the_same_name_gives_the_same_meter(void)
{
    begin();
    CU_ASSERT_PTR_EQUAL(kh_metrics_counter(metrics, "keyhsm_test_a_total", "A."),
        kh_metrics_counter(metrics, "keyhsm_test_a_total", "A."));
    CU_ASSERT_PTR_EQUAL(kh_metrics_gauge(metrics, "keyhsm_test_a", "A."),
        kh_metrics_gauge(metrics, "keyhsm_test_a", "A."));
    end();
}

static void a_gauge_goes_up_and_down(void)
{
    struct kh_meter *meter;

    begin();
    meter = kh_metrics_gauge(metrics, "keyhsm_test_keys", "Keys held.");
    kh_meter_set(meter, 7);
    kh_meter_set(meter, -1);
    CU_ASSERT_STRING_EQUAL(shown(), "# HELP keyhsm_test_keys Keys held.\n"
                                    "# TYPE keyhsm_test_keys gauge\n"
                                    "keyhsm_test_keys -1\n");
    end();
}

/* Another family registered in between must not part them: a scraper refuses that. */
static void series_of_a_family_stand_together(void)
{
    const struct kh_series hit = {"keyhsm_test_looks_total", "Looks.", "result", "hit"};
    const struct kh_series miss = {"keyhsm_test_looks_total", "Looks.", "result", "miss"};
    struct kh_meter *meter;

    begin();
    meter = kh_metrics_counter_of(metrics, &hit);
    (void)kh_metrics_counter(metrics, "keyhsm_test_other_total", "Others.");
    kh_meter_add(kh_metrics_counter_of(metrics, &miss), 3);
    CU_ASSERT_PTR_EQUAL(kh_metrics_counter_of(metrics, &hit), meter);
    CU_ASSERT_STRING_EQUAL(shown(), "# HELP keyhsm_test_looks_total Looks.\n"
                                    "# TYPE keyhsm_test_looks_total counter\n"
                                    "keyhsm_test_looks_total{result=\"hit\"} 0\n"
                                    "keyhsm_test_looks_total{result=\"miss\"} 3\n"
                                    "# HELP keyhsm_test_other_total Others.\n"
                                    "# TYPE keyhsm_test_other_total counter\n"
                                    "keyhsm_test_other_total 0\n");
    end();
}

static void the_value_of_a_label_may_be_any_text(void)
{
    char value[] = "a\"b\\c\nd";
    struct kh_meter *meter;

    begin();
    meter = kh_metrics_gauge_of(
        metrics, &(struct kh_series){"keyhsm_test_odd", "Odd.", "name", value});
    kh_meter_set(meter, 1);
    memset(value, 'x', strlen(value)); /* it was copied */
    CU_ASSERT_PTR_NOT_NULL(
        strstr(shown(), "keyhsm_test_odd{name=\"a\\\"b\\\\c\\nd\"} 1\n"));
    end();
}

static void wrong_names_are_refused(void)
{
    static const char *const bad[] = {
        "test_total", "keyhsm_test", "keyhsm_a-b_total", "keyhsm_ total", "", "_total"};

    begin();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_PTR_NULL(kh_metrics_counter(metrics, bad[i], "Bad."));
    CU_ASSERT_PTR_NULL(kh_metrics_gauge(metrics, "keyhsm_test_total", "Bad."));
    CU_ASSERT_PTR_NULL(kh_metrics_counter_of(
        metrics, &(struct kh_series){"keyhsm_test_total", "Bad.", "a label", "x"}));
    CU_ASSERT_STRING_EQUAL(shown(), "");
    end();
}

static void a_family_has_one_kind_and_one_label(void)
{
    const struct kh_series one = {"keyhsm_test_total", "Bad.", "a", "x"};
    const struct kh_series other = {"keyhsm_test_total", "Bad.", "b", "x"};

    begin();
    CU_ASSERT_PTR_NOT_NULL(kh_metrics_counter_of(metrics, &one));
    CU_ASSERT_PTR_NULL(kh_metrics_counter_of(metrics, &other));
    CU_ASSERT_PTR_NULL(kh_metrics_counter(metrics, "keyhsm_test_total", "Bad."));
    end();
}

static int runs;

static void count_runs(void *arg)
{
    runs++;
    kh_meter_set(kh_metrics_gauge(arg, "keyhsm_test_runs", "Runs."), runs);
}

static void without_metrics_nothing_is_counted(void)
{
    struct kh_meter *meter = kh_metrics_counter(NULL, "keyhsm_test_total", "None.");

    CU_ASSERT_PTR_NULL(meter);
    kh_meter_add(meter, 1);
    kh_meter_set(NULL, 1);
    CU_ASSERT_FALSE(kh_metrics_before(NULL, count_runs, NULL, NULL));
}

static int ends;

static void count_end(void *arg)
{
    CU_ASSERT_PTR_EQUAL(arg, metrics);
    ends++;
}

static void what_comes_before_may_set_and_make_gauges(void)
{
    begin();
    runs = 0;
    CU_ASSERT_TRUE(kh_metrics_before(metrics, count_runs, metrics, count_end));
    CU_ASSERT_PTR_NOT_NULL(strstr(shown(), "\nkeyhsm_test_runs 1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(shown(), "\nkeyhsm_test_runs 2\n"));
    CU_ASSERT_EQUAL(ends, 0);
    end();
    CU_ASSERT_EQUAL(ends, 1);
}

static void *add_many(void *arg)
{
    const char *const *value = arg;

    for (int i = 0; i < ADDITIONS; i++) {
        kh_meter_add(kh_metrics_counter(metrics, "keyhsm_test_all_total", "All."), 1);
        kh_meter_add(
            kh_metrics_counter_of(metrics,
                &(struct kh_series){"keyhsm_test_each_total", "Each.", "thread", *value}),
            1);
    }
    return NULL;
}

static void threads_register_and_count_at_once(void)
{
    static const char *const values[THREADS] = {"a", "b", "a", "b"};
    pthread_t threads[THREADS];

    begin();
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(
            pthread_create(&threads[i], NULL, add_many, (void *)(uintptr_t)&values[i]),
            0);
    (void)shown();
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(shown(), "\nkeyhsm_test_all_total 20000\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(shown(), "\nkeyhsm_test_each_total{thread=\"a\"} 10000\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(shown(), "\nkeyhsm_test_each_total{thread=\"b\"} 10000\n"));
    end();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a counter is shown with its help and type",
            a_counter_is_shown_with_its_help_and_type},
        {"the same name gives the same meter", the_same_name_gives_the_same_meter},
        {"a gauge goes up and down", a_gauge_goes_up_and_down},
        {"series of a family stand together", series_of_a_family_stand_together},
        {"the value of a label may be any text", the_value_of_a_label_may_be_any_text},
        {"wrong names are refused", wrong_names_are_refused},
        {"a family has one kind and one label", a_family_has_one_kind_and_one_label},
        {"without metrics nothing is counted", without_metrics_nothing_is_counted},
        {"what comes before may set and make gauges",
            what_comes_before_may_set_and_make_gauges},
        {"threads register and count at once", threads_register_and_count_at_once},
    };

    return kh_test_main("server meter", tests, sizeof tests / sizeof tests[0]);
}
