/* Which tests a backend has to pass: those that its capabilities call for. */
#include "conformance/contract.h"

#include <stdlib.h>

void kh_contract_learn(void)
{
    struct kh_error err = {0};
    struct kh_info info;

    kh_contract_look_around();
    kh_contract.capabilities = kh_backend_capabilities(kh_contract_backend());
    if (kh_backend_info(kh_contract_backend(), &info, &err) != KH_OK) {
        fprintf(stderr, "%s: %s\n", kh_contract.title, err.message);
        exit(1);
    }
    kh_contract.data_max = info.data_max ? info.data_max : KH_DATA_DEFAULT_MAX;
}

size_t kh_contract_collect(struct kh_test tests[KH_CONTRACT_TESTS_MAX])
{
    static struct kh_contract_group (*const groups[])(void) = {kh_contract_facts,
        kh_contract_names, kh_contract_data, kh_contract_versions, kh_contract_states,
        kh_contract_listing, kh_contract_threads, kh_contract_hardware,
        kh_contract_bounds, kh_contract_guest, kh_contract_keys, kh_contract_schemes,
        kh_contract_sealing};
    size_t count = 0;

    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        struct kh_contract_group group = groups[i]();

        for (size_t t = 0; kh_contract_has(group.needs) && t < group.count; t++) {
            if (count == KH_CONTRACT_TESTS_MAX)
                abort();
            tests[count++] = group.tests[t];
        }
    }
    return count;
}

size_t kh_contract_select(struct kh_test *tests, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tests[i].name, name) == 0) {
            tests[0] = tests[i];
            return 1;
        }
    }
    return 0;
}
