#include "plugins/pkcs11/identity.h"
#include "plugins/pkcs11/label.h"
#include "plugins/pkcs11/statedir.h"
#include "plugins/pkcs11/store.h"
#include <openssl/evp.h>
#include <string.h>

kh_status kh_store_probe(struct kh_store *store, struct kh_error *err)
{
    kh_status status = kh_token_probe(store->token, err);

    return status == KH_OK ? kh_identity_probe(store, err) : status;
}

kh_status kh_store_check(struct kh_store *store, struct kh_error *err)
{
    return store->catalog->check(store->catalog, err);
}

kh_status kh_store_info(
    struct kh_store *store, struct kh_info *info, struct kh_error *err)
{
    struct kh_catalog_counts counts = {0};
    char text[KH_ID_TEXT_SIZE];
    kh_status status = store->catalog->counts(store->catalog, &counts, err);

    if (status != KH_OK)
        return status;
    (void)snprintf(info->place, sizeof info->place, "token '%s' (serial %s)",
        store->facts.label, store->facts.serial);
    (void)snprintf(info->identity, sizeof info->identity, "%s/%s", store->facts.serial,
        kh_key_id_hex(&store->identity.id, text));
    (void)snprintf(info->key_scope, sizeof info->key_scope, "%s",
        store->epoch_scope ? "epoch" : "deposit");
    (void)snprintf(info->profile, sizeof info->profile, "%s", store->facts.profile);
    info->data_max = store->data_max;
    info->versions = counts.versions;
    info->keys = atomic_load(&store->keys);
    info->max_keys = store->max_keys;
    info->unknown_keys = store->unknown;
    return KH_OK;
}

kh_status kh_store_random(
    struct kh_store *store, struct kh_buf *out, struct kh_error *err)
{
    return kh_token_random(store->token, out, err);
}

kh_status kh_store_usage(
    struct kh_store *store, struct kh_usage *usage, struct kh_error *err)
{
    struct kh_catalog_counts counts = {0};
    struct kh_error ignored = {0};
    uint64_t gone = 0;
    kh_status status = store->catalog->counts(store->catalog, &counts, err);

    if (status == KH_OK)
        status = store->catalog->deleted_names(store->catalog, &gone, err);
    if (status != KH_OK)
        return status;
    usage->deleted_deposits = gone < counts.deposits ? gone : counts.deposits;
    usage->deposits = counts.deposits - usage->deleted_deposits;
    usage->versions = counts.versions - counts.deleted;
    usage->deleted_versions = counts.deleted;
    /* A token that is away takes nothing from what the catalog knows. */
    (void)!kh_token_memory(store->token, &usage->memory, &usage->memory_free, &ignored);
    return KH_OK;
}

kh_status kh_store_stat(struct kh_store *store, const char *name, uint32_t version,
    struct kh_stat *stat, struct kh_error *err)
{
    return store->catalog->stat(store->catalog, name, version, stat, err);
}

/* ---- listing
 * ---------------------------------------------------------------------------- */

/* Only when keys were missing at start is there a reason to look at each row. */
static kh_status mark_revoked(
    struct kh_store *store, struct kh_item *item, struct kh_error *err)
{
    struct kh_catalog_row row = {0};
    struct kh_error why = {0};
    kh_status status =
        store->catalog->get(store->catalog, item->name, item->version, true, &row, err);

    if (status == KH_NOT_FOUND) /* purged between the listing and now */
        return KH_OK;
    if (status != KH_OK)
        return status;
    item->status = kh_store_key_there(store, &row, &why);
    if (item->status != KH_OK)
        (void)snprintf(item->note, sizeof item->note,
            "its key was revoked (destroyed) on the HSM: it cannot be recovered");
    store->catalog->row_free(store->catalog, &row);
    return KH_OK;
}

kh_status kh_store_list(struct kh_store *store, const struct kh_cursor *after,
    struct kh_item *items, size_t max, size_t *count, struct kh_error *err)
{
    kh_status status =
        store->catalog->list(store->catalog, after, items, max, count, err);

    for (size_t i = 0; i < *count && status == KH_OK && store->missing.count > 0; i++)
        status = mark_revoked(store, &items[i], err);
    return status;
}

/* ---- room
 * ------------------------------------------------------------------------------- */

/* What a version takes in the catalog on average: an envelope of a KiB or two, its
 * indexes, its place in the write-ahead log. */
#define BYTES_PER_VERSION 4096U

kh_status kh_store_reserve(
    struct kh_store *store, uint64_t versions, struct kh_error *err)
{
    uint64_t held = atomic_load(&store->keys);
    uint64_t more = versions;
    uint64_t room = 0;
    kh_status status;

