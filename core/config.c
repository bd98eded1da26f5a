#include "core/config.h"

#include "core/config_table.h"
#include "core/config_value.h"

#include <stdlib.h>
#include <string.h>

static kh_status no_memory(struct kh_error *err)
{
    return kh_fail(err, KH_FATAL, "no memory for the configuration");
}

struct kh_config_section *kh_config_section_find(
    const struct kh_config *config, const char *name)
{
    for (size_t i = 0; i < config->section_count; i++) {
        if (strcmp(config->sections[i].name, name) == 0)
            return &config->sections[i];
    }
    return NULL;
}

static struct kh_config_entry *find_entry(
    const struct kh_config *config, const char *section, const char *key)
{
    for (size_t i = 0; i < config->entry_count; i++) {
        struct kh_config_entry *e = &config->entries[i];

        if (strcmp(e->key, key) == 0 && strcmp(e->section, section) == 0)
            return e;
    }
    return NULL;
}

kh_status kh_config_section_add(
    struct kh_config *config, const char *name, const char *where, struct kh_error *err)
{
    struct kh_config_section *s = kh_config_section_find(config, name);

    if (!s) {
        s = realloc(config->sections, (config->section_count + 1) * sizeof *s);
        if (!s)
            return no_memory(err);
        config->sections = s;
        s += config->section_count;
        *s = (struct kh_config_section){.name = strdup(name)};
        if (!s->name)
            return no_memory(err);
        config->section_count++;
    }
    if (where && !s->where) {
        s->where = strdup(where);
        if (!s->where)
            return no_memory(err);
    }
    return KH_OK;
}

static void free_entry(struct kh_config_entry *e)
{
    free(e->section);
    free(e->key);
    free(e->value);
    free(e->where);
}

kh_status kh_config_entry_set(struct kh_config *config,
    const struct kh_config_entry *entry, bool replace, struct kh_error *err)
{
    struct kh_config_entry *e = find_entry(config, entry->section, entry->key);
    struct kh_config_entry fresh;

    if (e && !replace)
        return kh_fail(err, KH_INVALID,
            "%s: '%s' stands twice in [%s]; the first is at %s", entry->where, entry->key,
            entry->section, e->where);
    fresh = (struct kh_config_entry){strdup(entry->section), strdup(entry->key),
        strdup(entry->value), strdup(entry->where), entry->commented};
    if (!fresh.section || !fresh.key || !fresh.value || !fresh.where) {
        free_entry(&fresh);
        return no_memory(err);
    }
    if (e) {
        free_entry(e);
    } else {
        e = realloc(config->entries, (config->entry_count + 1) * sizeof *e);
        if (!e) {
            free_entry(&fresh);
            return no_memory(err);
        }
        config->entries = e;
        e += config->entry_count++;
    }
    *e = fresh;
    return KH_OK;
}

kh_status kh_config_load(struct kh_config **out, const char *path, struct kh_error *err)
{
    struct kh_config *config = calloc(1, sizeof *config);
    kh_status st = KH_OK;

    *out = NULL;
    if (!config)
        return no_memory(err);
    if (path) {
        config->path = strdup(path);
        st = config->path ? kh_config_read(config, err) : no_memory(err);
    }
    if (st != KH_OK) {
        kh_config_free(config);
        return st;
    }
    *out = config;
    return KH_OK;
}

kh_status kh_config_override(
    struct kh_config *config, const char *assignment, struct kh_error *err)
{
    const char *equals = strchr(assignment, '=');
    const char *dot =
        equals ? memrchr(assignment, '.', (size_t)(equals - assignment)) : NULL;
    struct kh_config_entry entry = {0};
    char *where = NULL;
    char *section = NULL;
    kh_status st;

    /* The value is not repeated: somebody may have put a secret there. */
    if (!dot || dot == assignment || dot + 1 == equals)
        return kh_fail(err, KH_INVALID,
            "--set: give SECTION.KEY=VALUE, for example --set log.level=debug");
    section = strndup(assignment, (size_t)(dot - assignment));
    entry.section = section;
    entry.key = strndup(dot + 1, (size_t)(equals - dot - 1));
    entry.value = (char *)(uintptr_t)(equals + 1);
    if (!section || !entry.key ||
        asprintf(&where, "--set %s.%s", section, entry.key) < 0) {
        st = no_memory(err);
        where = NULL;
        goto out;
    }
    entry.where = where;
    st = kh_config_section_add(config, section, where, err);
    if (st == KH_OK)
        st = kh_config_entry_set(config, &entry, true, err);
out:
    free(section);
    free(entry.key);
    free(where);
    return st;
}

static kh_status unknown_option(const struct kh_config_entry *e,
    const struct kh_option *options, size_t count, struct kh_error *err)
{
    const char *near = kh_option_nearest(options, count, e->key);
    char known[256] = "";
    size_t len = 0;

    if (near)
        return kh_fail(err, KH_INVALID, "%s: [%s] has no option '%s'; did you mean '%s'?",
            e->where, e->section, e->key, near);
    for (size_t i = 0; i < count; i++) {
        int n = snprintf(
            known + len, sizeof known - len, "%s%s", i ? ", " : "", options[i].name);

        if (n < 0 || (size_t)n >= sizeof known - len)
            break;
        len += (size_t)n;
    }
    known[len] = '\0';
    return kh_fail(err, KH_INVALID, "%s: [%s] has no option '%s'; it has: %s", e->where,
        e->section, e->key, count ? known : "none");
}

