/*
 * The catalog: the database of envelopes and metadata beside the token (DESIGN 7).
 *
 * A struct of methods, so that a plugin uses it through kh_host.catalog_open and links
 * against nothing. All methods are thread safe. A write returns KH_OK only when it is
 * durable (several threads' writes share one commit). KH_UNAVAILABLE: disk full,
 * read-only file system, nothing was written. KH_FATAL: durability was lost (fsync
 * failed): no further write is accepted; the process must end and verify on its next
 * start. KH_CORRUPT: the database is damaged.
 */
#ifndef KEYHSM_CATALOG_H
#define KEYHSM_CATALOG_H

#include <keyhsm/key.h>
#include <keyhsm/types.h>

#define KH_KEY_ID_MAX 32

struct kh_key_id {
    unsigned char bytes[KH_KEY_ID_MAX];
    size_t len;
};

/* The life of a key on the token. A key is known to the catalog before it is made on the
 * token and until it is gone from it, so that neither can hold one that the other does
 * not explain. */
typedef enum kh_key_state {
    KH_KEY_PENDING = 0, /* announced; may or may not be on the token */
    KH_KEY_ACTIVE = 1,  /* a version or a name needs it, or its epoch is open */
    KH_KEY_DOOMED = 2   /* nothing needs it; to be destroyed on the token */
} kh_key_state;

struct kh_catalog_key {
    struct kh_key_id id;
    char token[33];   /* serial of the token, NUL terminated */
    char scope[16];   /* "deposit", "epoch" or "named" */
    char profile[32]; /* "ecdh-p256", "rsa-oaep-sha1", ...; a named key's kind */
    kh_key_state state;
    int64_t created;
};

/* One stored version. ENVELOPE is DER; when a method returns a row it is allocated with
 * malloc and freed by the catalog's row_free. */
struct kh_catalog_row {
    char name[KH_NAME_MAX + 1];
    uint32_t version;
    kh_state state;
    int64_t created;
    struct kh_key_id key;
    char profile[32];
    unsigned char *envelope;
    size_t envelope_len;
};

/* One named key: its facts, and which key of the token it is. */
struct kh_catalog_named {
    struct kh_named_key key;
    struct kh_key_id id;
};

struct kh_catalog_counts {
    uint64_t deposits; /* distinct names */
    uint64_t versions;
    uint64_t deleted; /* versions in state KH_DELETED */
    uint64_t keys[3]; /* by kh_key_state */
};

struct kh_catalog {
    uint32_t size; /* sizeof(struct kh_catalog) of the host */
    void *ctx;

    /* Small facts by name (identity, tag, schema...). meta_get: KH_NOT_FOUND when absent;
     * VALUE is NUL terminated, KH_INVALID when it does not fit. meta_set: KH_EXISTS when
     * the name is set already: facts do not change. */
    KH_CHECK kh_status (*meta_get)(struct kh_catalog *catalog, const char *name,
        char *value, size_t size, struct kh_error *err);
    KH_CHECK kh_status (*meta_set)(struct kh_catalog *catalog, const char *name,
        const char *value, struct kh_error *err);

    /* Grows with every committed write, never shrinks. */
    KH_CHECK kh_status (*generation)(
        struct kh_catalog *catalog, uint64_t *generation, struct kh_error *err);

    /* Announces COUNT keys (state KH_KEY_PENDING) in one commit. KH_EXISTS: an id is
     * taken. */
    KH_CHECK kh_status (*key_announce)(struct kh_catalog *catalog,
        const struct kh_catalog_key *keys, size_t count, struct kh_error *err);
    KH_CHECK kh_status (*key_get)(struct kh_catalog *catalog, const struct kh_key_id *id,
        struct kh_catalog_key *key, struct kh_error *err);
    /* Up to MAX keys with id greater than AFTER (NULL: from the first), in order
     * of id. */
    KH_CHECK kh_status (*key_list)(struct kh_catalog *catalog,
        const struct kh_key_id *after, struct kh_catalog_key *keys, size_t max,
        size_t *count, struct kh_error *err);
    /* KH_KEY_DOOMED for a key that nothing needs (KH_REFUSED when something does).
     * Idempotent. */
    KH_CHECK kh_status (*key_doom)(
        struct kh_catalog *catalog, const struct kh_key_id *id, struct kh_error *err);
    /* Forgets a key that is not on the token any more. KH_REFUSED when something
     * needs it. KH_OK when it is not known. */
    KH_CHECK kh_status (*key_forget)(
        struct kh_catalog *catalog, const struct kh_key_id *id, struct kh_error *err);