    if (store->epoch_scope) {
        uint64_t each = (uint64_t)store->host->option_int(store->host, "epoch_deposits");

        more = versions / each + (versions % each != 0);
    }
    if (store->max_keys > 0 &&
        more > store->max_keys - (held < store->max_keys ? held : store->max_keys))
        return kh_fail(err, KH_REFUSED,
            "%llu more versions need %llu more keys on token '%s', which holds %llu of "
            "the %llu "
            "that max_keys allows: raise max_keys or set key_scope = epoch",
            (unsigned long long)versions, (unsigned long long)more, store->facts.label,
            (unsigned long long)held, (unsigned long long)store->max_keys);
    status = kh_statedir_room(store, &room, err);
    if (status == KH_OK && versions > room / BYTES_PER_VERSION)
        return kh_fail(err, KH_UNAVAILABLE,
            "%llu more versions need about %llu MiB in %s, which has %llu MiB left",
            (unsigned long long)versions,
            (unsigned long long)(versions / (1048576U / BYTES_PER_VERSION)),
            store->state_dir, (unsigned long long)(room >> 20));
    return status;
}

/* ---- what a migration asks
 * --------------------------------------------------------------- */

static void put_number(unsigned char *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)(value >> (56 - 8 * i));
}

/* Fixed lengths first, the name with its length, the envelope last: no two rows have one
 * encoding. */
static bool digest_row(struct kh_store *store, const struct kh_catalog_row *row,
    unsigned char digest[KH_FINGERPRINT_LEN])
{
    unsigned char head[8 * 5];
    size_t name_len = strlen(row->name);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok;

    put_number(head, row->version);
    put_number(head + 8, (uint64_t)row->state);
    put_number(head + 16, (uint64_t)row->created);
    put_number(head + 24, row->key.len);
    put_number(head + 32, name_len);
    ok = ctx && EVP_DigestInit_ex2(ctx, store->sha256, NULL) == 1 &&
         EVP_DigestUpdate(ctx, head, sizeof head) == 1 &&
         EVP_DigestUpdate(ctx, row->key.bytes, row->key.len) == 1 &&
         EVP_DigestUpdate(ctx, row->name, name_len) == 1 &&
         EVP_DigestUpdate(ctx, row->envelope, row->envelope_len) == 1 &&
         EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

kh_status kh_store_fingerprint(struct kh_store *store, const char *name, uint32_t version,
    unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err)
{
    struct kh_catalog_row row = {0};
    kh_status status =
        store->catalog->get(store->catalog, name, version, true, &row, err);

    if (status != KH_OK)
        return status;
    if (!digest_row(store, &row, digest))
        status = kh_fail(err, KH_FATAL, "deposit '%s': SHA-256 failed", name);
    store->catalog->row_free(store->catalog, &row);
    return status;
}

/* In deposit scope a key was made for one name, and its label says for which. */
static kh_status check_label(struct kh_store *store, const struct kh_catalog_row *row,
    const char *label, struct kh_error *err)
{
    struct kh_catalog_key key = {0};
    kh_status status = store->catalog->key_get(store->catalog, &row->key, &key, err);

    if (status != KH_OK || strcmp(key.scope, "deposit") != 0 ||
        kh_label_is_for(label, row->name, &row->key))
        return status;
    return kh_fail(err, KH_CORRUPT,
        "deposit '%s' version %u: its key on the token is labelled '%s', made for "
        "another deposit",
        row->name, row->version, label);
}

static kh_status attest_key(
    struct kh_store *store, const struct kh_catalog_row *row, struct kh_error *err)
{
    struct kh_error why = {0};
    char label[256] = "";
    kh_status status =
        kh_token_key_attest(store->token, &row->key, label, sizeof label, &why);

    if (status == KH_NOT_FOUND)
        status = KH_CORRUPT;
    if (status != KH_OK)
        return kh_fail(err, status, "deposit '%s' version %u: %s", row->name,
            row->version, why.message);
    return check_label(store, row, label, err);
}

/* Only a key that no version has for itself: the label of the others is compared with
 * each version's name. */
static bool attested_for_others(struct kh_store *store, const struct kh_catalog_row *row)
{
    struct kh_catalog_key key = {0};
    struct kh_error ignored = {0};

    return kh_token_key_attested(store->token, &row->key) &&
           store->catalog->key_get(store->catalog, &row->key, &key, &ignored) == KH_OK &&
           strcmp(key.scope, "deposit") != 0;
}

kh_status kh_store_attest(
    struct kh_store *store, const char *name, uint32_t version, struct kh_error *err)
{
    struct kh_catalog_row row = {0};
    kh_status status =
        store->catalog->get(store->catalog, name, version, true, &row, err);

    if (status != KH_OK)
        return status;
    status = kh_store_key_there(store, &row, err);
    if (status == KH_OK && !attested_for_others(store, &row))
        status = attest_key(store, &row, err);
    store->catalog->row_free(store->catalog, &row);
    return status;
}

void kh_store_attest_round(struct kh_store *store, bool begin)
{
    kh_token_attest_round(store->token, begin);
}
