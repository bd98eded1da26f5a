/* contract_suite PLACE [threads|calls]: the contract of a backend on a new place of one
 * of this project's plugins; or that part of it where threads meet; or what calls do,
 * without what only the plugin's own code decides: its memory and its process. (For any
 * other plugin: keyhsm backend check.) */
#include "core/secmem.h"
#include "tests/contract/places.h"
#include "tests/lib/testlib.h"

#include <string.h>

static bool is_in(const struct kh_contract_group *group, const struct kh_test *test)
{
    for (size_t i = 0; i < group->count; i++) {
        if (strcmp(group->tests[i].name, test->name) == 0)
            return true;
    }
    return false;
}

static size_t calls_only(struct kh_test *tests, size_t count)
{
    struct kh_contract_group others[] = {kh_contract_bounds(), kh_contract_guest()};
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (!is_in(&others[0], &tests[i]) && !is_in(&others[1], &tests[i]))
            tests[kept++] = tests[i];
    }
    return kept;
}

static int run(const char *part)
{
    struct kh_test tests[KH_CONTRACT_TESTS_MAX];
    size_t count;

    if (strcmp(part, "threads") == 0)
        return kh_test_main(
            kh_contract.title, kh_contract_threads().tests, kh_contract_threads().count);
    count = kh_contract_collect(tests);
    if (strcmp(part, "calls") == 0)
        count = calls_only(tests, count);
    return kh_test_main(kh_contract.title, tests, count);
}

int main(int argc, char **argv)
{
    struct kh_error err = {0};
    const char *part = argc == 3 ? argv[2] : "";
    bool known = strcmp(part, "threads") == 0 || strcmp(part, "calls") == 0;
    int result;

    if ((argc != 2 && !known) || !kh_contract_place(argv[1])) {
        fprintf(stderr, "usage: contract_suite softfile|pkcs11-deposit|pkcs11-epoch|"
                        "keyhsm|given [threads|calls]\n");
        return 2;
    }
    kh_contract.title = argv[1];
    if (kh_secmem_init(0, KH_LOCK_PREFERRED, &err) != KH_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    kh_contract_learn();
    result = run(part);
    kh_contract_close();
    return result;
}
