/* Destroys every object that bears the mark, from this examination or one before it. */
#include "plugins/pkcs11/doctor/probe.h"

static CK_RV find_marked(struct kh_call *call, struct kh_handles *found)
{
    char label[] = KH_PROBE_LABEL;
    CK_ATTRIBUTE mark = {CKA_LABEL, label, sizeof label - 1};

    return kh_find(call, &mark, 1, found);
}

void kh_stage_clean(struct kh_probe *probe)
{
    struct kh_call *call = &probe->call;
    struct kh_handles found = {0};
    struct kh_handles all = {0};
    CK_RV rv = find_marked(call, &found);
    size_t removed = 0;

    for (size_t i = 0; rv == CKR_OK && i < found.count; i++)
        removed += call->p11->C_DestroyObject(call->session, found.list[i]) == CKR_OK;
    kh_fact_int("clean.removed", (long long)removed, "%s", "");
    kh_handles_free(&found);
    if (rv == CKR_OK)
        rv = find_marked(call, &found);
    kh_fact_rv("clean.looked", call, rv);
    if (rv == CKR_OK)
        kh_fact_int("clean.left", (long long)found.count, "%s", "");
    if (rv == CKR_OK && kh_find(call, NULL, 0, &all) == CKR_OK)
        kh_fact_int("objects.after", (long long)all.count, "%s", "");
    kh_handles_free(&all);
    kh_handles_free(&found);
}
