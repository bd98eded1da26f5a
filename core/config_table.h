/* Inside the configuration: sections and entries. For core/config.c, core/config_free.c
 * and core/config_read.c only. */
#ifndef KH_CORE_CONFIG_TABLE_H
#define KH_CORE_CONFIG_TABLE_H

#include "core/config.h"

struct kh_config_section {
    char *name;
    char *where; /* "FILE:LINE", or "--set NAME"; NULL when it was only claimed */
    bool claimed;
    const struct kh_option *options; /* of the claim; not owned */
    size_t option_count;
};

struct kh_config_entry {
    char *section;
    char *key;
    char *value;
    char *where;    /* "FILE:LINE", or "--set SECTION.KEY" */
    bool commented; /* a comment behind the value was cut off */
};

struct kh_config {
    char *path; /* NULL: no file */
    struct kh_config_section *sections;
    size_t section_count;
    struct kh_config_entry *entries;
    size_t entry_count;
};

/* Section NAME, or NULL. A later kh_config_section_add moves it. */
struct kh_config_section *kh_config_section_find(
    const struct kh_config *config, const char *name);

/* Finds section NAME, or adds it. WHERE (may be NULL) is copied when the section has none
 * yet. */
KH_CHECK kh_status kh_config_section_add(
    struct kh_config *config, const char *name, const char *where, struct kh_error *err);

/* Sets SECTION KEY to VALUE. KH_INVALID, saying where, when it is set and REPLACE is
 * false. */
KH_CHECK kh_status kh_config_entry_set(struct kh_config *config,
    const struct kh_config_entry *entry, bool replace, struct kh_error *err);

/* Reads config->path into the table. */
KH_CHECK kh_status kh_config_read(struct kh_config *config, struct kh_error *err);

#endif
