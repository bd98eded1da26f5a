#include "plugins/softfile/deposits.h"

#include "plugins/softfile/cms.h"
#include "plugins/softfile/versions.h"

#include <string.h>

/* Between the look at a directory and the opening of a file a version may change its
 * state. */
enum { TRIES = 16 };

/* Where a version was found. */
struct place {
    uint32_t version;
    kh_state state;
};

static kh_status not_found(const char *file, uint32_t version, struct kh_error *err)
{
    return version == KH_LATEST
               ? kh_fail(err, KH_NOT_FOUND, "there is no deposit %s", file)
               : kh_fail(err, KH_NOT_FOUND, "there is no version %u of deposit %s",
                     version, file);
}

/* A name that has no file cannot have been stored. */
static kh_status encode(
    const char *name, char file[KH_SOFT_FILE_SIZE], struct kh_error *err)
{
    if (kh_soft_name_encode(name, file, NULL) == KH_OK)
        return KH_OK;
    return kh_fail(err, KH_NOT_FOUND, "there is no deposit of this name: it is too long");
}

static kh_status open_versions(const struct kh_soft_store *store, const char *name,
    struct kh_soft_versions *versions, struct kh_error *err)
{
    char file[KH_SOFT_FILE_SIZE];
    kh_status status = encode(name, file, err);

    return status == KH_OK ? kh_soft_versions_read(store, file, versions, err) : status;
}

/* As many of them as it takes to tell what VERSION is. */
static kh_status open_for(const struct kh_soft_store *store, const char *name,
    uint32_t version, struct kh_soft_versions *versions, struct kh_error *err)
{
    char file[KH_SOFT_FILE_SIZE];
    kh_status status;

    if (version == KH_LATEST)
        return open_versions(store, name, versions, err);
    status = encode(name, file, err);
    return status == KH_OK ? kh_soft_versions_look_up(store, file, version, versions, err)
                           : status;
}

static kh_status locate(const struct kh_soft_versions *versions, uint32_t version,
    bool with_deleted, struct place *place, struct kh_error *err)
{
    const struct kh_soft_version *entry =
        kh_soft_versions_find(versions, version, with_deleted);

    if (!entry || (!entry->active && !with_deleted))
        return not_found(versions->name, version, err);
    if (versions->flaw[0])
        return kh_fail(err, KH_CORRUPT, "deposit %s: its directory: %s", versions->name,
            versions->flaw);
    if (entry->active && entry->deleted)
        return kh_fail(err, KH_CORRUPT,
            "deposit %s version %u: is there both active and deleted", versions->name,
            entry->version);
    *place = (struct place){entry->version, entry->active ? KH_ACTIVE : KH_DELETED};
    return KH_OK;
}

/* The stored bytes of one version. KH_BUSY: it was there and is not any more; look again.
 */
static kh_status read_envelope(const struct kh_soft_store *store,
    const struct kh_soft_versions *versions, const struct place *place,
    struct kh_soft_bytes *bytes, struct kh_error *err)
{
    char file[KH_SOFT_VERSION_FILE_SIZE];
    char note[KH_SOFT_NOTE_SIZE] = "";
    kh_status status;

    kh_soft_version_file(place->version, place->state, file);
    status = kh_soft_read(versions->fd, file, store->owner, bytes, note);
    if (status == KH_OK)
        return KH_OK;
    return kh_fail(err, status == KH_NOT_FOUND ? KH_BUSY : status,
        "deposit %s version %u: %s", versions->name, place->version, note);
}

/* Finds and reads the version that PLACE names (KH_LATEST too), whatever others do to it
 * meanwhile. PLACE then says what was found. */
static kh_status fetch(const struct kh_soft_store *store, const char *name,
    bool with_deleted, struct place *place, struct kh_soft_bytes *bytes,
    struct kh_error *err)
{
    const uint32_t version = place->version;
    kh_status status = KH_BUSY;

    for (int i = 0; i < TRIES && status == KH_BUSY; i++) {
        KH_SOFT_CLEANUP_VERSIONS struct kh_soft_versions versions = KH_SOFT_VERSIONS_INIT;

        status = open_for(store, name, version, &versions, err);
        if (status == KH_OK)
            status = locate(&versions, version, with_deleted, place, err);
        if (status == KH_OK)
            status = read_envelope(store, &versions, place, bytes, err);
    }
    return status;
}

static kh_status open_envelope(const struct kh_soft_store *store, const char *name,
    const struct place *place, const struct kh_soft_bytes *bytes, struct kh_buf *record,
    struct kh_error *err)
{
    char note[KH_SOFT_NOTE_SIZE] = "";
    char file[KH_SOFT_FILE_SIZE];
    kh_status status = kh_soft_cms_open(&store->keys, bytes, record, note);

    if (status == KH_OK)
        return KH_OK;
    (void)!kh_soft_name_encode(name, file, NULL);
    return kh_fail(err, status, "deposit %s version %u: %s", file, place->version, note);
}

static kh_status decode(const struct kh_soft_store *store, const char *name,
    const struct place *place, const struct kh_buf *record, struct kh_deposit *deposit,
    struct kh_error *err)
{
    struct kh_error why = {0};
    char file[KH_SOFT_FILE_SIZE];
    kh_status status =
        store->host->record_decode(store->host, record->data, record->len, deposit, &why);

