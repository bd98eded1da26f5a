#include "programs/common/setup.h"

#include "core/backend.h"
#include "core/log.h"
#include "core/secmem.h"

#include <string.h>
#include <stdlib.h>
#include <unistd.h>

static kh_status load(
    struct kh_config **config, const struct kh_setup_wish *wish, struct kh_error *err)
{
    const struct kh_setup_args *args = wish->args;
    const char *path = args->config;
    kh_status st;

    if (!path && wish->default_config && access(wish->default_config, F_OK) == 0)
        path = wish->default_config;
    st = kh_config_load(config, path, err);
    for (unsigned i = 0; st == KH_OK && i < args->set_count; i++)
        st = kh_config_override(*config, args->sets[i], err);
    return st;
}

static kh_status claim(struct kh_config *config, const struct kh_section *sections,
    size_t count, struct kh_error *err)
{
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < count; i++)
        st = sections[i].free
                 ? kh_config_claim_free(config, sections[i].name, err)
                 : kh_config_claim(config, sections[i].name, sections[i].options,
                       sections[i].option_count, sections[i].enforce, err);
    return st;
}

/* All that is decided by the configuration alone. */
static kh_status configure(
    struct kh_setup *setup, const struct kh_setup_wish *wish, struct kh_error *err)
{
    const char *backends = wish->backends;
    kh_status st = load(&setup->config, wish, err);

    if (st == KH_OK)
        st = claim(setup->config, kh_common_sections, KH_COMMON_SECTION_COUNT, err);
    if (st == KH_OK)
        st = claim(setup->config, wish->sections, wish->section_count, err);
    if (st == KH_OK && wish->backend_configured)
        backends = kh_config_string(setup->config, "server", "backend");
    if (st == KH_OK)
        st = kh_backend_claim(setup->config, setup->plugin_dir, backends, err);
    if (st == KH_OK)
        st = kh_config_finish(setup->config, err);
    return st;
}

kh_status kh_setup_memory(const struct kh_setup *setup, struct kh_error *err)
{
    const struct kh_config *config = setup->config;
    bool required = strcmp(kh_config_string(config, "memory", "lock"), "required") == 0;

    return kh_secmem_init((size_t)kh_config_int(config, "memory", "secure_heap"),
        required ? KH_LOCK_REQUIRED : KH_LOCK_PREFERRED, err);
}

kh_status kh_setup_log(
    const struct kh_setup *setup, const struct kh_setup_wish *wish, struct kh_error *err)
{
    const struct kh_config *config = setup->config;
    const char *chosen = wish->args->log_level;
    struct kh_error why = {0};
    kh_log_level level;
    kh_status st;

    if (kh_log_level_parse(
            chosen ? chosen : kh_config_string(config, "log", "level"), &level) != KH_OK)
        return kh_fail(err, KH_INVALID,
            "--log-level: '%.64s' is not one of error|warning|notice|info|debug", chosen);
    st = kh_log_open(
        wish->program, kh_config_string(config, "log", "target"), level, &why);
    if (st != KH_OK)
        return kh_fail(err, st, "%s: target: %s",
            kh_config_where(config, "log", "target"), why.message);
    kh_log_set_format(strcmp(kh_config_string(config, "log", "format"), "json") == 0
                          ? KH_LOG_JSON
                          : KH_LOG_TEXT);
    return KH_OK;
}

bool kh_setup_add_set(struct kh_setup_args *args, const char *key, const char *value)
{
    char *text = NULL;

    if (args->set_count == KH_SETUP_SETS_MAX || asprintf(&text, "%s=%s", key, value) < 0)
        return false;
    args->sets[args->set_count++] = text;
    return true;
}

void kh_setup_drop_sets(struct kh_setup_args *args, unsigned given)
{
    while (args->set_count > given)
        free((void *)(uintptr_t)args->sets[--args->set_count]);
}

kh_status kh_setup_configure(
    struct kh_setup *setup, const struct kh_setup_wish *wish, struct kh_error *err)
{
    kh_status st;

    *setup = (struct kh_setup){.plugin_dir = wish->args->plugin_dir};
    st = configure(setup, wish, err);
    /* A plugin that is missing or refused is the configuration's fault, too. */
    if (st != KH_OK && st != KH_FATAL) {
        st = KH_INVALID;
        if (err)
            err->status = st;
    }
    if (st != KH_OK)
        kh_setup_free(setup);
    return st;
}

kh_status kh_setup(
    struct kh_setup *setup, const struct kh_setup_wish *wish, struct kh_error *err)
{
    kh_status st = kh_setup_configure(setup, wish, err);

    if (st != KH_OK)
        return st;
    st = kh_setup_memory(setup, err);
    if (st == KH_OK)
        st = kh_setup_log(setup, wish, err);
    if (st != KH_OK)
        kh_setup_free(setup);
    return st;
}

void kh_setup_free(struct kh_setup *setup)
{
    kh_config_free(setup->config);
    *setup = (struct kh_setup){0};
}
