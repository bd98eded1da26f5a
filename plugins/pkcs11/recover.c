#include "plugins/pkcs11/recover.h"

#include "plugins/pkcs11/anchor.h"
#include "plugins/pkcs11/find.h"

/* The one login, with SoftHSM's token file guarded around it. */
static kh_status log_in(struct kh_token *token, struct kh_error *err)
{
    struct kh_login *login = &token->login;
    kh_status st;

    if (!(token->slot.flags & CKF_LOGIN_REQUIRED))
        return KH_OK;
    st = kh_login_check(login, token->host, &token->slot, err);
    if (st == KH_OK)
        st = kh_login_load(login, token->host, &token->slot, err);
    if (st == KH_OK)
        st = kh_softhsm_guard(&token->softhsm, token->host, err);
    if (st != KH_OK)
        return st;
    st = kh_login_do(login, &token->module, &token->slot, token->sessions.keeper, err);
    /* The guard goes whatever came of the login; the copy is taken of a file that let us
     * in. */
    if (st == KH_OK)
        st = kh_softhsm_refresh(&token->softhsm, token->host, err);
    kh_softhsm_unguard(&token->softhsm, token->host);
    return st;
}

static kh_status write_protected(const struct kh_token *token, struct kh_error *err)
{
    return kh_fail(err, KH_REFUSED,
        "token '%s' is write-protected: deposit keys cannot be made on it",
        token->slot.label);
}

kh_status kh_bring_up(
    struct kh_token *token, const struct kh_slot_choice *choice, struct kh_error *err)
{
    CK_RV rv;
    kh_status st = kh_softhsm_mend(token->host, err);

    if (st == KH_OK)
        st = kh_module_init(&token->module, err);
    if (st != KH_OK)
        return st;
    st = kh_slot_find(&token->module, choice, &token->slot, err);
    if (st == KH_OK && (token->slot.flags & CKF_WRITE_PROTECTED))
        st = write_protected(token, err);
    if (st == KH_OK)
        st = kh_softhsm_attach(
            &token->softhsm, token->host, &token->module, token->slot.serial, err);
    if (st == KH_OK) {
        rv = kh_sessions_start(&token->sessions, token->slot.id);
        st = rv == CKR_OK ? KH_OK : kh_rv_fail(err, "C_OpenSession", rv);
    }
    if (st == KH_OK)
        st = log_in(token, err);
    if (st == KH_OK)
        st = kh_anchor_ready(token, err);
    if (st != KH_OK) {
        kh_sessions_stop(&token->sessions);
        kh_module_fini(&token->module);
    }
    return st;
}

/* Everything again, from C_Finalize on. With everybody outside. */
static kh_status start_again(struct kh_token *token, struct kh_error *err)
{
    struct kh_slot_choice same = {
        .serial = token->facts.serial, .label = token->facts.label};

    kh_sessions_stop(&token->sessions);
    kh_module_fini(&token->module);
    return kh_bring_up(token, &same, err);
}

/* A login without a new initialisation, where the module can. */
static kh_status log_in_again(struct kh_token *token, struct kh_error *err)
{
    CK_RV rv;

    if (kh_module_quirk(&token->module, KH_QUIRK_ONE_LOGIN))
        return start_again(token, err);
    kh_sessions_stop(&token->sessions);
    rv = kh_sessions_start(&token->sessions, token->slot.id);
    if (rv == CKR_OK)
        rv = kh_session_logged_in(&token->module, token->sessions.keeper);
    if (rv == CKR_USER_NOT_LOGGED_IN) {
        kh_status st;
        struct kh_slot_choice same = {
            .serial = token->facts.serial, .label = token->facts.label};

        /* The flags say whether another try is safe. */
        st = kh_slot_find(&token->module, &same, &token->slot, err);
        return st == KH_OK ? log_in(token, err) : start_again(token, err);
    }
    return rv == CKR_OK ? KH_OK : start_again(token, err);
}

static kh_status mend(struct kh_token *token, kh_rung rung, struct kh_error *err)
{
    bool was_complete = kh_cache_flush(&token->cache);
    kh_status st;

    st = rung == KH_RUNG_LOGIN ? log_in_again(token, err) : start_again(token, err);
    /* Else every key would cost its own search. */
    if (st == KH_OK && was_complete)
        st = kh_fill_cache(token, err);
    return st;
}

kh_status kh_recover(struct kh_token *token, uint64_t generation, kh_rung rung,
    uint64_t deadline, struct kh_error *err)
{
    const struct kh_host *host = token->host;
    bool mine;
    kh_status st = kh_gate_mend(&token->gate, generation, deadline, &mine, err);

    if (st != KH_OK || !mine)
        return st;
    host->log(host, KH_LOG_WARNING, "token '%s': %s", token->facts.label,
        rung == KH_RUNG_LOGIN ? "the login is lost; logging in again"
                              : "the module is initialised again");
    st = mend(token, rung, err);
    /* Only a refused PIN is for ever; an administrator may put all else right meanwhile.
     */
    kh_gate_mended(&token->gate,
        st == KH_REFUSED && !token->login.latched ? KH_UNAVAILABLE : st, err);
    if (st == KH_OK) {
        host->log(host, KH_LOG_NOTICE, "token '%s': recovered", token->facts.label);
        return KH_OK;
    }
    host->log(host, KH_LOG_ERROR, "token '%s': not recovered: %s", token->facts.label,
        err->message);
    /* To a caller a PIN that is refused now is an outage of the token, not of his rights.
     */
    err->status = KH_UNAVAILABLE;
    return KH_UNAVAILABLE;
}
