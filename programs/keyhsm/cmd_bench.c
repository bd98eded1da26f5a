/* keyhsm bench: what this token and module do in a second. */
#include "programs/keyhsm/commands.h"
#include "programs/keyhsm/diagnosis.h"
#include "programs/keyhsm/probe_target.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_BROKEN = 3, ROWS_MAX = 8, THREADS_MAX = 64, OPERATIONS = 4 };

struct bench {
    struct kh_probe_args args;
    const char *threads;
    const char *seconds;
    bool json;
    unsigned list[ROWS_MAX];
    size_t count;
    json_t *rows;
    bool broken; /* something failed on the token */
};

static const struct {
    const char *name;
    const char *words;
} operations[OPERATIONS] = {
    {"generate", "make a key pair on the token, destroy it (a put)"},
    {"use", "use a deposit key (a get)"},
    {"random", "32 random bytes"},
    {"search", "search by id"},
};

static kh_status read_threads(struct bench *bench, struct kh_error *err)
{
    static const unsigned bounds[3] = {1, THREADS_MAX, 1};
    char text[80];
    char *rest = NULL;
    kh_status st = KH_OK;

    if (strlen(bench->threads) >= sizeof text)
        return kh_fail(
            err, KH_INVALID, "--threads: a list of at most %d numbers", ROWS_MAX);
    (void)snprintf(text, sizeof text, "%s", bench->threads);
    for (char *word = strtok_r(text, ",", &rest); st == KH_OK && word;
         word = strtok_r(NULL, ",", &rest)) {
        if (bench->count == ROWS_MAX)
            return kh_fail(
                err, KH_INVALID, "--threads: a list of at most %d numbers", ROWS_MAX);
        st = kh_probe_number("threads", word, bounds, &bench->list[bench->count++], err);
    }
    if (st == KH_OK && bench->count == 0)
        st = kh_fail(err, KH_INVALID, "--threads: no number in '%s'", bench->threads);
    return st;
}

/* ---- one number of threads ----------------------------------------------------------
 */

static long long figure(const json_t *facts, const char *operation, const char *what)
{
    char name[64];

    (void)snprintf(name, sizeof name, "%s.%s", operation, what);
    return kh_fact_number(facts, name, -1);
}

static void keep(struct bench *bench, unsigned threads, const json_t *facts)
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        const char *name = operations[i].name;
        char failed[64];
        double rate = (double)figure(facts, name, "milli_per_second") / 1000;
        long long failures = figure(facts, name, "failed");

        (void)snprintf(failed, sizeof failed, "%s.failed", name);
        bench->broken = bench->broken || failures != 0;
        if (failures < 0)
            continue;
        (void)json_array_append_new(bench->rows,
            json_pack("{s:i,s:s,s:f,s:I,s:I,s:I,s:s}", "threads", (int)threads,
                "operation", name, "per_second", rate, "p50_us",
                (json_int_t)figure(facts, name, "p50_us"), "p99_us",
                (json_int_t)figure(facts, name, "p99_us"), "failed", (json_int_t)failures,
                "why", kh_fact_detail(facts, failed)));
        if (!bench->json)
            printf("%7u  %-9s %12.1f %12.2f %12.2f%s%s\n", threads, name, rate,
                (double)figure(facts, name, "p50_us") / 1000,
                (double)figure(facts, name, "p99_us") / 1000,
                failures ? "  failed: " : "",
                failures ? kh_fact_detail(facts, failed) : "");
    }
    (void)fflush(stdout);
}

static void beat(void *arg)
{
    static unsigned seconds;

    (void)arg;
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r\033[K%u s ", ++seconds);
}

static kh_status measure(struct bench *bench, struct kh_probe_place *place,
    unsigned threads, struct kh_error *err)
{
    json_t *facts = json_object();
    struct kh_probe_result result;
    kh_status st;

    if (!facts)
        return kh_fail(err, KH_FATAL, "no memory");
    place->target.threads = threads;
    st = kh_probe_run(&place->target, "bench", facts, &result, err);
    if (isatty(STDERR_FILENO))
        (void)fputs("\r\033[K", stderr);
    if (st == KH_OK)
        keep(bench, threads, facts);
    if (st == KH_OK && result.end != KH_PROBE_ENDED) {
        bench->broken = true;
        (void)fprintf(stderr, "keyhsm bench: %u threads: the module %s %s\n", threads,
            kh_fact_word(facts, "stage.bench", ""), kh_fact_detail(facts, "stage.bench"));
    } else if (st == KH_OK && !kh_fact_true(facts, "bench.ready")) {
        bench->broken = true;
        (void)fprintf(stderr, "keyhsm bench: %u threads: %s\n", threads,
            kh_fact_detail(facts, "bench.ready"));
    }
    json_decref(facts);
    return st;
}

/* ---- the whole ----------------------------------------------------------------------
 */

static kh_status enter(struct kh_probe_place *place, json_t *facts, struct kh_error *err)
{
    static const char *const needed[] = {
        "module.loads", "module.initialises", "token.found", "login.works"};
    kh_status st = kh_probe_place_enter(place, facts, err);

    for (size_t i = 0; st == KH_OK && i < sizeof needed / sizeof needed[0]; i++) {
        if (!kh_fact_true(facts, needed[i]))
            st = kh_fail(err, KH_REFUSED, "no login: %s; keyhsm doctor says more",
                *kh_fact_detail(facts, needed[i]) ? kh_fact_detail(facts, needed[i])
                                                  : needed[i]);
    }
    return st;
}

static kh_status print_json(
    const struct bench *bench, const json_t *facts, struct kh_error *err)
{
    json_t *root =
        json_pack("{s:s,s:s,s:s,s:O}", "module", kh_fact_word(facts, "module.path", ""),
            "token", kh_fact_word(facts, "token.label", ""), "serial",
            kh_fact_word(facts, "token.serial", ""), "measurements", bench->rows);
    bool ok =
        root && json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(8)) == 0;

    (void)fputc('\n', stdout);
    json_decref(root);
    return ok ? KH_OK : kh_fail(err, KH_FATAL, "the result cannot be written");
}

