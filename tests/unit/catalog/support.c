#include "support.h"

#include <keyhsm/key_words.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct kh_catalog *catalog_open(const char *path)
{
    struct kh_catalog *catalog = NULL;
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_catalog_open_sqlite(path, &catalog, &err), err);
    return catalog;
}

struct kh_catalog *catalog_new(const char **path)
{
    static char made[600];
    char *p = kh_test_path(kh_test_dir(), "catalog.db");

    snprintf(made, sizeof made, "%s", p);
    free(p);
    if (path)
        *path = made;
    return catalog_open(made);
}

struct kh_key_id key_id(unsigned n)
{
    struct kh_key_id id = {.len = 20};

    memcpy(id.bytes, "tag0", 4);
    for (int i = 0; i < 4; i++)
        id.bytes[4 + i] = (unsigned char)(n >> (24 - 8 * i));
    return id;
}

kh_status announce(
    struct kh_catalog *catalog, unsigned n, const char *scope, struct kh_error *err)
{
    struct kh_catalog_key key = {.id = key_id(n), .created = 1764000000 + n};

    snprintf(key.token, sizeof key.token, "1a2b3c");
    snprintf(key.scope, sizeof key.scope, "%s", scope);
    snprintf(key.profile, sizeof key.profile, "ecdh-p256");
    return catalog->key_announce(catalog, &key, 1, err);
}

kh_status insert(struct kh_catalog *catalog, const char *name, uint32_t version,
    unsigned key, struct kh_error *err)
{
    struct kh_catalog_row row = {
        .version = version, .created = 1764000000, .key = key_id(key)};
    unsigned char envelope[400];
    int len =
        snprintf((char *)envelope, sizeof envelope, "envelope of %s %u", name, version);

    snprintf(row.name, sizeof row.name, "%s", name);
    snprintf(row.profile, sizeof row.profile, "ecdh-p256");
    row.envelope = envelope;
    row.envelope_len = (size_t)len;
    return catalog->insert(catalog, &row, version == 0, err);
}

void add(struct kh_catalog *catalog, const char *name, uint32_t version, unsigned key)
{
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(announce(catalog, key, "deposit", &err), err);
    KH_ASSERT_OK_FATAL(insert(catalog, name, version, key, &err), err);
}

kh_key_state state_of(struct kh_catalog *catalog, unsigned key)
{
    struct kh_catalog_key found = {0};
    struct kh_key_id id = key_id(key);
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(catalog->key_get(catalog, &id, &found, &err), err);
    return found.state;
}

uint64_t generation_of(struct kh_catalog *catalog)
{
    uint64_t generation = 0;
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(catalog->generation(catalog, &generation, &err), err);
    return generation;
}

void sqlite_do(const char *path, const char *text)
{
    sqlite3 *db = NULL;
    char *message = NULL;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK) {
        fprintf(stderr, "    sqlite: %s\n", message);
        CU_FAIL_FATAL("the test's own SQL failed");
    }
    CU_ASSERT_EQUAL(sqlite3_close(db), SQLITE_OK);
}

struct kh_catalog_named named(const char *name, kh_key_kind kind, unsigned key)
{
    struct kh_catalog_named n = {.id = key_id(key),
        .key = {.kind = kind,
            .purposes = kh_key_kind_purposes(kind) & ~(uint32_t)KH_KEY_DERIVE,
            .state = KH_ACTIVE,
            .created = 1764000000 + key}};

    snprintf(n.key.name, sizeof n.key.name, "%s", name);
    if (kind != KH_KIND_AES_256)
        n.key.public_len = (size_t)snprintf(
            (char *)n.key.public_key, sizeof n.key.public_key, "public half of %s", name);
    return n;
}

kh_status insert_named(struct kh_catalog *catalog, const char *name, kh_key_kind kind,
    unsigned key, struct kh_error *err)
{
    struct kh_catalog_named n = named(name, kind, key);

    KH_ASSERT_OK_FATAL(announce(catalog, key, "named", err), *err);
    return catalog->named_insert(catalog, &n, err);
}
