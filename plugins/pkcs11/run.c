#include "plugins/pkcs11/run.h"

#include "plugins/pkcs11/clock.h"
#include "plugins/pkcs11/recover.h"

#include <openssl/crypto.h>
#include <unistd.h>

/* Doubtful failures in a row, with no success between, after which the module is
 * re-initialised even though it says that it is well; and how seldom. */
#define DOUBTS_MAX 3
#define DOUBTS_APART (30 * KH_SECOND)

/* One operation on its way up the ladder. */
struct climb {
    kh_work work;
    void *arg;
    const struct kh_key_id *key;
    uint64_t deadline;
    uint64_t generation; /* of the attempt that failed */
    unsigned used[KH_RUNG_PERMANENT + 1];
};

CK_RV kh_run_self_test(struct kh_call *call, void *arg)
{
    unsigned char bytes[16];
    CK_RV rv = kh_said(call, "C_GetSessionInfo",
        kh_session_logged_in(&call->token->module, call->session));

    (void)arg;
    if (rv == CKR_OK)
        rv = kh_said(call, "C_GenerateRandom",
            call->p11->C_GenerateRandom(call->session, bytes, sizeof bytes));
    OPENSSL_cleanse(bytes, sizeof bytes);
    if (rv == CKR_OK && !kh_softhsm_present(&call->token->softhsm))
        rv = kh_said(call, "token directory", CKR_TOKEN_NOT_PRESENT);
    return rv;
}

/* A module in whose calls the login goes away answers all sorts of things: the truth
 * about the login goes before them. */
static CK_RV truth(const struct kh_call *call, CK_RV rv)
{
    kh_rung rung = kh_rv_rung(rv);

    if (rung != KH_RUNG_HANDLE && rung != KH_RUNG_DOUBT && rung != KH_RUNG_PERMANENT)
        return rv;
    return kh_session_logged_in(&call->token->module, call->session) ==
                   CKR_USER_NOT_LOGGED_IN
               ? CKR_USER_NOT_LOGGED_IN
               : rv;
}

/* One attempt, inside the gate. */
static CK_RV attempt(struct kh_call *call, const struct climb *climb)
{
    struct kh_sessions *sessions = &call->token->sessions;
    CK_RV rv;

    call->session = CK_INVALID_HANDLE;
    call->soiled = false;
    rv = kh_said(call, "C_OpenSession",
        kh_session_borrow(sessions, climb->deadline, &call->session));
    if (rv == CKR_CANCEL)
        return kh_verdict(call, kh_fail(call->err, KH_UNAVAILABLE,
                                    "all %u sessions of the token are busy; try again "
                                    "later, or raise option sessions",
                                    sessions->max));
    if (rv != CKR_OK)
        return rv;
    rv = climb->work(call, climb->arg);
    if (rv != CKR_OK && rv != KH_RV_VERDICT)
        rv = truth(call, rv);
    /* A verdict comes after calls that went well, or says so: the session has no
     * operation left in it. */
    kh_session_return(
        sessions, call->session, (rv == CKR_OK || rv == KH_RV_VERDICT) && !call->soiled);
    return rv;
}

static kh_status give_up(
    struct kh_token *token, const char *what, CK_RV rv, struct kh_error *err)
{
    kh_rung rung = kh_rv_rung(rv);

    if ((rung == KH_RUNG_DOUBT || rung == KH_RUNG_PRESSURE) &&
        kh_softhsm_full(&token->softhsm))
        return kh_fail(err, KH_UNAVAILABLE,
            "%s: %s (0x%lx): the token is full: no space left in its directory", what,
            kh_rv_name(rv), (unsigned long)rv);
    return kh_rv_fail(err, what, rv);
}

/* The token says it is well, and the operation fails: normally that is the request's
 * fault. */