static void print_heading(
    const struct bench *bench, const json_t *facts, unsigned seconds)
{
    if (bench->json)
        return;
    printf("Module  %s\nToken   '%s', serial %s\n%u seconds each\n\n",
        kh_fact_word(facts, "module.path", ""), kh_fact_word(facts, "token.label", ""),
        kh_fact_word(facts, "token.serial", ""), seconds);
    for (size_t i = 0; i < OPERATIONS; i++)
        printf("%-9s %s\n", operations[i].name, operations[i].words);
    printf("\nthreads  operation   per second       p50 ms       p99 ms\n");
    (void)fflush(stdout);
}

static kh_status clean_up(
    struct kh_probe_place *place, json_t *facts, struct kh_error *err)
{
    struct kh_probe_result result;
    kh_status st = kh_probe_run(&place->target, "clean", facts, &result, err);

    if (st == KH_OK && kh_fact_number(facts, "clean.left", -1) != 0)
        (void)fprintf(stderr, "keyhsm bench: objects labelled 'keyhsm doctor: may be "
                              "destroyed' may be left on the token\n");
    return st;
}

static kh_status run(struct bench *bench, struct kh_probe_place *place, json_t *facts,
    struct kh_error *err)
{
    kh_status st = enter(place, facts, err);
    kh_status cleaned;

    if (st != KH_OK)
        return st;
    print_heading(bench, facts, place->target.seconds);
    for (size_t i = 0; st == KH_OK && i < bench->count; i++)
        st = measure(bench, place, bench->list[i], err);
    cleaned = clean_up(place, facts, st == KH_OK ? err : NULL);
    st = st == KH_OK ? cleaned : st;
    if (st == KH_OK && bench->json)
        st = print_json(bench, facts, err);
    if (st == KH_OK && (fflush(stdout) != 0 || ferror(stdout)))
        st = kh_fail(err, KH_UNAVAILABLE, "standard output cannot be written: %m");
    return st;
}

static int start(struct bench *bench, const struct kh_cli *cli)
{
    static const unsigned bounds[3] = {1, 3600, 2};
    struct kh_probe_place place = {.target = {.alive = beat}};
    struct kh_error err = {0};
    json_t *facts = NULL;
    kh_status st = read_threads(bench, &err);

    if (st == KH_OK)
        st = kh_probe_number(
            "seconds", bench->seconds, bounds, &place.target.seconds, &err);
    if (st == KH_OK)
        st = kh_probe_place_open(&place, &bench->args, &err);
    if (st == KH_OK) {
        facts = json_object();
        bench->rows = json_array();
        st = facts && bench->rows ? run(bench, &place, facts, &err)
                                  : kh_fail(&err, KH_FATAL, "no memory");
    }
    json_decref(facts);
    json_decref(bench->rows);
    kh_probe_place_close(&place);
    if (st != KH_OK)
        kh_cli_die(cli, kh_exit_code(st), "%s", err.message);
    return bench->broken ? EXIT_BROKEN : KH_EXIT_OK;
}

int kh_cmd_bench(int argc, char **argv)
{
    struct bench bench = {.threads = "1,2,4,8,16"};
    const struct kh_cli_option options[] = {
        KH_PROBE_OPTIONS(bench.args),
        {"threads", 0, "LIST", "numbers of threads, with commas between (1,2,4,8,16)",
            &bench.threads, NULL, 0},
        {"seconds", 0, "N", "for each operation and number of threads (2)",
            &bench.seconds, NULL, 0},
        {"json", 'j', NULL, "print JSON", &bench.json, NULL, 0},
        KH_SETUP_OPTIONS(bench.args.setup),
    };
    const struct kh_cli cli = {.program = "keyhsm bench",
        .arguments = "",
        .summary = "Measures what a token and its module do in a second.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more =
            "What it makes on the token is labelled 'keyhsm doctor: may be destroyed' "
            "and removed again.\n"
            "SOURCE: prompt, file:/PATH, credential:NAME or fd:N.\n"
            "Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 something "
            "failed on the token."};

    if (kh_cli_parse(&cli, argc, argv, false) < argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "no arguments are taken");
    return start(&bench, &cli);
}