    /* Inserts a version; its key must be known, and becomes KH_KEY_ACTIVE in the same
     * commit. KH_INVALID: the key was not announced. KH_REFUSED: it is KH_KEY_DOOMED.
     * ONLY_NEW: KH_EXISTS when any version of the name exists; else when this version
     * does. KH_EXISTS, too, when the name is a key's. */
    KH_CHECK kh_status (*insert)(struct kh_catalog *catalog,
        const struct kh_catalog_row *row, bool only_new, struct kh_error *err);
    /* VERSION may be KH_LATEST: the highest active one, else (WITH_DELETED) the
     * highest. */
    KH_CHECK kh_status (*get)(struct kh_catalog *catalog, const char *name,
        uint32_t version, bool with_deleted, struct kh_catalog_row *row,
        struct kh_error *err);
    void (*row_free)(struct kh_catalog *catalog, struct kh_catalog_row *row);
    KH_CHECK kh_status (*stat)(struct kh_catalog *catalog, const char *name,
        uint32_t version, struct kh_stat *stat, struct kh_error *err);
    KH_CHECK kh_status (*list)(struct kh_catalog *catalog, const struct kh_cursor *after,
        struct kh_item *items, size_t max, size_t *count, struct kh_error *err);
    /* Soft delete / restore. VERSION or KH_ALL_VERSIONS. KH_NOT_FOUND when there
     * is none. */
    KH_CHECK kh_status (*set_state)(struct kh_catalog *catalog, const char *name,
        uint32_t version, kh_state state, struct kh_error *err);
    /* Deletes the rows of VERSION (or KH_ALL_VERSIONS) of NAME. Keys that no row needs
     * any more become KH_KEY_DOOMED in the same commit, unless they equal KEEP (an open
     * epoch's; may be NULL). Find them with keys_in_state. KH_NOT_FOUND when there was no
     * row. */
    KH_CHECK kh_status (*purge)(struct kh_catalog *catalog, const char *name,
        uint32_t version, const struct kh_key_id *keep, struct kh_error *err);
    /* How many versions and named keys need the key. */
    KH_CHECK kh_status (*key_uses)(struct kh_catalog *catalog, const struct kh_key_id *id,
        uint64_t *uses, struct kh_error *err);

    KH_CHECK kh_status (*counts)(struct kh_catalog *catalog,
        struct kh_catalog_counts *counts, struct kh_error *err);
    /* Full integrity check of the file and of the references between rows and
     * keys. Slow. */
    KH_CHECK kh_status (*check)(struct kh_catalog *catalog, struct kh_error *err);
    /* Waits for writes under way, closes, frees CATALOG. */
    void (*close)(struct kh_catalog *catalog);

    /* Up to MAX keys in STATE, in order of id. Costs what it returns, not what the
     * catalog holds. */
    KH_CHECK kh_status (*keys_in_state)(struct kh_catalog *catalog, kh_key_state state,
        struct kh_catalog_key *keys, size_t max, size_t *count, struct kh_error *err);
    /* key_forget for COUNT keys in one commit: all or none. */
    KH_CHECK kh_status (*keys_forget)(struct kh_catalog *catalog,
        const struct kh_key_id *ids, size_t count, struct kh_error *err);

    /* How many names have deleted versions only. Costs what is deleted, not what is
     * stored. */
    KH_CHECK kh_status (*deleted_names)(
        struct kh_catalog *catalog, uint64_t *count, struct kh_error *err);

    /* A SHA-256 of which versions and named keys there are and which keys they need:
     * equal exactly when those are the same ones. States do not count. Slow: it looks at
     * every row. */
    KH_CHECK kh_status (*contents)(
        struct kh_catalog *catalog, unsigned char digest[32], struct kh_error *err);

    /* ---- named keys (keyhsm/key.h). A name is either a deposit's or a key's: that is
     * decided inside the write. ---- */

    /* Adds one; its key of the token must be announced, and becomes KH_KEY_ACTIVE in the
     * same commit. KH_EXISTS: the name is a key's or a deposit's, in any state.
     * KH_INVALID: a kind or purposes that no key can have, a key not announced.
     * KH_REFUSED: that is KH_KEY_DOOMED. */
    KH_CHECK kh_status (*named_insert)(struct kh_catalog *catalog,
        const struct kh_catalog_named *named, struct kh_error *err);
    /* KH_NOT_FOUND: there is no such key. A removed one is there (state). */
    KH_CHECK kh_status (*named_get)(struct kh_catalog *catalog, const char *name,
        struct kh_catalog_named *named, struct kh_error *err);
    /* Up to MAX keys after the name AFTER (NULL: from the first) in byte order, removed
     * ones as well; *COUNT == 0 is the end. */
    KH_CHECK kh_status (*named_list)(struct kh_catalog *catalog, const char *after,
        struct kh_named_key *keys, size_t max, size_t *count, struct kh_error *err);
    /* Idempotent. KH_NOT_FOUND. */
    KH_CHECK kh_status (*named_set_state)(struct kh_catalog *catalog, const char *name,
        kh_state state, struct kh_error *err);
    /* Deletes it; its key of the token becomes KH_KEY_DOOMED in the same commit.
     * KH_NOT_FOUND. */
    KH_CHECK kh_status (*named_purge)(
        struct kh_catalog *catalog, const char *name, struct kh_error *err);
};

#endif
