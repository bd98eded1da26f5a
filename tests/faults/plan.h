/* The plan of the fault module: which call of which function goes wrong, and how. See
 * README.md. */
#ifndef KH_TEST_FAULT_PLAN_H
#define KH_TEST_FAULT_PLAN_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

/* What one call gets. Zero: nothing. */
struct fault {
    bool fail; /* answer RV; in place of the real call, or after it (AFTER) */
    CK_RV rv;
    bool after;
    bool kill_before; /* SIGKILL to ourselves */
    bool kill_after;
    bool hang; /* until the plan changes */
    unsigned delay_us;
    bool lose_sessions; /* all sessions are closed before the real call */
    bool logout;        /* the login is taken away before the real call */
    CK_ULONG shorten;   /* output lengths are given as that much less */
    bool lie;           /* attribute LIE_TYPE is answered as the byte LIE_VALUE */
    CK_ATTRIBUTE_TYPE lie_type;
    CK_BBOOL lie_value;
    bool hide; /* mechanism HIDDEN is not listed and not done */
    CK_MECHANISM_TYPE hidden;
    CK_FLAGS flags; /* added to those of CK_TOKEN_INFO */
    bool swap;      /* the handles of the first two private keys made change places */
};

/* Replaces the plan. False, with a line on standard error, when TEXT is not a plan; the
 * process then ends, since a test with half a plan proves nothing. */
void plan_set(const char *text);
/* Reads the plan from the file FAULT_PKCS11_PLAN when it is set and the file has changed.
 */
void plan_refresh(void);
/* Counts a call of FUNCTION and says what it gets. */
struct fault plan_next(const char *function);
/* True while the plan has the hang that a call is in. */
bool plan_hangs(const char *function);
/* Calls of FUNCTION since the module was loaded, whatever the plan. */
unsigned long plan_calls(const char *function);
/* One line "FUNCTION 0xRV" to the file FAULT_PKCS11_LOG, if set. */
void plan_log(const char *function, CK_RV rv);

#endif
