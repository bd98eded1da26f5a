/* contract_suite PLACE [threads]: the contract of a backend on a new place of one of this
 * project's plugins, or that part of it where threads meet. (For any other plugin: keyhsm
 * backend check.) */
#include "core/secmem.h"
#include "tests/contract/places.h"
#include "tests/lib/testlib.h"

#include <string.h>

int main(int argc, char **argv)
{
    struct kh_test tests[KH_CONTRACT_TESTS_MAX];
    struct kh_error err = {0};
    bool threads = argc == 3 && strcmp(argv[2], "threads") == 0;
    int result;

    if ((argc != 2 && !threads) || !kh_contract_place(argv[1])) {
        fprintf(stderr, "usage: contract_suite softfile|pkcs11-deposit|pkcs11-epoch|"
                        "keyhsm [threads]\n");
        return 2;
    }
    kh_contract.title = argv[1];
    if (kh_secmem_init(0, KH_LOCK_PREFERRED, &err) != KH_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    kh_contract_learn();
    if (threads)
        result = kh_test_main(
            kh_contract.title, kh_contract_threads().tests, kh_contract_threads().count);
    else
        result = kh_test_main(kh_contract.title, tests, kh_contract_collect(tests));
    kh_contract_close();
    return result;
}
