/* Which token: by label, serial or slot number. Slot numbers of SoftHSM change; serials
 * do not. */
#ifndef KH_PKCS11_SLOT_H
#define KH_PKCS11_SLOT_H

#include "plugins/pkcs11/module.h"
#include <keyhsm/plugin.h>

/* What the operator asked for; NULL and false: do not care. All that is given must match.
 */
struct kh_slot_choice {
    const char *label;
    const char *serial;
    bool has_slot;
    CK_SLOT_ID slot;
};

struct kh_slot {
    CK_SLOT_ID id;
    char label[33];
    char serial[17];
    char manufacturer[33];
    CK_FLAGS flags; /* of CK_TOKEN_INFO, as read by kh_slot_find: before the login */
    CK_ULONG pin_min;
    CK_ULONG pin_max;
};

/* A string option; NULL when it is unset or empty. The string is the host's. */
const char *kh_option_given(const struct kh_host *host, const char *option);

/* What the options token_label, token_serial and slot say. The strings are the host's. */
void kh_slot_choice_read(const struct kh_host *host, struct kh_slot_choice *choice);

/* Reads all tokens (C_GetSlotList, C_GetTokenInfo). KH_UNAVAILABLE: none matches (the
 * message lists those that are there) or the one chosen is not initialised. KH_REFUSED:
 * more than one matches (the message lists them). */
KH_CHECK kh_status kh_slot_find(const struct kh_module *module,
    const struct kh_slot_choice *choice, struct kh_slot *slot, struct kh_error *err);

/* The first slot with a token that nobody has initialised. KH_UNAVAILABLE: there is none.
 */
KH_CHECK kh_status kh_slot_find_blank(
    const struct kh_module *module, struct kh_slot *slot, struct kh_error *err);

#endif
