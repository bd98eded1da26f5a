/* A diagnosis for people, and for tools. */
#ifndef KH_KEYHSM_DOCTOR_PRINT_H
#define KH_KEYHSM_DOCTOR_PRINT_H

#include "programs/keyhsm/diagnosis.h"

/* The table, the verdict and the advice to standard output. */
void kh_doctor_print(const struct kh_diagnosis *d, const json_t *facts);
/* The same as one JSON object (docs/doctor.md). KH_FATAL: no memory. */
KH_CHECK kh_status kh_doctor_print_json(
    const struct kh_diagnosis *d, json_t *facts, struct kh_error *err);

#endif
