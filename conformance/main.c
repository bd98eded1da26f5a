/*
 * keyhsm-conformance: the contract of a backend, run on one plugin. It loads the plugin
 * into itself, so a plugin that crashes takes it along: `keyhsm backend check` starts it,
 * watches it and writes the report.
 */
#include "conformance/contract.h"
#include "conformance/runner.h"
#include "core/secmem.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

static const char *after;
static const char *only;
static int events = STDERR_FILENO;

static int usage(void)
{
    fprintf(stderr,
        "usage: keyhsm-conformance --plugin-dir DIR --backend NAME [--set KEY=VALUE]... "
        "[--shared] [--test TEST] "
        "[--after TEST] [--events FD]\n"
        "Runs the contract of a backend on a plugin; see keyhsm(8), backend check, which "
        "starts it.\n");
    return 2;
}

static bool parse(int argc, char **argv)
{
    static const struct option options[] = {{"plugin-dir", required_argument, NULL, 'd'},
        {"backend", required_argument, NULL, 'b'}, {"set", required_argument, NULL, 's'},
        {"shared", no_argument, NULL, 'n'}, {"after", required_argument, NULL, 'a'},
        {"test", required_argument, NULL, 't'}, {"events", required_argument, NULL, 'e'},
        {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'd')
            kh_contract.plugin_dir = optarg;
        else if (c == 'b')
            kh_contract.backend = optarg;
        else if (c == 's')
            kh_contract_set("%s", optarg);
        else if (c == 'n')
            kh_contract.shared = true;
        else if (c == 'a')
            after = optarg;
        else if (c == 't')
            only = optarg;
        else if (c == 'e')
            events = atoi(optarg);
        else
            return false;
    }
    kh_contract.title = kh_contract.backend;
    return optind == argc && kh_contract.backend && kh_contract.plugin_dir;
}

int main(int argc, char **argv)
{
    struct kh_test tests[KH_CONTRACT_TESTS_MAX];
    struct kh_error err = {0};
    size_t count;
    int result;

    if (!parse(argc, argv))
        return usage();
    if (kh_secmem_init(0, KH_LOCK_PREFERRED, &err) != KH_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    kh_contract_learn();
    count = kh_contract_collect(tests);
    if (only)
        count = kh_contract_select(tests, count, only);
    if (count == 0) {
        fprintf(stderr, "%s.so: %s%s\n", kh_contract.backend,
            only ? "its capabilities call for no test " : "it claims nothing that could ",
            only ? only : "be tested");
        return 1;
    }
    result = kh_conformance_run(tests, count, after, events);
    kh_contract_close();
    return result;
}
