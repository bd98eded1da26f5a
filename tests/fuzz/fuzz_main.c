#include "core/secmem.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct kh_error err = {0};

    (void)argc;
    (void)argv;
    if (kh_secmem_init(0, KH_LOCK_PREFERRED, &err) != KH_OK)
        abort();
    return 0;
}
