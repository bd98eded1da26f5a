/*
 * What an existing KMS's configuration becomes in keytrustee.ini: lists, proxy users,
 * name rules, lifetimes of tokens. Makes a plan; writes nothing.
 */
#ifndef KH_KTADMIN_KMSIMPORT_H
#define KH_KTADMIN_KMSIMPORT_H

#include "core/config.h"
#include "programs/common/ini_edit.h"
#include "programs/ktadmin/hadoopxml.h"

/* Lines for the operator. */
struct kh_lines {
    char **list;
    size_t count;
};

struct kh_kms_import {
    struct kh_ini_change *wanted; /* every value that the files give, in order */
    size_t wanted_count;
    struct kh_ini_change *changes; /* what has to be done for it, for kh_ini_edit */
    size_t change_count;
    struct kh_lines notes;    /* what is read in another way than it may look */
    struct kh_lines unknown;  /* names of properties that mean nothing here */
    struct kh_lines problems; /* what cannot be written: nothing may be then */
};

/* Adds what kms-acls.xml and (SITE may be NULL) kms-site.xml say. KH_FATAL: no memory.
 * PLAN (zeroed) goes to kh_kms_import_free. */
KH_CHECK kh_status kh_kms_import_plan(struct kh_kms_import *plan,
    const struct kh_hadoop *acls, const struct kh_hadoop *site, struct kh_error *err);

/* Fills `changes`: sets what CONFIG has in another way, and takes out what it has of an
 * earlier import and what [kms.acl] and the like have on top. A label that does not begin
 * with "import-" is the operator's own and stays. */
KH_CHECK kh_status kh_kms_import_compare(
    struct kh_kms_import *plan, const struct kh_config *config, struct kh_error *err);

void kh_kms_import_free(struct kh_kms_import *plan);

/* ---- for its own files ---- */

/* SECTION KEY = VALUE. KEY and VALUE are copied; SECTION is static storage. */
KH_CHECK kh_status kh_kms_want(
    struct kh_kms_import *plan, const char *section, const char *key, const char *value);
/* Adds a copy of CHANGE to *LIST; its section is static storage. */
KH_CHECK kh_status kh_kms_add_change(
    struct kh_ini_change **list, size_t *count, const struct kh_ini_change *change);
KH_CHECK kh_status kh_lines_add(struct kh_lines *lines, const char *format, ...)
    KH_PRINTF(2, 3);
/* A label of [kms.key.acl] or [kms.proxyuser] for WHAT of NAME. */
void kh_kms_label(char out[KH_CONFIG_NAME_MAX + 1], const char *name, const char *what);
/* VALUE, a list as Hadoop writes it in the property NAME, in the one form that the INI
 * has: "*", "users groups", ", groups", "". *OUT is malloc'd; NULL, with KH_OK, when a
 * problem was noted. */
KH_CHECK kh_status kh_kms_list(
    struct kh_kms_import *plan, const char *name, const char *value, char **out);
/* True when VALUE has a variable, which is then noted as a problem of NAME. */
bool kh_kms_variable(struct kh_kms_import *plan, const char *name, const char *value);

/* kms-site.xml. */
KH_CHECK kh_status kh_kms_import_site(
    struct kh_kms_import *plan, const struct kh_hadoop *site);

#endif
