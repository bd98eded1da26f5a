/* A rig whose module is the fault module (tests/faults) around SoftHSM. */
#ifndef KH_TEST_PKCS11_FAULTY_H
#define KH_TEST_PKCS11_FAULTY_H

#include "tests/unit/pkcs11/rig.h"

/* rig_make with the fault module and no plan. */
void faulty_make(struct rig *rig);
/* For other fixtures: loads the fault module, without a plan; its path. */
const char *faulty_module(void);
/* Sets the plan, printf-like; "" ends all faults. */
void faulty_plan(const char *format, ...) KH_PRINTF(1, 2);
/* Calls of a function since the last faulty_plan. */
unsigned long faulty_calls(const char *function);

#endif
