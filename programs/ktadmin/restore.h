/*
 * `ktadmin restore`: the parts, in the order they are used. A backup is read twice: the
 * first time nothing is done with it, so that what is acted on is authentic.
 */
#ifndef KH_KTADMIN_RESTORE_H
#define KH_KTADMIN_RESTORE_H

#include "programs/common/setup.h"
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

/* ---- restore_files.c ------------------------------------------------------------------
 */

/* What a restore has found in its way, and how it may deal with it. */
struct kh_restore {
    const char *into; /* everything goes below this directory; NULL: to its place */
    bool replace;     /* move aside what is in the way */
    bool keep;        /* leave configuration and trust that are there as they are */
    bool accept_loss; /* what was stored after the backup, or cannot be opened */
    bool dry_run;

    struct kh_staging staging;
    char state_dir[PATH_MAX]; /* where the catalog goes; "" when there is none */
    char stamp[32];           /* of what is moved aside */
    unsigned findings;
    bool catalog_there; /* the same one is in place already */
    uint64_t unknown;   /* keys on the token that the backup does not know */
    int lock;           /* on the state directory; -1 */
};

/* One line on standard error, and one finding more. */
void kh_restore_finding(struct kh_restore *r, const char *format, ...) KH_PRINTF(2, 3);

/* Where PATH goes: itself, or below INTO. KH_INVALID: too long. */
KH_CHECK kh_status kh_restore_place(const struct kh_restore *r, const char *path,
    char out[PATH_MAX], struct kh_error *err);
/* Moves what is at PATH, if anything, to PATH.before-restore-STAMP. */
KH_CHECK kh_status kh_restore_aside(
    const struct kh_restore *r, const char *path, struct kh_error *err);

/* Compares each file with what is in its place; a difference is a finding unless it may
 * be replaced or kept. Changes nothing. */
KH_CHECK kh_status kh_restore_files_check(struct kh_restore *r, struct kh_error *err);
/* Writes those that are missing, and replaces as allowed; durable, with the owner and
 * mode they had. */
KH_CHECK kh_status kh_restore_files(struct kh_restore *r, struct kh_error *err);

/* ---- restore_catalog.c ----------------------------------------------------------------
 */

/* Takes the state directory's lock (KH_BUSY: keyhsmd runs) and compares with the store
 * that is there. */
KH_CHECK kh_status kh_restore_catalog_check(struct kh_restore *r, struct kh_error *err);
/* Puts the catalog in its place. */
KH_CHECK kh_status kh_restore_catalog(struct kh_restore *r, struct kh_error *err);

/* ---- restore_token.c ------------------------------------------------------------------
 */

/* Opens the token that SETUP configures with the staged catalog beside it, changes
 * nothing on it, and looks every key up. ARGS are those SETUP was read with. */
KH_CHECK kh_status kh_restore_token_check(
    struct kh_restore *r, const struct kh_setup_args *args, struct kh_error *err);

#endif
