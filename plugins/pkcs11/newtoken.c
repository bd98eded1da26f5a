#include "plugins/pkcs11/newtoken.h"

#include "plugins/pkcs11/rv.h"
#include "plugins/pkcs11/slot.h"
#include "plugins/pkcs11/softhsm.h"

#include <string.h>

enum { LABEL_LEN = 32 };

static kh_status check_label(const char *label, struct kh_error *err)
{
    size_t len = strlen(label);

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)label[i] < 0x20 || label[i] == 0x7f)
            return kh_fail(err, KH_INVALID, "a token's label has no control characters");
    }
    if (len == 0 || len > LABEL_LEN || label[len - 1] == ' ')
        return kh_fail(err, KH_INVALID,
            "a token's label has 1 to %d bytes and no blank at its end", LABEL_LEN);
    return KH_OK;
}

static kh_status check_pin(const char *whose, const struct kh_buf *pin,
    const struct kh_slot *slot, struct kh_error *err)
{
    if (pin->len < slot->pin_min || (slot->pin_max && pin->len > slot->pin_max))
        return kh_fail(err, KH_INVALID, "%s has %zu characters; %lu to %lu are possible",
            whose, pin->len, (unsigned long)slot->pin_min, (unsigned long)slot->pin_max);
    return KH_OK;
}

/* That the label is free is looked up among all tokens. */
static kh_status must_be_new(
    const struct kh_module *module, const char *label, struct kh_error *err)
{
    const struct kh_slot_choice choice = {.label = label};
    struct kh_error why = {0};
    struct kh_slot slot;
    kh_status st = kh_slot_find(module, &choice, &slot, &why);

    if (st == KH_OK || st == KH_REFUSED)
        return kh_fail(err, KH_EXISTS, "there is a token '%s' already", label);
    return KH_OK;
}

/* Between an officer's login and logout on SESSION. */
static CK_RV set_user_pin(CK_FUNCTION_LIST_PTR p11, CK_SESSION_HANDLE session,
    const struct kh_creation *creation, const char **what)
{
    const struct kh_buf *officer = creation->admin_secret;
    CK_RV rv = p11->C_Login(session, CKU_SO, officer->data, officer->len);

    *what = "C_Login of the security officer";
    if (rv != CKR_OK)
        return rv;
    *what = "C_InitPIN";
    rv = p11->C_InitPIN(session, creation->secret->data, creation->secret->len);
    (void)p11->C_Logout(session);
    return rv;
}

static kh_status initialise(const struct kh_module *module, CK_SLOT_ID slot,
    const struct kh_creation *creation, struct kh_error *err)
{
    const struct kh_buf *officer = creation->admin_secret;
    CK_FUNCTION_LIST_PTR p11 = module->p11;
    CK_UTF8CHAR label[LABEL_LEN];
    CK_SESSION_HANDLE session;
    const char *what = "C_InitToken";
    CK_RV rv;

    memset(label, ' ', sizeof label);
    memcpy(label, creation->name, strlen(creation->name));
    rv = p11->C_InitToken(slot, officer->data, officer->len, label);
    if (rv == CKR_OK) {
        what = "C_OpenSession";
        rv = p11->C_OpenSession(
            slot, CKF_RW_SESSION | CKF_SERIAL_SESSION, NULL, NULL, &session);
    }
    if (rv == CKR_OK) {
        rv = set_user_pin(p11, session, creation, &what);
        (void)p11->C_CloseSession(session);
    }
    return rv == CKR_OK ? KH_OK : kh_rv_fail(err, what, rv);
}

static kh_status make(const struct kh_module *module, const struct kh_creation *creation,
    struct kh_error *err)
{
    struct kh_slot slot;
    kh_status st;

    if (!kh_module_quirk(module, KH_QUIRK_BLANK_SLOT))
        return kh_fail(err, KH_REFUSED,
            "module %s is not known to have a blank slot, as SoftHSM's does: initialise "
            "the "
            "token with the vendor's tools",
            module->path);
    st = must_be_new(module, creation->name, err);
    if (st == KH_OK)
        st = kh_slot_find_blank(module, &slot, err);
    if (st == KH_OK)
        st = check_pin("the user PIN", creation->secret, &slot, err);
    if (st == KH_OK)
        st = check_pin("the security officer's PIN", creation->admin_secret, &slot, err);
    return st == KH_OK ? initialise(module, slot.id, creation, err) : st;
}

kh_status kh_pkcs11_create(
    const struct kh_host *host, const struct kh_creation *creation, struct kh_error *err)
{
    struct kh_module module = {.init_args = kh_option_given(host, "init_args")};
    kh_status st = check_label(creation->name, err);

    if (st == KH_OK)
        st = kh_softhsm_configure(host, err);
    if (st == KH_OK)
        st = kh_module_load(&module, host->option_string(host, "module"), err);
    if (st == KH_OK)
        st = kh_module_init(&module, err);
    if (st != KH_OK)
        return st;
    st = make(&module, creation, err);
    kh_module_fini(&module);
    return st;
}
