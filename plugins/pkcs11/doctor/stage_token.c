/* Before a login: what the module says of itself and of its tokens. */
#include "plugins/pkcs11/doctor/probe.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLOTS_MAX = 1024 };

static void tell_flags(const CK_TOKEN_INFO *info)
{
    kh_fact_bool("token.writable", !(info->flags & CKF_WRITE_PROTECTED), "%s", "");
    kh_fact_bool("pin.wanted", (info->flags & CKF_LOGIN_REQUIRED) != 0, "%s", "");
    kh_fact_bool(
        "pin.pad", (info->flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0, "%s", "");
    kh_fact_bool("pin.set", (info->flags & CKF_USER_PIN_INITIALIZED) != 0, "%s", "");
    kh_fact_bool("pin.no_failures", !(info->flags & CKF_USER_PIN_COUNT_LOW), "%s", "");
    kh_fact_bool("pin.not_last_try", !(info->flags & CKF_USER_PIN_FINAL_TRY), "%s", "");
    kh_fact_bool("pin.not_locked", !(info->flags & CKF_USER_PIN_LOCKED), "%s", "");
    kh_fact_bool(
        "pin.not_to_be_changed", !(info->flags & CKF_USER_PIN_TO_BE_CHANGED), "%s", "");
    kh_fact_int("pin.min", (long long)info->ulMinPinLen, "%s", "");
    kh_fact_int("pin.max", (long long)info->ulMaxPinLen, "%s", "");
    kh_fact_bool("token.rng", (info->flags & CKF_RNG) != 0, "%s", "");
}

/* -1: the token does not say. */
static long long figure(CK_ULONG value)
{
    return value == CK_UNAVAILABLE_INFORMATION || value > 0x7fffffffffffffffUL
               ? -1
               : (long long)value;
}

static void tell_figures(const CK_TOKEN_INFO *info)
{
    kh_fact_int("memory.private_total", figure(info->ulTotalPrivateMemory), "%s", "");
    kh_fact_int("memory.private_free", figure(info->ulFreePrivateMemory), "%s", "");
    kh_fact_int("memory.public_total", figure(info->ulTotalPublicMemory), "%s", "");
    kh_fact_int("memory.public_free", figure(info->ulFreePublicMemory), "%s", "");
    kh_fact_int("sessions.said_max",
        info->ulMaxRwSessionCount == CK_EFFECTIVELY_INFINITE
            ? -1
            : figure(info->ulMaxRwSessionCount),
        "%s", "");
}

/* PKCS#11 2.40, CK_TOKEN_INFO.utcTime: YYYYMMDDhhmmss00. */
static void tell_clock(const CK_TOKEN_INFO *info)
{
    char text[17];
    struct tm tm = {0};
    bool has = (info->flags & CKF_CLOCK_ON_TOKEN) != 0;

    kh_fact_bool("clock.there", has, "%s", "");
    if (!has)
        return;
    memcpy(text, info->utcTime, 16);
    text[14] = '\0';
    if (!strptime(text, "%Y%m%d%H%M%S", &tm)) {
        kh_fact_bool("clock.readable", false, "'%s'", text);
        return;
    }
    kh_fact_int("clock.skew", (long long)difftime(timegm(&tm), time(NULL)), "%s", "");
}

/* Tokens that a label alone does not tell apart. */
static long long count_label(const struct kh_probe *probe)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    long long alike = 0;

    if (probe->module.p11->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
        return -1;
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info = {0};
        char label[sizeof info.label + 1];

        if (probe->module.p11->C_GetTokenInfo(slots[i], &info) != CKR_OK)
            continue;
        kh_module_text(label, info.label, sizeof info.label);
        alike += strcmp(label, probe->slot.label) == 0;
    }
    return alike;
}

/* One fact for each row of the table that is about this module. */
static void tell_quirks(const struct kh_module *module)
{
    size_t count;
    const struct kh_quirk *rows = kh_quirk_table(&count);
    char name[64];

    for (size_t i = 0; i < count; i++) {
        if (!kh_quirk_applies(&rows[i], &module->info))
            continue;
        (void)snprintf(name, sizeof name, "quirk.%s", rows[i].word);
        kh_fact_detailed(name, kh_quirk_weight_word(rows[i].weight), rows[i].reason);
    }
    if (module->quirks.key_limit > 0)
        kh_fact_int("keys.limit", module->quirks.key_limit, "%s", "");
}

void kh_stage_token(struct kh_probe *probe)
{
    CK_TOKEN_INFO info = {0};
    CK_RV rv = kh_said(&probe->call, "C_GetTokenInfo",
        probe->module.p11->C_GetTokenInfo(probe->slot.id, &info));
    char text[34];

    kh_fact_text("module.manufacturer", probe->module.manufacturer);
    kh_fact_text("module.description", probe->module.description);
    (void)snprintf(text, sizeof text, "%u.%u", probe->module.info.libraryVersion.major,
        probe->module.info.libraryVersion.minor);
    kh_fact_text("module.version", text);
    tell_quirks(&probe->module);
    kh_fact_text("token.label", probe->slot.label);
    kh_fact_text("token.serial", probe->slot.serial);
    kh_fact_int("token.slot", (long long)probe->slot.id, "%s", "");
    kh_fact_rv("token.info", &probe->call, rv);
    if (rv != CKR_OK)
        return;
    kh_module_text(text, info.model, sizeof info.model);
    kh_fact_text("token.model", text);
    (void)snprintf(text, sizeof text, "%u.%u", info.firmwareVersion.major,
        info.firmwareVersion.minor);
    kh_fact_text("token.firmware", text);
    tell_flags(&info);
    tell_figures(&info);
    tell_clock(&info);
    kh_fact_int("token.same_label", count_label(probe), "%s", "");
}

void kh_stage_login(struct kh_probe *probe)
{
    struct kh_handles all = {0};
    CK_RV rv = kh_probe_login(probe);

    kh_fact_rv("login.works", &probe->call, rv);
    if (rv != CKR_OK)
        return;
    rv = kh_find(&probe->call, NULL, 0, &all);
    kh_fact_rv("objects.listed", &probe->call, rv);
    if (rv == CKR_OK)
        kh_fact_int("objects.before", (long long)all.count, "%s", "");
    kh_handles_free(&all);
}
