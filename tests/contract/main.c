/*
 * contract_suite PLACE                     a new place of one of this project's plugins
 * contract_suite --plugin-dir DIR --backend NAME [--set KEY=VALUE]... [--shared]
 *                                          any plugin; KEY is an option of [backend.NAME]
 */
#include "tests/contract/contract.h"

#include "core/secmem.h"

#include <getopt.h>
#include <stdlib.h>

enum { TESTS_MAX = 128 };

static int usage(void)
{
    fprintf(stderr, "usage: contract_suite softfile|pkcs11-deposit|pkcs11-epoch|keyhsm\n"
                    "       contract_suite --plugin-dir DIR --backend NAME [--set "
                    "KEY=VALUE]... [--shared]\n"
                    "The place is written to; a plugin that can be sealed is left "
                    "sealed. --shared: two daemons\n"
                    "may have the place open at once.\n");
    return 2;
}

static bool parse(int argc, char **argv)
{
    static const struct option options[] = {{"plugin-dir", required_argument, NULL, 'd'},
        {"backend", required_argument, NULL, 'b'}, {"set", required_argument, NULL, 's'},
        {"shared", no_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
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
        else
            return false;
    }
    if (optind + 1 == argc && !kh_contract.backend) {
        kh_contract.title = argv[optind];
        return kh_contract_place(argv[optind]);
    }
    kh_contract.title = kh_contract.backend;
    return optind == argc && kh_contract.backend && kh_contract.plugin_dir;
}

static void learn(void)
{
    struct kh_error err = {0};
    struct kh_info info;

    kh_contract.capabilities = kh_backend_capabilities(kh_contract_backend());
    if (kh_backend_info(kh_contract_backend(), &info, &err) != KH_OK) {
        fprintf(stderr, "%s: %s\n", kh_contract.title, err.message);
        exit(1);
    }
    kh_contract.data_max = info.data_max ? info.data_max : KH_DATA_DEFAULT_MAX;
}

static size_t collect(struct kh_test tests[TESTS_MAX])
{
    static struct kh_contract_group (*const groups[])(void) = {kh_contract_facts,
        kh_contract_names, kh_contract_data, kh_contract_versions, kh_contract_states,
        kh_contract_listing, kh_contract_threads, kh_contract_hardware,
        kh_contract_sealing};
    size_t count = 0;

    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        struct kh_contract_group group = groups[i]();

        for (size_t t = 0; kh_contract_has(group.needs) && t < group.count; t++) {
            if (count == TESTS_MAX)
                abort();
            tests[count++] = group.tests[t];
        }
    }
    return count;
}

int main(int argc, char **argv)
{
    struct kh_test tests[TESTS_MAX];
    struct kh_error err = {0};
    int result;

    if (!parse(argc, argv))
        return usage();
    if (kh_secmem_init(0, KH_LOCK_PREFERRED, &err) != KH_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    learn();
    result = kh_test_main(kh_contract.title, tests, collect(tests));
    kh_contract_close();
    return result;
}
