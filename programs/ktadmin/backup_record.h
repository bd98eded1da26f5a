/*
 * What the state directory remembers of backups: the last one, and the one that an
 * operator has confirmed, which a migration with require_backup waits for.
 */
#ifndef KH_KTADMIN_BACKUP_RECORD_H
#define KH_KTADMIN_BACKUP_RECORD_H

#include "core/backup/manifest.h"

/* The last backup, as `ktadmin backup` wrote it down. */
struct kh_backup_record {
    char tag[9];
    char contents[KH_SHA256_TEXT];
    uint64_t generation;
    int64_t created;
    char sha256[KH_SHA256_TEXT]; /* of the file */
    char path[4097];
};

/* Writes it down in STATE_DIR, for the directory's owner. Does nothing when STATE_DIR is
 * NULL or MANIFEST has no catalog. */
KH_CHECK kh_status kh_backup_record_write(const char *state_dir, const char *path,
    const struct kh_backup_manifest *manifest, struct kh_error *err);

/* KH_NOT_FOUND: none was made here. KH_CORRUPT. */
KH_CHECK kh_status kh_backup_record_read(
    struct kh_backup_record *record, const char *state_dir, struct kh_error *err);

/* Writes down that WHO confirmed RECORD, and that the token was backed up after it. */
KH_CHECK kh_status kh_backup_record_confirm(const char *state_dir,
    const struct kh_backup_record *record, const char *who, struct kh_error *err);

#endif
