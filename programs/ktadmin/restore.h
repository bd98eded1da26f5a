/*
 * `ktadmin restore`: the parts, in the order they are used. A backup is read twice: the
 * first time nothing is done with it, so that what is acted on is authentic.
 */
#ifndef KH_KTADMIN_RESTORE_H
#define KH_KTADMIN_RESTORE_H

#include "programs/ktadmin/backup_open.h"

#include <limits.h>

/* ---- staging.c ------------------------------------------------------------------------
 */

/* A directory of this run that the catalog is read into: it holds envelopes and names, no
 * secret in clear. Zero-initialise. */
struct kh_staging {
    char directory[PATH_MAX]; /* "" before make */
    char catalog[PATH_MAX];
    struct kh_backup_manifest
        manifest;                    /* of the second reading, with small files' data */
    struct kh_backup_member *member; /* that is being read */
    int fd;
};

/* Makes it below DIRECTORY; NULL: $TMPDIR, or /tmp. */
KH_CHECK kh_status kh_staging_make(
    struct kh_staging *staging, const char *directory, struct kh_error *err);
/* Reads OPENED again: the catalog into a file, all else into secret memory. */
KH_CHECK kh_status kh_staging_fill(
    struct kh_staging *staging, struct kh_backup_opened *opened, struct kh_error *err);
/* Checks the catalog as a whole, and that it is what FACTS says. KH_CORRUPT. */
KH_CHECK kh_status kh_staging_check(const struct kh_staging *staging,
    const struct kh_backup_facts *facts, struct kh_error *err);
/* Removes the directory. */
void kh_staging_free(struct kh_staging *staging);

#endif
