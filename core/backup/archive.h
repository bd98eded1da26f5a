/* The inside of a backup: the manifest, then every member it names. */
#ifndef KH_BACKUP_ARCHIVE_H
#define KH_BACKUP_ARCHIVE_H

#include "core/backup/manifest.h"
#include "core/backup/sink.h"
#include "core/backup/source.h"

/* Fills size and digest of MEMBER from its data or file. KH_UNAVAILABLE, KH_INVALID (over
 * the limit of a file). */
KH_CHECK kh_status kh_backup_measure(
    struct kh_backup_member *member, struct kh_error *err);

/* Writes MANIFEST, whose members are measured, and all of them into SINK. KH_BUSY: a file
 * changed meanwhile. KH_UNAVAILABLE. */
KH_CHECK kh_status kh_backup_pack(const struct kh_backup_manifest *manifest,
    struct kh_backup_sink *sink, struct kh_error *err);

/* Who gets what is read; every function may be NULL. What they get is authentic only when
 * kh_backup_unpack has returned KH_OK. */
struct kh_backup_taker {
    kh_status (*begin)(void *arg, struct kh_backup_member *member, struct kh_error *err);
    kh_status (*chunk)(void *arg, const void *data, size_t len, struct kh_error *err);
    kh_status (*end)(void *arg, struct kh_error *err);
    void *arg;
};

/*
 * Reads SOURCE, just begun, to its end: every size, digest and byte of padding. *MANIFEST
 * goes to kh_backup_manifest_free, also on failure. KH_CORRUPT says what is wrong; what a
 * function of TAKER (which may be NULL) returns other than KH_OK ends it.
 */
KH_CHECK kh_status kh_backup_unpack(struct kh_backup_source *source,
    struct kh_backup_manifest *manifest, const struct kh_backup_taker *taker,
    struct kh_error *err);

#endif
