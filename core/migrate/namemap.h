/*
 * New names for old: the file of --name-map, and the one --suggest-names writes.
 *
 * A text file, one renaming a line: the old name percent-encoded, a tab, the new name.
 * Lines that are empty or begin with '#' are ignored.
 */
#ifndef KH_MIGRATE_NAMEMAP_H
#define KH_MIGRATE_NAMEMAP_H

#include <keyhsm/types.h>

struct kh_name_map;

/* KH_INVALID: unreadable, malformed ("FILE:LINE: ..."), or an old name that stands twice.
 * Whether the new names are any good is for the plan to find. */
KH_CHECK kh_status kh_name_map_load(
    struct kh_name_map **out, const char *path, struct kh_error *err);
void kh_name_map_free(struct kh_name_map *map);

/* The new name of OLD, or OLD. MAP may be NULL. Owned by MAP or the caller. */
const char *kh_name_map_to(const struct kh_name_map *map, const char *old);
bool kh_name_map_has(const struct kh_name_map *map, const char *old);
/* Which old name becomes NEW_NAME; NEW_NAME itself when no renaming touches it; NULL when
 * the deposit of that name gets another and none gets this one. */
const char *kh_name_map_from(const struct kh_name_map *map, const char *new_name);

size_t kh_name_map_count(const struct kh_name_map *map);
/* The renamings in order of the new name. */
void kh_name_map_at(
    const struct kh_name_map *map, size_t i, const char **old, const char **new_name);
/* SHA-256 over all renamings, in hex; "none" without a map. OUT takes 65 bytes. */
KH_CHECK kh_status kh_name_map_digest(
    const struct kh_name_map *map, char out[65], struct kh_error *err);

/* Proposals under way. TAKEN tells whether a name is in use already. */
struct kh_suggestions;
typedef kh_status (*kh_name_taken_fn)(
    void *arg, const char *name, bool *taken, struct kh_error *err);
struct kh_suggestions *kh_suggestions_new(void);
void kh_suggestions_free(struct kh_suggestions *suggestions);
/* Proposes a conforming, free name for OLD (whose present target is TARGET). */
KH_CHECK kh_status kh_suggestions_add(struct kh_suggestions *suggestions, const char *old,
    const char *target, kh_name_taken_fn taken, void *arg, struct kh_error *err);
size_t kh_suggestions_count(const struct kh_suggestions *suggestions);
/* Writes a map: what KEEP (may be NULL) says of other names, then the proposals.
 * KH_EXISTS: PATH is there. */
KH_CHECK kh_status kh_suggestions_write(const struct kh_suggestions *suggestions,
    const struct kh_name_map *keep, const char *path, struct kh_error *err);

#endif
