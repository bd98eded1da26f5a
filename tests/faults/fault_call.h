/* How a wrapper of the fault module goes about one call. */
#ifndef KH_TEST_FAULT_CALL_H
#define KH_TEST_FAULT_CALL_H

#include "tests/faults/plan.h"

struct fault_call {
    const char *function;
    struct fault fault;
};

/* False: do not make the real call; *RV is the answer. True: fault_end must follow. */
bool fault_begin(
    struct fault_call *call, const char *function, CK_SESSION_HANDLE session, CK_RV *rv);
/* What the caller gets of RV, the real answer. */
CK_RV fault_end(const struct fault_call *call, CK_RV rv);

/* The handle that `swap` makes of HANDLE; the length that `short` makes of *LEN. */
CK_OBJECT_HANDLE fault_swapped(const struct fault *fault, CK_OBJECT_HANDLE handle);
void fault_shorten(const struct fault *fault, CK_ULONG *len);

/* Wraps what named keys need beyond deposit keys (fault_named.c). */
void fault_wrap_named(CK_FUNCTION_LIST *wrapped, CK_FUNCTION_LIST_PTR real);

#endif
