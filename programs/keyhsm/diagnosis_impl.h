/* Between the files of the diagnosis only. */
#ifndef KH_KEYHSM_DIAGNOSIS_IMPL_H
#define KH_KEYHSM_DIAGNOSIS_IMPL_H

#include "programs/keyhsm/diagnosis.h"

/* One fact that is true where all is well. */
struct kh_rule {
    const char *group;
    const char *fact;
    const char *check;
    kh_verdict_kind otherwise; /* what false comes to */
    const char *good;
    const char *bad;
    enum {
        KH_RULE_DECIDES,
        KH_RULE_TELLS,
        KH_RULE_LONG
    } weight; /* when it is missing:
the verdict is open; nothing is lost; nothing is lost in a quick examination */
};

extern const struct kh_rule kh_rules[];
extern const size_t kh_rule_count;

/* A line in the diagnosis; drops it when there is no room for one more. */
KH_PRINTF(5, 6)
void kh_diagnosis_add(struct kh_diagnosis *d, kh_verdict_kind kind, const char *group,
    const char *check, const char *text, ...);

/* Figures (diagnosis_figures.c) and the advice (diagnosis_advice.c). */
void kh_diagnose_figures(struct kh_diagnosis *d, const json_t *facts);
void kh_diagnose_advice(struct kh_advice *advice, const json_t *facts);

#endif
