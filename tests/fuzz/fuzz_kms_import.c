/* Any bytes as kms-acls.xml and kms-site.xml: refused with one line, or a plan. */
#include "programs/ktadmin/kmsimport.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kh_buf text = {.data = (unsigned char *)(uintptr_t)data, .len = size};
    struct kh_hadoop properties = {0};
    struct kh_kms_import plan = {0};
    struct kh_error err = {0};
    kh_status st = kh_hadoop_parse(&properties, "fuzz", &text, &err);

    if (st != KH_OK && (st != KH_INVALID || strchr(err.message, '\n')))
        abort();
    if (st == KH_OK && kh_kms_import_plan(&plan, &properties, &properties, &err) != KH_OK)
        abort();
    for (size_t i = 0; i < plan.wanted_count; i++) {
        if (strlen(plan.wanted[i].key) > KH_CONFIG_NAME_MAX)
            abort();
    }
    kh_kms_import_free(&plan);
    kh_hadoop_free(&properties);
    return 0;
}
