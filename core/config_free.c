#include "core/config_table.h"

#include "core/config_value.h"
#include "core/deposit.h"

#include <string.h>

static bool is_label(const char *key)
{
    return *key && key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789-_")] == '\0';
}

static bool is_text(const char *value)
{
    for (const char *p = value; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return false;
    }
    return kh_utf8_valid(value, strlen(value));
}

static kh_status check_entry(const struct kh_config_entry *e, struct kh_error *err)
{
    /* --set has not been through the reader's checks. */
    if (!is_label(e->key) || strlen(e->key) > KH_CONFIG_NAME_MAX)
        return kh_fail(err, KH_INVALID,
            "%s: '%.64s' is no key of [%s]; give 1 to %d letters, digits, '-' or '_'",
            e->where, e->key, e->section, KH_CONFIG_NAME_MAX);
    if (e->commented)
        return kh_fail(err, KH_INVALID,
            "%s: %s: ' ;' would end the value; write a comment on a line of its own, and "
            "a ';' of the value as '\\;'",
            e->where, e->key);
    if (strlen(e->value) > KH_OPTION_TEXT_MAX)
        return kh_fail(err, KH_INVALID, "%s: %s: the value is longer than %d bytes",
            e->where, e->key, KH_OPTION_TEXT_MAX);
    if (!is_text(e->value))
        return kh_fail(err, KH_INVALID,
            "%s: %s: the value is not UTF-8, or holds a control character", e->where,
            e->key);
    return KH_OK;
}

kh_status kh_config_claim_free(
    struct kh_config *config, const char *section, struct kh_error *err)
{
    kh_status st = kh_config_section_add(config, section, NULL, err);

    for (size_t i = 0; st == KH_OK && i < config->entry_count; i++) {
        if (strcmp(config->entries[i].section, section) == 0)
            st = check_entry(&config->entries[i], err);
    }
    if (st == KH_OK)
        kh_config_section_find(config, section)->claimed = true;
    return st;
}

kh_status kh_config_pairs(const struct kh_config *config, const char *section,
    kh_status (*fn)(void *arg, const struct kh_config_pair *pair, struct kh_error *err),
    void *arg, struct kh_error *err)
{
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < config->entry_count; i++) {
        const struct kh_config_entry *e = &config->entries[i];
        const struct kh_config_pair pair = {e->key, e->value, e->where};

        if (strcmp(e->section, section) == 0)
            st = fn(arg, &pair, err);
    }
    return st;
}