static kh_status doubt(struct kh_token *token, struct climb *climb, struct kh_error *err)
{
    struct kh_error ignored = {0};
    struct climb test = {.work = kh_run_self_test,
        .deadline = climb->deadline,
        .generation = climb->generation};
    struct kh_call call = {.token = token,
        .p11 = token->module.p11,
        .quirks = token->module.quirks.flags,
        .err = &ignored};
    uint64_t now = kh_clock_now();
    bool try_mend;
    kh_status st =
        kh_gate_enter(&token->gate, climb->deadline, &test.generation, &try_mend, err);
    CK_RV rv;

    if (st != KH_OK)
        return st;
    if (try_mend)
        return kh_recover(token, climb->generation, KH_RUNG_DEVICE, climb->deadline, err);
    kh_sessions_drop_idle(&token->sessions);
    rv = attempt(&call, &test);
    kh_gate_leave(&token->gate);
    if (rv == CKR_OK && (atomic_fetch_add(&token->doubts, 1) + 1 < DOUBTS_MAX ||
                            now - atomic_load(&token->doubted_at) < DOUBTS_APART))
        return KH_OK;
    if (rv == KH_RV_VERDICT)
        return kh_fail(err, call.verdict, "%s", ignored.message);
    atomic_store(&token->doubted_at, now);
    atomic_store(&token->doubts, 0);
    return kh_recover(token, climb->generation, KH_RUNG_DEVICE, climb->deadline, err);
}

/* KH_OK: try the operation again. */
static kh_status step(
    struct kh_token *token, struct climb *climb, const struct kh_call *failed, CK_RV rv)
{
    kh_rung rung = kh_rv_rung(rv);
    struct kh_error *err = failed->err;
    kh_status st;

    if (rung == KH_RUNG_PERMANENT || rung == KH_RUNG_PRESSURE ||
        climb->used[rung]++ > 0) {
        st = give_up(token, failed->what, rv, err);
        if (rung == KH_RUNG_DEVICE || rung == KH_RUNG_LOGIN)
            kh_gate_trip(&token->gate, climb->generation, err);
        return st;
    }
    token->host->log(token->host, KH_LOG_INFO, "%s: %s (0x%lx): trying to recover",
        failed->what, kh_rv_name(rv), (unsigned long)rv);
    switch (rung) {
    case KH_RUNG_SESSION:
        kh_sessions_drop_idle(&token->sessions);
        return KH_OK;
    case KH_RUNG_HANDLE:
        if (climb->key)
            kh_cache_drop(&token->cache, climb->key);
        return KH_OK;
    case KH_RUNG_DOUBT:
        if (kh_softhsm_full(&token->softhsm))
            return give_up(token, failed->what, rv, err);
        return doubt(token, climb, err);
    default:
        return kh_recover(token, climb->generation, rung, climb->deadline, err);
    }
}

static kh_status check_process(const struct kh_token *token, struct kh_error *err)
{
    if (getpid() != token->pid)
        return kh_fail(err, KH_FATAL,
            "the process forked after the token was opened; a child must not use it");
    return KH_OK;
}

kh_status kh_run(struct kh_token *token, kh_work work, void *arg,
    const struct kh_key_id *key, struct kh_error *err)
{
    struct climb climb = {.work = work,
        .arg = arg,
        .key = key,
        .deadline = kh_clock_now() + token->patience};
    struct kh_call call = {.token = token,
        .p11 = token->module.p11,
        .quirks = token->module.quirks.flags,
        .what = "?",
        .err = err};
    kh_status st = check_process(token, err);

    while (st == KH_OK) {
        bool try_mend;
        CK_RV rv;

        st = kh_gate_enter(
            &token->gate, climb.deadline, &climb.generation, &try_mend, err);
        if (st == KH_OK && try_mend) {
            st = kh_recover(token, climb.generation, KH_RUNG_DEVICE, climb.deadline, err);
            continue;
        }
        if (st != KH_OK)
            break;
        rv = attempt(&call, &climb);
        kh_gate_leave(&token->gate);
        if (rv == CKR_OK) {
            atomic_store(&token->doubts, 0);
            return KH_OK;
        }
        if (rv == KH_RV_VERDICT)
            return call.verdict;
        st = step(token, &climb, &call, rv);
    }
    return st;
}
