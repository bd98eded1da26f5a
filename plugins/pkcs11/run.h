/* Running one piece of work on the token, with the recovery ladder around it. */
#ifndef KH_PKCS11_RUN_H
#define KH_PKCS11_RUN_H

#include "plugins/pkcs11/parts.h"

/* What a work function returns when it has the final word: the status is in call->verdict
 * and the error is filled. Everything else it returns is a CK_RV for the ladder. */
#define KH_RV_VERDICT (CKR_VENDOR_DEFINED | 0x4b4859UL)

/* One attempt at a piece of work. */
struct kh_call {
    struct kh_token *token;
    CK_FUNCTION_LIST_PTR p11;
    uint32_t quirks;           /* KH_QUIRK_... of the module */
    CK_SESSION_HANDLE session; /* this thread's alone; logged in as far as is known */
    const char *what;          /* the PKCS#11 function that answered last, for messages */
    kh_status verdict;
    bool soiled; /* a verdict after a call that failed: the session is closed */
    struct kh_error *err;
};

/* May be run again, up to once for each rung; must not keep handles from one attempt to
 * the next. */
typedef CK_RV (*kh_work)(struct kh_call *call, void *arg);

/* Remembers which function answered RV. */
static inline CK_RV kh_said(struct kh_call *call, const char *function, CK_RV rv)
{
    call->what = function;
    return rv;
}

/* The final word: call->err has been filled by kh_fail, whose status comes in. */
static inline CK_RV kh_verdict(struct kh_call *call, kh_status status)
{
    call->verdict = status;
    return KH_RV_VERDICT;
}

/*
 * Runs WORK on a session of the pool. KEY: the key whose handle to forget when it turns
 * out stale (may be NULL). Fails at once while the breaker is open, and after option
 * call_deadline when it has to wait. Thread safe. KH_FATAL in a forked child.
 */
KH_CHECK kh_status kh_run(struct kh_token *token, kh_work work, void *arg,
    const struct kh_key_id *key, struct kh_error *err);

/* Would the token answer now? Looks at session, login and generator on a fresh session;
 * for the rung of doubt, and for readiness. */
CK_RV kh_run_self_test(struct kh_call *call, void *arg);

#endif