    (void)!kh_soft_name_encode(name, file, NULL);
    if (status != KH_OK)
        return kh_fail(err, status, "deposit %s version %u: %.200s", file, place->version,
            why.message);
    if (strcmp(deposit->name, name) != 0 || deposit->version != place->version) {
        char other[KH_SOFT_FILE_SIZE];

        (void)!kh_soft_name_encode(deposit->name, other, NULL);
        (void)kh_fail(err, KH_CORRUPT,
            "deposit %s version %u: swapped: holds %.160s version %u", file,
            place->version, other, deposit->version);
        store->host->deposit_free(store->host, deposit);
        return KH_CORRUPT;
    }
    deposit->state = place->state;
    return KH_OK;
}

/* The record and the deposit in BYTES, which were found at PLACE. A migration's store
 * remembers its digest. */
static kh_status open_record(const struct kh_soft_store *store, const char *name,
    const struct place *place, const struct kh_soft_bytes *bytes, struct kh_buf *record,
    struct kh_deposit *deposit, struct kh_error *err)
{
    const struct kh_soft_found found = {name, place->version, bytes};
    kh_status status = open_envelope(store, name, place, bytes, record, err);

    if (status == KH_OK)
        status = decode(store, name, place, record, deposit, err);
    if (status != KH_OK)
        store->host->buf_free(store->host, record);
    else if (store->known)
        kh_soft_known_note(store->known, &found, record);
    return status;
}

kh_status kh_soft_get(const struct kh_soft_store *store, const char *name,
    uint32_t version, bool with_deleted, struct kh_deposit *deposit, struct kh_error *err)
{
    struct place place = {.version = version};
    struct kh_soft_bytes bytes = {0};
    struct kh_buf record = {0};
    kh_status status = fetch(store, name, with_deleted, &place, &bytes, err);

    if (status == KH_OK)
        status = open_record(store, name, &place, &bytes, &record, deposit, err);
    store->host->buf_free(store->host, &record);
    kh_soft_bytes_free(&bytes);
    return status;
}

/* Opens BYTES, checks what is inside, and digests it. */
static kh_status digest_record(const struct kh_soft_store *store, const char *name,
    const struct place *place, const struct kh_soft_bytes *bytes,
    unsigned char hmac[KH_SOFT_DIGEST_SIZE], struct kh_error *err)
{
    struct kh_deposit deposit = {0};
    struct kh_buf record = {0};
    kh_status status = open_record(store, name, place, bytes, &record, &deposit, err);

    if (status == KH_OK && !kh_soft_known_digest(store->known, &record, hmac))
        status = kh_fail(err, KH_FATAL, "cannot digest a record");
    store->host->deposit_free(store->host, &deposit);
    store->host->buf_free(store->host, &record);
    return status;
}

kh_status kh_soft_record_digest(const struct kh_soft_store *store, const char *name,
    uint32_t version, unsigned char hmac[KH_SOFT_DIGEST_SIZE], kh_state *state,
    struct kh_error *err)
{
    struct place place = {.version = version};
    struct kh_soft_bytes bytes = {0};
    kh_status status = fetch(store, name, true, &place, &bytes, err);
    const struct kh_soft_found found = {name, place.version, &bytes};

    if (status == KH_OK && !kh_soft_known_find(store->known, &found, hmac))
        status = digest_record(store, name, &place, &bytes, hmac, err);
    if (status == KH_OK)
        *state = place.state;
    kh_soft_bytes_free(&bytes);
    return status;
}

kh_status kh_soft_stat(const struct kh_soft_store *store, const char *name,
    uint32_t version, struct kh_stat *stat, struct kh_error *err)
{
    KH_SOFT_CLEANUP_VERSIONS struct kh_soft_versions versions = KH_SOFT_VERSIONS_INIT;
    kh_status status = open_versions(store, name, &versions, err);
    const struct kh_soft_version *entry;

    if (status != KH_OK)
        return status;
    entry = kh_soft_versions_find(&versions, version, true);
    if (!entry || !versions.list)
        return not_found(versions.name, version, err);
    snprintf(stat->name, sizeof stat->name, "%s", name);
    stat->version = entry->version;
    stat->state = entry->active ? KH_ACTIVE : KH_DELETED;
    stat->versions = (uint32_t)versions.count;
    stat->highest = versions.list[versions.count - 1].version;
    return KH_OK;
}

kh_status kh_soft_fingerprint(const struct kh_soft_store *store, const char *name,
    uint32_t version, unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err)
{
    struct kh_soft_bytes bytes = {0};
    struct place place = {.version = version};
    kh_status status = fetch(store, name, true, &place, &bytes, err);
    unsigned char state = (unsigned char)place.state;
    EVP_MD_CTX *ctx;

    if (status != KH_OK)
        return status;
    ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestInit_ex2(ctx, store->keys.sha256, NULL) != 1 ||
        EVP_DigestUpdate(ctx, bytes.data, bytes.len) != 1 ||
        EVP_DigestUpdate(ctx, &state, 1) != 1 ||
        EVP_DigestFinal_ex(ctx, digest, NULL) != 1) {
        memset(digest, 0, KH_FINGERPRINT_LEN);
        status = kh_fail(err, KH_FATAL, "cannot digest a deposit");
    }
    EVP_MD_CTX_free(ctx);
    kh_soft_bytes_free(&bytes);
    return status;
}
