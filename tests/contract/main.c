/* contract_suite PLACE: the contract of a backend on a new place of one of this project's
 * plugins. (For any other plugin: keyhsm backend check.) */
#include "core/secmem.h"
#include "tests/contract/places.h"
#include "tests/lib/testlib.h"

int main(int argc, char **argv)
{
    struct kh_test tests[KH_CONTRACT_TESTS_MAX];
    struct kh_error err = {0};
    int result;

    if (argc != 2 || !kh_contract_place(argv[1])) {
        fprintf(stderr, "usage: contract_suite softfile|pkcs11-deposit|pkcs11-epoch|"
                        "keyhsm\n");
        return 2;
    }
    kh_contract.title = argv[1];
    if (kh_secmem_init(0, KH_LOCK_PREFERRED, &err) != KH_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    kh_contract_learn();
    result = kh_test_main(kh_contract.title, tests, kh_contract_collect(tests));
    kh_contract_close();
    return result;
}
