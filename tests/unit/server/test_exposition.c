#include "server/exposition.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>

static char *text;
static size_t len;
static FILE *to;

static void begin(void)
{
    to = open_memstream(&text, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
}

/* What was printed must be WANTED. */
static void end(const char *wanted)
{
    fclose(to);
    CU_ASSERT_STRING_EQUAL(text, wanted);
    free(text);
}

static void a_gauge_has_help_type_and_value(void)
{
    begin();
    kh_expose_gauge(to, "keyhsm_a", "Some.", 2.5);
    end("# HELP keyhsm_a Some.\n# TYPE keyhsm_a gauge\nkeyhsm_a 2.5\n");
}

/* Seconds since 1970 and bytes lose nothing on the way. */
static void large_gauges_stay_exact(void)
{
    begin();
    kh_expose_gauge(to, "keyhsm_a", "Some.", 1795544566);
    kh_expose_gauge(to, "keyhsm_b", "Some.", 9007199254740991.0);
    end("# HELP keyhsm_a Some.\n# TYPE keyhsm_a gauge\nkeyhsm_a 1795544566\n"
        "# HELP keyhsm_b Some.\n# TYPE keyhsm_b gauge\nkeyhsm_b 9007199254740991\n");
}

static void counters_have_the_whole_range(void)
{
    begin();
    kh_expose_counter(to, "keyhsm_a_total", "Some.", UINT64_MAX);
    end("# HELP keyhsm_a_total Some.\n# TYPE keyhsm_a_total counter\n"
        "keyhsm_a_total 18446744073709551615\n");
}

static void the_value_of_a_label_cannot_end_it(void)
{
    begin();
    kh_expose_value(to, "a\"} 1\nkeyhsm_forged{x=\"\\");
    end("a\\\"} 1\\nkeyhsm_forged{x=\\\"\\\\");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a gauge has help, type and value", a_gauge_has_help_type_and_value},
        {"large gauges stay exact", large_gauges_stay_exact},
        {"counters have the whole range", counters_have_the_whole_range},
        {"the value of a label cannot end it", the_value_of_a_label_cannot_end_it},
    };

    return kh_test_main("server exposition", tests, sizeof tests / sizeof tests[0]);
}
