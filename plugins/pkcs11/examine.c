#include "plugins/pkcs11/examine.h"

#include "plugins/pkcs11/login.h"
#include "plugins/pkcs11/softhsm.h"
#include "plugins/pkcs11/statedir.h"

#include <stdlib.h>
#include <string.h>

struct exam {
    const struct kh_host *host;
    kh_finding_fn fn;
    void *arg;
};

static void tell(const struct exam *exam, const char *check, const char *detail)
{
    const struct kh_finding finding = {.check = check, .detail = detail};

    exam->fn(exam->arg, &finding);
}

/* WHY is filled. */
static void blame(const struct exam *exam, const char *check, const struct kh_error *why,
    const char *remedy)
{
    const struct kh_finding finding = {check, why->status, why->message, remedy};

    exam->fn(exam->arg, &finding);
}

static void look_at_state(const struct exam *exam)
{
    const char *path = exam->host->option_string(exam->host, "state_dir");
    struct kh_error why = {0};
    char text[1200];
    bool there;

    if (kh_statedir_look(path, &there, &why) != KH_OK) {
        blame(exam, "state directory", &why,
            "give it to the user of the daemon alone: chown, chmod 0700");
        return;
    }
    (void)snprintf(
        text, sizeof text, "%s%s", path, there ? "" : " is made when it is first needed");
    tell(exam, "state directory", text);
}

static bool look_at_module(const struct exam *exam, struct kh_module *module)
{
    const struct kh_host *host = exam->host;
    const char *path = host->option_string(host, "module");
    struct kh_error why = {0};
    char text[1200];
    kh_status st = kh_softhsm_configure(host, &why);

    if (st == KH_OK)
        st = kh_module_load(module, path, &why);
    if (st == KH_OK)
        st = kh_module_init(module, &why);
    if (st != KH_OK) {
        blame(exam, "PKCS#11 module", &why,
            "install the client software of the HSM, and set option module to its "
            "shared object");
        return false;
    }
    (void)snprintf(
        text, sizeof text, "%s: %s, %s", path, module->manufacturer, module->description);
    tell(exam, "PKCS#11 module", text);
    return true;
}

static bool look_at_token(
    const struct exam *exam, const struct kh_module *module, struct kh_slot *slot)
{
    struct kh_slot_choice choice;
    struct kh_error why = {0};
    char text[200];

    kh_slot_choice_read(exam->host, &choice);
    if (kh_slot_find(module, &choice, slot, &why) != KH_OK) {
        blame(exam, "token", &why,
            "initialise the token with the vendor's tools, or choose another by "
            "token_label, token_serial or slot");
        return false;
    }
    if (slot->flags & CKF_WRITE_PROTECTED) {
        (void)kh_fail(&why, KH_REFUSED,
            "token '%s' is write-protected: deposit keys cannot be made on it",
            slot->label);
        blame(exam, "token", &why, "remove the write protection with the vendor's tools");
        return true;
    }
    (void)snprintf(text, sizeof text, "'%s', serial %s, slot %lu, %s", slot->label,
        slot->serial, (unsigned long)slot->id, slot->manufacturer);
    tell(exam, "token", text);
    return true;
}

/* NULL: it can be read here and now, by anybody who may. Else what it is. */
static const char *out_of_reach(const char *source)
{
    if (strcmp(source, "prompt") == 0)
        return "prompt: asked on the terminal, so a start cannot go unattended";
    if (strncmp(source, "fd:", 3) == 0)
        return "a descriptor, which can be read only once: not read here";
    if (strncmp(source, "credential:", 11) == 0 && !getenv("CREDENTIALS_DIRECTORY"))
        return "a credential, which systemd gives to the daemon alone: not read here";
    return NULL;
}

/* SLOT without a label: no token was found, only the source can be looked at. */
static void look_at_pin(const struct exam *exam, const struct kh_slot *slot)
{
    const struct kh_host *host = exam->host;
    const char *source = host->option_string(host, "pin_source");
    const char *hidden = out_of_reach(source);
    struct kh_login login = {.loaded = false};
    struct kh_error why = {0};
    kh_status st = KH_OK;

    if (*slot->label && !(slot->flags & CKF_LOGIN_REQUIRED)) {
        tell(exam, "PIN", "the token wants none");
        return;
    }
    if (*slot->label)
        st = kh_login_check(&login, host, slot, &why);
    if (st == KH_OK && slot->flags & CKF_PROTECTED_AUTHENTICATION_PATH) {
        tell(exam, "PIN", "typed on the token's own PIN pad");
        return;
    }
    if (st == KH_OK && !hidden)
        st = kh_login_load(&login, host, slot, &why);
    kh_login_wipe(&login, host);
    if (st != KH_OK)
        blame(exam, "PIN", &why,
            "see pin_source in keyhsm.ini(5): a file of root alone, mode 0600, with the "
            "PIN in its only line");
    else
        tell(exam, "PIN", hidden ? hidden : source);
}

kh_status kh_pkcs11_examine(
    const struct kh_host *host, kh_finding_fn fn, void *arg, struct kh_error *err)
{
    const struct exam exam = {host, fn, arg};
    struct kh_module module = {.init_args = kh_option_given(host, "init_args")};
    struct kh_slot slot = {.label = ""};

    (void)err;
    look_at_state(&exam);
    if (look_at_module(&exam, &module) && !look_at_token(&exam, &module, &slot))
        slot = (struct kh_slot){.label = ""};
    look_at_pin(&exam, &slot);
    kh_module_fini(&module);
    return KH_OK;
}
