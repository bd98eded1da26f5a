#include "core/backup/facts.h"

#include "core/catalog/catalog.h"
#include "core/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 128 };

typedef kh_status (*key_fn)(
    void *arg, const struct kh_catalog_key *key, struct kh_error *err);

static kh_status each_key(
    struct kh_catalog *catalog, key_fn fn, void *arg, struct kh_error *err)
{
    static _Thread_local struct kh_catalog_key page[PAGE];
    struct kh_key_id last;
    struct kh_key_id *after = NULL;
    size_t count = 0;
    kh_status st;

    do {
        st = catalog->key_list(catalog, after, page, PAGE, &count, err);
        for (size_t i = 0; i < count && st == KH_OK; i++)
            st = fn(arg, &page[i], err);
        if (st == KH_OK && count > 0) {
            last = page[count - 1].id;
            after = &last;
        }
    } while (st == KH_OK && count == PAGE);
    return st;
}

/* ---- facts
 * ------------------------------------------------------------------------------ */

/* A fact that a catalog which never stored anything may lack. */
static kh_status read_fact(struct kh_catalog *catalog, const char *name, char *out,
    size_t size, struct kh_error *err)
{
    kh_status st = catalog->meta_get(catalog, name, out, size, err);

    if (st == KH_NOT_FOUND) {
        out[0] = '\0';
        return KH_OK;
    }
    return st == KH_INVALID
               ? kh_fail(err, KH_CORRUPT, "the catalog's fact '%s' is damaged", name)
               : st;
}

static kh_status note_token(
    void *arg, const struct kh_catalog_key *key, struct kh_error *err)
{
    struct kh_backup_facts *facts = arg;

    (void)err;
    for (size_t i = 0; i < facts->serial_count; i++) {
        if (strcmp(facts->serials[i], key->token) == 0)
            return KH_OK;
    }
    if (facts->serial_count < KH_BACKUP_TOKENS_MAX)
        (void)snprintf(facts->serials[facts->serial_count++], sizeof facts->serials[0],
            "%s", key->token);
    return KH_OK;
}

static kh_status read_identity(
    struct kh_backup_facts *facts, struct kh_catalog *catalog, struct kh_error *err)
{
    char rest[41] = "";
    kh_status st = read_fact(catalog, "tag", facts->tag, sizeof facts->tag, err);

    if (st == KH_OK)
        st = read_fact(catalog, "identity", rest, sizeof rest, err);
    if (st == KH_OK && strlen(facts->tag) + strlen(rest) >= sizeof facts->identity)
        st = kh_fail(err, KH_CORRUPT, "the catalog's fact 'identity' is damaged");
    if (st == KH_OK)
        (void)snprintf(
            facts->identity, sizeof facts->identity, "%s%.32s", facts->tag, rest);
    return st;
}

static kh_status read_counts(
    struct kh_backup_facts *facts, struct kh_catalog *catalog, struct kh_error *err)
{
    struct kh_catalog_counts counts = {0};
    unsigned char digest[32] = {0};
    kh_status st = catalog->generation(catalog, &facts->generation, err);

    if (st == KH_OK)
        st = catalog->counts(catalog, &counts, err);
    if (st == KH_OK)
        st = catalog->contents(catalog, digest, err);
    facts->deposits = counts.deposits;
    facts->versions = counts.versions;
    facts->deleted = counts.deleted;
    memcpy(facts->keys, counts.keys, sizeof facts->keys);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(facts->contents + 2 * i, 3, "%02x", digest[i]);
    return st;
}

kh_status kh_backup_facts_read(
    struct kh_backup_facts *facts, const char *path, bool check, struct kh_error *err)
{
    struct kh_catalog *catalog = NULL;
    kh_status st = kh_catalog_open_reader(path, &catalog, err);

    if (st != KH_OK)
        return st;
    if (check)
        st = catalog->check(catalog, err);
    if (st == KH_OK)
        st = read_counts(facts, catalog, err);
    if (st == KH_OK)
        st = read_identity(facts, catalog, err);
    facts->serial_count = 0;
    if (st == KH_OK)
        st = each_key(catalog, note_token, facts, err);
    facts->catalog = st == KH_OK;
    catalog->close(catalog);
    return st;
}

/* ---- the list of keys
 * -------------------------------------------------------------------- */

static kh_status write_key(
    void *arg, const struct kh_catalog_key *key, struct kh_error *err)
{
    static const char *const states[] = {"pending", "active", "doomed"};
    FILE *to = arg;
    char created[KH_TIME_LEN];

    kh_time_format(key->created, created);
    for (size_t i = 0; i < key->id.len; i++)
        fprintf(to, "%02x", key->id.bytes[i]);
    /* A serial is the vendor's text: it may have a comma or a quote. */
    fputs(",\"", to);
    for (const char *c = key->token; *c; c++) {
        if (*c == '"')
            fputc('"', to);
        fputc(*c, to);
    }
    if (fprintf(to, "\",%s,%s,%s,%s\r\n", key->scope, key->profile, states[key->state],
            created) < 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot write the list of keys: %s", strerror(errno));
    return KH_OK;
}

kh_status kh_backup_keys_write(const char *path, const char *file, struct kh_error *err)
{
    struct kh_catalog *catalog = NULL;
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
    kh_status st;

    if (!to) {
        int cause = errno;

        if (fd >= 0)
            (void)close(fd);
        return kh_fail(err, cause == EEXIST ? KH_EXISTS : KH_UNAVAILABLE,
            "cannot make %s: %s", file, strerror(cause));
    }
    st = kh_catalog_open_reader(path, &catalog, err);
    if (st == KH_OK) {
        fputs("id,token,scope,profile,state,created\r\n", to);
        st = each_key(catalog, write_key, to, err);
        catalog->close(catalog);
    }
    if (fclose(to) != 0 && st == KH_OK)
        st = kh_fail(err, KH_UNAVAILABLE, "cannot write %s: %s", file, strerror(errno));
    return st;
}
