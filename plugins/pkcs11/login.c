#include "plugins/pkcs11/login.h"

#include "plugins/pkcs11/rv.h"

static bool has_pin_pad(const struct kh_slot *slot)
{
    return slot->flags & CKF_PROTECTED_AUTHENTICATION_PATH;
}

/* A PIN that cannot be right must not cost an attempt. */
static kh_status check_length(
    const struct kh_login *login, const struct kh_slot *slot, struct kh_error *err)
{
    if (login->pin.len == 0)
        return kh_fail(err, KH_REFUSED,
            "token '%s': the PIN is empty; no login was tried", slot->label);
    if (login->pin.len < slot->pin_min ||
        (slot->pin_max && login->pin.len > slot->pin_max))
        return kh_fail(err, KH_REFUSED,
            "token '%s': a PIN has %lu to %lu characters, this one has not; no login was "
            "tried",
            slot->label, (unsigned long)slot->pin_min, (unsigned long)slot->pin_max);
    return KH_OK;
}

kh_status kh_login_load(struct kh_login *login, const struct kh_host *host,
    const struct kh_slot *slot, struct kh_error *err)
{
    char prompt[80];
    kh_status st;

    if (login->loaded || has_pin_pad(slot))
        return KH_OK;
    snprintf(prompt, sizeof prompt, "PIN of token '%s': ", slot->label);
    st = host->secret(
        host, host->option_string(host, "pin_source"), prompt, &login->pin, err);
    if (st != KH_OK)
        return st;
    login->loaded = true;
    return check_length(login, slot, err);
}

kh_status kh_login_check(const struct kh_login *login, const struct kh_host *host,
    const struct kh_slot *slot, struct kh_error *err)
{
    const char *label = slot->label;

    if (login->latched)
        return kh_fail(err, KH_REFUSED,
            "token '%s' refused the PIN before; it is not tried again: restart with the "
            "right one",
            label);
    if (!(slot->flags & CKF_USER_PIN_INITIALIZED))
        return kh_fail(
            err, KH_REFUSED, "token '%s' has no user PIN yet; set one first", label);
    if (slot->flags & CKF_USER_PIN_LOCKED)
        return kh_fail(err, KH_REFUSED,
            "the PIN of token '%s' is locked; the security officer must set a new one",
            label);
    if (slot->flags & CKF_USER_PIN_FINAL_TRY)
        return kh_fail(err, KH_REFUSED,
            "token '%s' has one try left before its PIN locks; no login was tried: log "
            "in once "
            "with the vendor's tool to reset the count",
            label);
    if (slot->flags & CKF_USER_PIN_TO_BE_CHANGED)
        return kh_fail(err, KH_REFUSED,
            "the PIN of token '%s' must be changed before it can be used", label);
    if (slot->flags & CKF_USER_PIN_COUNT_LOW)
        host->log(host, KH_LOG_WARNING,
            "token '%s': a wrong PIN was given since the last login (count low)", label);
    return KH_OK;
}

kh_status kh_login_do(struct kh_login *login, const struct kh_module *module,
    const struct kh_slot *slot, CK_SESSION_HANDLE session, struct kh_error *err)
{
    CK_RV rv = module->p11->C_Login(session, CKU_USER, login->pin.data, login->pin.len);

    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return KH_OK;
    if (kh_rv_rung(rv) != KH_RUNG_PERMANENT)
        return kh_rv_fail(err, "C_Login", rv);
    login->latched = true;
    return kh_fail(err, KH_REFUSED,
        "token '%s' refused the login: %s (0x%lx); it was tried once and is not tried "
        "again",
        slot->label, kh_rv_name(rv), (unsigned long)rv);
}

void kh_login_wipe(struct kh_login *login, const struct kh_host *host)
{
    host->buf_free(host, &login->pin);
    login->loaded = false;
}
