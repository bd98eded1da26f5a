/*
 * A process that is killed at the n-th emptying of a file inside SoftHSM
 * (tests/faults/torn_write.c): in C_GenerateKeyPair or in C_Login. Arguments: the token's
 * directory, "generate" or "login". Says "made N" on standard output for every key that
 * the token acknowledged.
 */
#include "tests/faults/torn_write.h"
#include "tests/unit/pkcs11/rig.h"

#include "core/secmem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct rig rig;
    struct kh_public_half half;
    bool generate = argc == 4 && strcmp(argv[2], "generate") == 0;

    if (argc != 4 || kh_secmem_init(0, KH_LOCK_PREFERRED, &rig.err) != KH_OK)
        return 2;
    rig_at(&rig, argv[1]);
    if (!generate)
        torn_write_arm();
    if (rig_open(&rig) != KH_OK) {
        fprintf(stderr, "victim: %s\n", rig.err.message);
        return 3;
    }
    torn_write_arm();
    if (generate) {
        unsigned n = (unsigned)strtoul(argv[3], NULL, 10);

        if (rig_generate(&rig, n, &half) != KH_OK)
            return 4;
        printf("made %u in %lu writes\n", n, torn_write_calls());
        free(half.spki);
    }
    rig_end(&rig);
    return 0;
}
