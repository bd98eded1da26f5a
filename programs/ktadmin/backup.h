/*
 * `ktadmin backup`: the parts, in the order they are used. One command, one thread.
 */
#ifndef KH_KTADMIN_BACKUP_H
#define KH_KTADMIN_BACKUP_H

#include "core/backup/archive.h"
#include "programs/common/setup.h"

#include <limits.h>

#define KH_PASSPHRASE_MIN 12 /* bytes */

/* The configurations of this host; a daemon that is not on it has none. */
struct kh_backup_place {
    const char *keyhsm_ini; /* path; NULL: there is none */
    const char *trustee_ini;
    struct kh_setup keyhsm; /* config NULL: there is none */
    struct kh_setup trustee;
};

/* What the command line says of them. */
struct kh_backup_place_args {
    struct kh_setup_args setup; /* config: keyhsm.ini */
    const char *trustee_ini;
};

#define KH_BACKUP_PLACE_OPTIONS(args)                                                    \
    {"keytrustee-config", 0, "FILE", "the configuration of keytrusteed",                 \
        &(args).trustee_ini, NULL, 0},                                                   \
        KH_SETUP_OPTIONS((args).setup)

/* ---- backup_place.c -------------------------------------------------------------------
 */

/* Reads both configurations, those that are there, and sets memory and log up by the
 * first. KH_INVALID: neither is there, or one is wrong. PLACE goes to
 * kh_backup_place_free in any case. */
KH_CHECK kh_status kh_backup_place_read(struct kh_backup_place *place,
    const struct kh_backup_place_args *args, struct kh_error *err);
void kh_backup_place_free(struct kh_backup_place *place);
/* The configuration that [backup] is read from. */
const struct kh_config *kh_backup_config(const struct kh_backup_place *place);
/* The directory of the catalog; NULL: no keyhsmd here. */
const char *kh_backup_state_dir(const struct kh_backup_place *place);

/* ---- backup_collect.c -----------------------------------------------------------------
 */

/* Adds configurations, trust, the audit log's head, and TLS private keys when KEYS to
 * MANIFEST, read into secret memory and measured. What is configured and missing is told
 * on standard error. KH_UNAVAILABLE, KH_INVALID. */
KH_CHECK kh_status kh_backup_collect(struct kh_backup_manifest *manifest,
    const struct kh_backup_place *place, bool keys, struct kh_error *err);

/* MEMBER gets mode and owner of the file PATH, when it is there. */
void kh_backup_owner(struct kh_backup_member *member, const char *path);

/* ---- backup_snapshot.c ----------------------------------------------------------------
 */

/* Copies the catalog into directory SCRATCH, checks the copy, and adds it and the list of
 * its keys to MANIFEST. */
KH_CHECK kh_status kh_backup_snapshot(struct kh_backup_manifest *manifest,
    const struct kh_backup_place *place, const char *scratch, struct kh_error *err);

/* ---- backup_output.c ------------------------------------------------------------------
 */

/* The file that is being made. Zero-initialise. */
struct kh_backup_output {
    char directory[PATH_MAX];
    char path[PATH_MAX];    /* what it will be called; "" while it is not known */
    char scratch[PATH_MAX]; /* a directory of this run; "" */
    char part[PATH_MAX];
    int lock;
    int fd; /* of PART */
};

/* FILE, or a new name in DIRECTORY (one of them NULL). Takes the directory's lock, clears
 * what a killed run left, makes scratch directory and part. KH_BUSY: another backup is
 * made there. kh_backup_output_free follows in any case. */
KH_CHECK kh_status kh_backup_output_begin(struct kh_backup_output *out, const char *file,
    const char *directory, struct kh_error *err);
/* Gives PART its name, durably; nothing that is there is replaced. */
KH_CHECK kh_status kh_backup_output_keep(
    struct kh_backup_output *out, struct kh_error *err);
/* Removes the oldest backups that this host made in the directory, until KEEP are
 * left. */
KH_CHECK kh_status kh_backup_output_rotate(
    const struct kh_backup_output *out, unsigned keep, struct kh_error *err);
void kh_backup_output_free(struct kh_backup_output *out);

#endif
