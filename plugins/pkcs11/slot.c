#include "plugins/pkcs11/slot.h"

#include "plugins/pkcs11/rv.h"

#include <stdlib.h>
#include <string.h>

const char *kh_option_given(const struct kh_host *host, const char *option)
{
    const char *text = host->option_string(host, option);

    return text && *text ? text : NULL;
}

void kh_slot_choice_read(const struct kh_host *host, struct kh_slot_choice *choice)
{
    *choice = (struct kh_slot_choice){
        .label = kh_option_given(host, "token_label"),
        .serial = kh_option_given(host, "token_serial"),
        .has_slot = kh_option_given(host, "slot") != NULL,
    };
    if (choice->has_slot)
        choice->slot = (CK_SLOT_ID)host->option_int(host, "slot");
}

/* A list of tokens for a message, cut when it gets long. */
struct listing {
    char text[300];
    size_t len;
    unsigned count;
};

static void list_token(struct listing *list, const struct kh_slot *slot)
{
    bool set_up = slot->flags & CKF_TOKEN_INITIALIZED;
    int n;

    list->count++;
    if (list->len >= sizeof list->text - 1)
        return;
    n = snprintf(list->text + list->len, sizeof list->text - list->len,
        set_up ? "%s'%s' (serial %s, slot %lu)" : "%san uninitialised one%s%s (slot %lu)",
        list->count > 1 ? ", " : "", set_up ? slot->label : "",
        set_up ? slot->serial : "", (unsigned long)slot->id);
    list->len = n < 0 ? sizeof list->text : list->len + (size_t)n;
}

static CK_RV slot_ids(const struct kh_module *module, CK_SLOT_ID **ids, CK_ULONG *count)
{
    CK_RV rv = module->p11->C_GetSlotList(CK_TRUE, NULL, count);

    /* A token may be plugged in between the two calls. */
    for (int i = 0; i < 5 && rv == CKR_OK; i++) {
        CK_SLOT_ID *more = realloc(*ids, (*count + 1) * sizeof **ids);

        if (!more)
            return CKR_HOST_MEMORY;
        *ids = more;
        rv = module->p11->C_GetSlotList(CK_TRUE, *ids, count);
        if (rv != CKR_BUFFER_TOO_SMALL)
            return rv;
        rv = module->p11->C_GetSlotList(CK_TRUE, NULL, count);
    }
    return rv;
}

static CK_RV read_token(
    const struct kh_module *module, CK_SLOT_ID id, struct kh_slot *slot)
{
    CK_TOKEN_INFO info = {0};
    CK_RV rv = module->p11->C_GetTokenInfo(id, &info);

    if (rv != CKR_OK)
        return rv;
    memset(slot, 0, sizeof *slot);
    slot->id = id;
    kh_module_text(slot->label, info.label, sizeof info.label);
    kh_module_text(slot->serial, info.serialNumber, sizeof info.serialNumber);
    kh_module_text(slot->manufacturer, info.manufacturerID, sizeof info.manufacturerID);
    slot->flags = info.flags;
    slot->pin_min = info.ulMinPinLen;
    slot->pin_max = info.ulMaxPinLen;
    return CKR_OK;
}

static bool matches(const struct kh_slot_choice *choice, const struct kh_slot *slot)
{
    if (choice->has_slot && choice->slot != slot->id)
        return false;
    if (!(slot->flags & CKF_TOKEN_INITIALIZED))
        return choice->has_slot && !choice->label && !choice->serial;
    if (choice->label && strcmp(choice->label, slot->label) != 0)
        return false;
    return !choice->serial || strcmp(choice->serial, slot->serial) == 0;
}

static void describe(char *out, size_t size, const struct kh_slot_choice *choice)
{
    char slot[40] = "";

    if (choice->has_slot)
        snprintf(slot, sizeof slot, " in slot %lu", (unsigned long)choice->slot);
    snprintf(out, size, "token%s%.32s%s%s%.40s%s", choice->label ? " '" : "",
        choice->label ? choice->label : "", choice->label ? "'" : "",
        choice->serial ? " with serial " : "", choice->serial ? choice->serial : "",
        slot);
}

static kh_status judge(const struct kh_slot_choice *choice, const struct listing *found,
    const struct listing *all, struct kh_error *err)
{
    char wanted[160];

    describe(wanted, sizeof wanted, choice);
    if (found->count == 0)
        return kh_fail(err, KH_UNAVAILABLE, "no %s; the module has %s", wanted,
            all->count ? all->text : "no token at all");
    return kh_fail(err, KH_REFUSED,
        "%u tokens match %s: %s; choose one with token_serial", found->count, wanted,
        found->text);
}

kh_status kh_slot_find(const struct kh_module *module,
    const struct kh_slot_choice *choice, struct kh_slot *slot, struct kh_error *err)
{
    struct listing found = {.text = ""};
    struct listing all = {.text = ""};
    CK_SLOT_ID *ids = NULL;
    CK_ULONG count = 0;
    CK_RV rv = slot_ids(module, &ids, &count);

    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
        struct kh_slot one;

        /* One broken reader must not hide the token in the next. */
        if (read_token(module, ids[i], &one) != CKR_OK)
            continue;
        list_token(&all, &one);
        if (matches(choice, &one)) {
            list_token(&found, &one);
            *slot = one;
        }
    }
    free(ids);
    if (rv != CKR_OK)
        return kh_rv_fail(err, "C_GetSlotList", rv);
    if (found.count != 1)
        return judge(choice, &found, &all, err);
    if (!(slot->flags & CKF_TOKEN_INITIALIZED))
        return kh_fail(err, KH_UNAVAILABLE,
            "the token in slot %lu is not initialised; initialise it with the vendor's "
            "tool "
            "(SoftHSM: softhsm2-util --init-token) and choose it by label",
            (unsigned long)slot->id);
    return KH_OK;
}

kh_status kh_slot_find_blank(
    const struct kh_module *module, struct kh_slot *slot, struct kh_error *err)
{
    CK_SLOT_ID *ids = NULL;
    CK_ULONG count = 0;
    CK_RV rv = slot_ids(module, &ids, &count);
    bool found = false;

    for (CK_ULONG i = 0; rv == CKR_OK && !found && i < count; i++)
        found = read_token(module, ids[i], slot) == CKR_OK &&
                !(slot->flags & CKF_TOKEN_INITIALIZED);
    free(ids);
    if (rv != CKR_OK)
        return kh_rv_fail(err, "C_GetSlotList", rv);
    return found ? KH_OK
                 : kh_fail(err, KH_UNAVAILABLE, "the module has no blank token left");
}
