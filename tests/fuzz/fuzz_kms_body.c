/* The bodies of the KMS: what is taken fits where it was put; and its names. */
#include "server/kms/eek.h"
#include "server/kms/names.h"
#include "server/kms/scan.h"
#include "server/kms/wanted.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void eek(const uint8_t *data, size_t size)
{
    static struct kh_kms_eek e;
    struct kh_kms_scan scan;

    kh_kms_scan_begin(&scan, data, size);
    if (kh_kms_eek_scan(&scan, &e) && kh_kms_scan_end(&scan)) {
        if ((e.has_material && e.len > KH_KMS_EEK_MAX) ||
            (e.has_iv && e.iv_len > sizeof e.iv))
            abort();
        /* Whoever reads the members reads the whole as well. */
        kh_kms_scan_begin(&scan, data, size);
        if (!kh_kms_scan_skip(&scan) || !kh_kms_scan_end(&scan))
            abort();
    } else if (!scan.why) {
        abort();
    }
}

static void names(const uint8_t *data, size_t size)
{
    char text[512];
    char out[KH_KMS_VERSION_NAME];
    char again[KH_KMS_VERSION_NAME];
    struct kh_kms_version v;
    struct kh_error err;
    const char *from = text;

    if (size >= sizeof text)
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    while (kh_kms_query(&from, "k", out, sizeof out, &err) != KH_NOT_FOUND)
        ;
    if (kh_kms_segment(text, "", out, &err) != KH_OK ||
        kh_kms_version_parse(out, &v, &err) != KH_OK)
        return;
    kh_kms_version_name(v.name, v.number, again);
    if (strcmp(out, again) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kh_kms_wanted wanted = {0};
    struct kh_error err = {0};
    kh_status st = kh_kms_wanted_parse(data, size, &wanted, &err);

    if (st != KH_OK && !*err.message)
        abort();
    kh_kms_wanted_free(&wanted);
    eek(data, size);
    names(data, size);
    return 0;
}