static kh_status check_entry(const struct kh_config_entry *e,
    const struct kh_option *options, size_t count, struct kh_error *err)
{
    const struct kh_option *option = kh_option_find(options, count, e->key);
    struct kh_error why = {0};

    if (!option)
        return unknown_option(e, options, count, err);
    if (kh_option_parse(option, e->value, NULL, &why) != KH_OK)
        return kh_fail(err, KH_INVALID, "%s: %s: %s", e->where, e->key, why.message);
    return KH_OK;
}

static kh_status check_required(const struct kh_config *config,
    const struct kh_config_section *s, const struct kh_option *option,
    struct kh_error *err)
{
    if (!(option->flags & KH_OPT_REQUIRED) || option->default_value ||
        find_entry(config, s->name, option->name))
        return KH_OK;
    if (s->where)
        return kh_fail(err, KH_INVALID, "%s: [%s] lacks the required option '%s' (%s)",
            s->where, s->name, option->name, option->help);
    return kh_fail(err, KH_INVALID,
        "%s: there is no [%s] with the required option '%s' (%s)",
        config->path ? config->path : "no configuration file", s->name, option->name,
        option->help);
}

kh_status kh_config_claim(struct kh_config *config, const char *section,
    const struct kh_option *options, size_t count, bool enforce, struct kh_error *err)
{
    kh_status st = kh_config_section_add(config, section, NULL, err);
    struct kh_config_section *s;

    for (size_t i = 0; st == KH_OK && i < config->entry_count; i++) {
        if (strcmp(config->entries[i].section, section) == 0)
            st = check_entry(&config->entries[i], options, count, err);
    }
    if (st != KH_OK)
        return st;
    s = kh_config_section_find(config, section);
    for (size_t i = 0; enforce && st == KH_OK && i < count; i++)
        st = check_required(config, s, &options[i], err);
    if (st != KH_OK)
        return st;
    s->claimed = true;
    s->options = options;
    s->option_count = count;
    return KH_OK;
}

kh_status kh_config_finish(const struct kh_config *config, struct kh_error *err)
{
    for (size_t i = 0; i < config->section_count; i++) {
        const struct kh_config_section *s = &config->sections[i];
        const char *near = NULL;
        unsigned limit = 2;

        if (s->claimed)
            continue;
        for (size_t j = 0; j < config->section_count; j++) {
            const struct kh_config_section *o = &config->sections[j];
            unsigned d =
                o->claimed ? kh_text_distance(s->name, o->name) : KH_DISTANCE_FAR;

            if (d <= limit) {
                near = o->name;
                limit = d;
            }
        }
        return kh_fail(err, KH_INVALID, "%s: there is no section [%s]%s%s%s", s->where,
            s->name, near ? "; did you mean [" : " in this program's configuration",
            near ? near : "", near ? "]?" : "");
    }
    return KH_OK;
}

kh_status kh_config_sections(const struct kh_config *config,
    kh_status (*fn)(void *arg, const char *section, struct kh_error *err), void *arg,
    struct kh_error *err)
{
    /* FN may claim, which moves the array: take nothing of it across the call but the
     * name. */
    for (size_t i = 0; i < config->section_count; i++) {
        kh_status st = KH_OK;

        if (config->sections[i].where)
            st = fn(arg, config->sections[i].name, err);
        if (st != KH_OK)
            return st;
    }
    return KH_OK;
}

/* The text of a claimed option: set, else its default, else NULL. */
static const char *value_of(const struct kh_config *config, const char *section,
    const char *key, const struct kh_option **option)
{
    const struct kh_config_section *s = kh_config_section_find(config, section);
    const struct kh_config_entry *e;

    *option = s && s->claimed ? kh_option_find(s->options, s->option_count, key) : NULL;
    if (!*option)
        return NULL;
    e = find_entry(config, section, key);
    return e ? e->value : (*option)->default_value;
}

const char *kh_config_string(
    const struct kh_config *config, const char *section, const char *key)
{
    const struct kh_option *option;

    return value_of(config, section, key, &option);
}

int64_t kh_config_int(
    const struct kh_config *config, const char *section, const char *key)
{
    const struct kh_option *option;
    const char *text = value_of(config, section, key, &option);
    int64_t n = 0;

    if (!text || kh_option_parse(option, text, &n, NULL) != KH_OK)
        return 0;
    return n;
}

bool kh_config_bool(const struct kh_config *config, const char *section, const char *key)
{
    return kh_config_int(config, section, key) != 0;
}

const char *kh_config_where(
    const struct kh_config *config, const char *section, const char *key)
{
    const struct kh_config_entry *e = key ? find_entry(config, section, key) : NULL;
    const struct kh_config_section *s = kh_config_section_find(config, section);

    if (e)
        return e->where;
    if (!key && s && s->where)
        return s->where;
    return config->path ? config->path : "no configuration file";
}

kh_status kh_config_values(const struct kh_config *config,
    kh_status (*fn)(void *arg, const struct kh_config_value *value, struct kh_error *err),
    void *arg, struct kh_error *err)
{
    kh_status st = KH_OK;

    for (size_t i = 0; i < config->section_count; i++) {
        const struct kh_config_section *s = &config->sections[i];

        for (size_t j = 0; st == KH_OK && s->claimed && j < s->option_count; j++) {
            const struct kh_option *option = &s->options[j];
            const struct kh_config_entry *e = find_entry(config, s->name, option->name);
            const struct kh_config_value value = {.section = s->name,
                .option = option,
                .value = e ? e->value : option->default_value,
                .where = e ? e->where : NULL};

            st = fn(arg, &value, err);
        }
    }
    return st;
}

void kh_config_free(struct kh_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->section_count; i++) {
        free(config->sections[i].name);
        free(config->sections[i].where);
    }
    for (size_t i = 0; i < config->entry_count; i++)
        free_entry(&config->entries[i]);
    free(config->sections);
    free(config->entries);
    free(config->path);
    free(config);
}
