#include "core/catalog/internal.h"

const char *const kh_sql_texts[KH_SQL_COUNT] = {
    [KH_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [KH_SQL_COMMIT] = "COMMIT",
    [KH_SQL_SAVEPOINT] = "SAVEPOINT request",
    [KH_SQL_ROLLBACK_TO] = "ROLLBACK TO request",
    [KH_SQL_RELEASE] = "RELEASE request",
    [KH_SQL_GENERATION] = "SELECT value FROM generation WHERE one = 1",
    [KH_SQL_GENERATION_NEXT] = "UPDATE generation SET value = value + 1 WHERE one = 1",
    [KH_SQL_META_GET] = "SELECT value FROM meta WHERE name = ?1",
    [KH_SQL_META_SET] = "INSERT INTO meta (name, value) VALUES (?1, ?2)",
    [KH_SQL_KEY_ADD] = "INSERT INTO keys (id, token, scope, profile, state, created)"
                       " VALUES (?1, ?2, ?3, ?4, 0, ?5)",
    [KH_SQL_KEY_GET] = "SELECT id, token, scope, profile, state, created FROM keys"
                       " WHERE id = ?1",
    [KH_SQL_KEY_LIST] = "SELECT id, token, scope, profile, state, created FROM keys"
                        " WHERE id > ?1 ORDER BY id LIMIT ?2",
    [KH_SQL_KEY_IN_STATE] = "SELECT id, token, scope, profile, state, created FROM keys"
                            " WHERE state = ?1 ORDER BY id LIMIT ?2",
    [KH_SQL_KEY_SET_STATE] = "UPDATE keys SET state = ?2 WHERE id = ?1",
    [KH_SQL_KEY_FORGET] = "DELETE FROM keys WHERE id = ?1",
    [KH_SQL_KEY_USES] = "SELECT (SELECT count(*) FROM versions WHERE key = ?1)"
                        " + (SELECT count(*) FROM named_keys WHERE key = ?1)",
    [KH_SQL_ROW_INSERT] =
        "INSERT INTO versions (name, version, state, created, key, profile,"
        " envelope) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    /* ?2 = -1 stands for the latest: active ones first, then the highest. */
    [KH_SQL_ROW_GET] =
        "SELECT version, state, created, key, profile, envelope FROM versions"
        " WHERE seq = (SELECT seq FROM versions WHERE name = ?1 AND (?2 < 0 OR version = "
        "?2)"
        " ORDER BY state, version DESC LIMIT 1)",
    [KH_SQL_ROW_STAT] = "SELECT version, state, created,"
                        " (SELECT count(*) FROM versions WHERE name = ?1),"
                        " (SELECT max(version) FROM versions WHERE name = ?1)"
                        " FROM versions WHERE name = ?1 AND (?2 < 0 OR version = ?2)"
                        " ORDER BY state, version DESC LIMIT 1",
    [KH_SQL_ROW_LIST] =
        "SELECT name, version, state, created FROM versions"
        " WHERE (name, version) > (?1, ?2) ORDER BY name, version LIMIT ?3",
    /* ?2 = -1 stands for all versions. */
    [KH_SQL_ROW_SET_STATE] = "UPDATE versions SET state = ?3"
                             " WHERE name = ?1 AND (?2 < 0 OR version = ?2)",
    /* Keys that only the rows about to be purged need. Runs before ROW_PURGE. */
    [KH_SQL_ROW_DOOM_KEYS] =
        "UPDATE keys SET state = 2 WHERE id IN (SELECT key FROM versions"
        " WHERE name = ?1 AND (?2 < 0 OR version = ?2)) AND id IS NOT ?3"
        " AND NOT EXISTS (SELECT 1 FROM named_keys n WHERE n.key = keys.id)"
        " AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.key = keys.id"
        " AND NOT (v.name = ?1 AND (?2 < 0 OR v.version = ?2)))",
    [KH_SQL_ROW_PURGE] =
        "DELETE FROM versions WHERE name = ?1 AND (?2 < 0 OR version = ?2)",
    [KH_SQL_NAME_EXISTS] = "SELECT 1 FROM versions WHERE name = ?1 LIMIT 1",
    /* Each served by an index: no row, and no envelope, is read. */
    [KH_SQL_COUNT_VERSIONS] = "SELECT (SELECT count(DISTINCT name) FROM versions),"
                              " (SELECT count(*) FROM versions),"
                              " (SELECT count(*) FROM versions WHERE state = 1)",
    [KH_SQL_COUNT_KEYS] = "SELECT state, count(*) FROM keys GROUP BY state",
    [KH_SQL_COUNT_DELETED] =
        "SELECT count(*) FROM (SELECT DISTINCT name FROM versions WHERE state = 1) d"
        " WHERE NOT EXISTS (SELECT 1 FROM versions v WHERE v.name = d.name AND v.state = "
        "0)",
    [KH_SQL_CHECK_FILE] = "PRAGMA integrity_check(1)",
    [KH_SQL_CHECK_REFERENCES] =
        "SELECT u.what, hex(u.key) FROM (SELECT name || ' version ' || version AS what,"
        " key FROM versions UNION ALL SELECT 'key ' || name, key FROM named_keys) u"
        " LEFT JOIN keys k ON k.id = u.key WHERE k.id IS NULL LIMIT 1",
    [KH_SQL_CHECK_STATES] =
        "SELECT u.what, hex(u.key) FROM (SELECT name || ' version ' || version AS what,"
        " key FROM versions UNION ALL SELECT 'key ' || name, key FROM named_keys) u"
        " JOIN keys k ON k.id = u.key WHERE k.state <> 1 LIMIT 1",
    [KH_SQL_CHECK_IDLE] =
        "SELECT hex(id) FROM keys k WHERE state = 1 AND scope <> 'epoch'"
        " AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.key = k.id)"
        " AND NOT EXISTS (SELECT 1 FROM named_keys n WHERE n.key = k.id) LIMIT 1",
    [KH_SQL_CHECK_NAMES] =
        "SELECT name FROM named_keys n"
        " WHERE EXISTS (SELECT 1 FROM versions v WHERE v.name = n.name) LIMIT 1",
    /* A named key stands there as the version -1 of its name, which no deposit has:
     * without any the digest is that of a catalog which knew none. Two indexes are
     * merged, nothing is sorted. */
    [KH_SQL_CONTENTS] = "SELECT name, version, key FROM versions UNION ALL"
                        " SELECT name, -1, key FROM named_keys ORDER BY 1, 2",
    [KH_SQL_NAMED_INSERT] =
        "INSERT INTO named_keys (name, kind, purposes, state, created, key, public)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [KH_SQL_NAMED_GET] = "SELECT name, kind, purposes, state, created, public, key"
                         " FROM named_keys WHERE name = ?1",
    [KH_SQL_NAMED_LIST] = "SELECT name, kind, purposes, state, created, public, key"
                          " FROM named_keys WHERE name > ?1 ORDER BY name LIMIT ?2",
    [KH_SQL_NAMED_EXISTS] = "SELECT 1 FROM named_keys WHERE name = ?1",
    [KH_SQL_NAMED_SET_STATE] = "UPDATE named_keys SET state = ?2 WHERE name = ?1",
    /* Runs before NAMED_PURGE. */
    [KH_SQL_NAMED_DOOM_KEY] = "UPDATE keys SET state = 2 WHERE id ="
                              " (SELECT key FROM named_keys WHERE name = ?1)",
    [KH_SQL_NAMED_PURGE] = "DELETE FROM named_keys WHERE name = ?1",
};
