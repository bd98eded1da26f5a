/*
 * What a backup holds, and of what: manifest.json, the first member of the inner archive.
 * It names every other member with its size and SHA-256, in the order they follow.
 */
#ifndef KH_BACKUP_MANIFEST_H
#define KH_BACKUP_MANIFEST_H

#include "core/backup/ustar.h"

#define KH_BACKUP_MANIFEST "manifest.json"
#define KH_BACKUP_CATALOG "catalog.db"
#define KH_BACKUP_MANIFEST_MAX (4U * 1024 * 1024) /* bytes of JSON */
#define KH_BACKUP_MEMBERS_MAX 4096U
#define KH_BACKUP_FILE_MAX (1024U * 1024)      /* of one file that is not the catalog */
#define KH_BACKUP_FILES_MAX (4U * 1024 * 1024) /* of all of them */
#define KH_BACKUP_TOKENS_MAX 16U
#define KH_SHA256_TEXT 65 /* hex, with the NUL */

/* What a member is. */
typedef enum kh_backup_role {
    KH_ROLE_CATALOG,       /* the catalog: envelopes, no secret in clear */
    KH_ROLE_KEYS,          /* the list of token keys that it needs, CSV, for people */
    KH_ROLE_CONFIGURATION, /* keyhsm.ini, keytrustee.ini */
    KH_ROLE_TRUST,         /* certificates, pins, revocation lists */
    KH_ROLE_PRIVATE_KEY,   /* of TLS */
    KH_ROLE_AUDIT_HEAD,    /* the end of the audit log, as noted beside it */
    KH_ROLE_COUNT
} kh_backup_role;

/* One member. When it is written DATA or FILE gives its bytes; when it is read neither is
 * set, unless the reader keeps them. */
struct kh_backup_member {
    char name[KH_USTAR_NAME_MAX];
    kh_backup_role role;
    char *path; /* where it was, absolute; malloc'd; NULL: it is made for the backup */
    uint64_t size;
    char sha256[KH_SHA256_TEXT];
    unsigned mode;
    char owner[33]; /* "" when they have no name */
    char group[33];
    struct kh_buf data;
    char *file; /* malloc'd */
};

struct kh_backup_facts {
    bool catalog; /* there is one, and the members from here on count */
    uint64_t generation;
    uint64_t deposits;
    uint64_t versions;
    uint64_t deleted;
    uint64_t keys[3];              /* by kh_key_state */
    char tag[9];                   /* of the catalog, hex: its keys' ids begin so */
    char identity[41];             /* id of the token's identity key, hex; or "" */
    char contents[KH_SHA256_TEXT]; /* see kh_catalog.contents */
    char state_dir[1025];          /* where the catalog was */
    char token_label[33];          /* as configured, or "" */
    char module[1025];             /* the same */
    char serials[KH_BACKUP_TOKENS_MAX][33]; /* of the tokens its keys were made on */
    size_t serial_count;
};

struct kh_backup_manifest {
    int64_t created;
    char program[64];
    char host[256];
    struct kh_backup_facts facts;
    char audit[192]; /* number and hash of the audit log's last entry, or "" */
    struct kh_backup_member *members;
    size_t count;
};

/* "catalog", "configuration", ... */
const char *kh_backup_role_name(kh_backup_role role);

/* A new member at the end, zeroed; owned by MANIFEST. NULL: too many, or no memory. */
struct kh_backup_member *kh_backup_manifest_add(struct kh_backup_manifest *manifest);

/* The first member of ROLE, owned by MANIFEST, or NULL. */
const struct kh_backup_member *kh_backup_manifest_find(
    const struct kh_backup_manifest *manifest, kh_backup_role role);

/* As JSON into OUT. */
KH_CHECK kh_status kh_backup_manifest_encode(
    const struct kh_backup_manifest *manifest, struct kh_buf *out, struct kh_error *err);
/* Strict: every member there, within limits, no name twice. KH_CORRUPT when not;
 * KH_REFUSED: of a version that is newer than this program. *MANIFEST is zeroed
 * before. */
KH_CHECK kh_status kh_backup_manifest_decode(
    struct kh_backup_manifest *manifest, const struct kh_buf *text, struct kh_error *err);

/* Wipes and frees what it holds, zeroes it. */
void kh_backup_manifest_free(struct kh_backup_manifest *manifest);
#define KH_CLEANUP_MANIFEST __attribute__((cleanup(kh_backup_manifest_free)))

#endif
