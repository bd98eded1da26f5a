/* What a backup says of the catalog in it. */
#ifndef KH_BACKUP_FACTS_H
#define KH_BACKUP_FACTS_H

#include "core/backup/manifest.h"

/* Reads generation, counts, tag, identity, contents and tokens of the catalog at PATH,
 * which somebody may be serving; the rest of FACTS stays as it is. With CHECK the
 * catalog's file, rows and references are checked as a whole first. As
 * kh_catalog_open_reader; KH_CORRUPT. */
KH_CHECK kh_status kh_backup_facts_read(
    struct kh_backup_facts *facts, const char *path, bool check, struct kh_error *err);

/* Writes the keys that the catalog at PATH needs to FILE, a new file of mode 0600: CSV
 * (RFC 4180), id, token, scope, profile, state, created. KH_EXISTS, KH_UNAVAILABLE. */
KH_CHECK kh_status kh_backup_keys_write(
    const char *path, const char *file, struct kh_error *err);

#endif
