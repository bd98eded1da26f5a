#include "plugins/pkcs11/store.h"

#include "plugins/pkcs11/identity.h"
#include "plugins/pkcs11/keypool.h"
#include "plugins/pkcs11/label.h"
#include "plugins/pkcs11/newkey.h"
#include <stdlib.h>
#include <string.h>

/* How often a put starts over when its epoch's key was purged under it. */
#define TRIES 4

/* ---- put
 * -------------------------------------------------------------------------------- */

/* Before a key is made for it; insert decides for good. */
static kh_status must_be_new(struct kh_store *store, const struct kh_deposit *deposit,
    kh_put_mode mode, struct kh_error *err)
{
    struct kh_stat stat = {0};
    uint32_t version = mode == KH_PUT_NEW ? KH_LATEST : deposit->version;
    kh_status status =
        store->catalog->stat(store->catalog, deposit->name, version, &stat, err);

    if (status == KH_NOT_FOUND)
        return KH_OK;
    if (status != KH_OK)
        return status;
    if (mode == KH_PUT_NEW)
        return kh_fail(err, KH_EXISTS, "deposit '%s' exists already", deposit->name);
    return kh_fail(err, KH_EXISTS, "version %u of deposit '%s' exists already",
        deposit->version, deposit->name);
}

static kh_status insert(struct kh_store *store, const struct kh_deposit *deposit,
    kh_put_mode mode, struct kh_catalog_row *row, struct kh_error *err)
{
    memcpy(row->name, deposit->name, sizeof row->name);
    row->version = deposit->version;
    row->state = deposit->state;
    row->created = deposit->created;
    (void)snprintf(row->profile, sizeof row->profile, "%s", store->profile);
    return store->catalog->insert(store->catalog, row, mode == KH_PUT_NEW, err);
}

/* Key, envelope, row, in this order: a crash between them leaves at most an announced
 * key. When the insert lost durability nobody knows whether the row is there: the key is
 * left for the next start, which keeps it exactly when a row needs it. */
static kh_status put_once(struct kh_store *store, const struct kh_deposit *deposit,
    kh_put_mode mode, const struct kh_buf *record, struct kh_error *err)
{
    struct kh_sealing_key key = {0};
    struct kh_catalog_row row = {0};
    bool needed = false;
    kh_status status = kh_sealing_key_take(store, deposit->name, &key, err);

    if (status != KH_OK)
        return status;
    row.key = key.id;
    status = kh_envelope_seal(
        store->envelopes, key.recipient, record, &row.envelope, &row.envelope_len, err);
    if (status == KH_OK) {
        status = insert(store, deposit, mode, &row, err);
        needed = status == KH_OK || status == KH_FATAL;
    }
    free(row.envelope);
    kh_sealing_key_done(store, &key, needed);
    return status;
}

kh_status kh_store_put(struct kh_store *store, const struct kh_deposit *deposit,
    kh_put_mode mode, struct kh_error *err)
{
    const struct kh_host *host = store->host;
    struct kh_buf record = {0};
    kh_status status;

    if (deposit->data.len > store->data_max)
        return kh_fail(err, KH_INVALID,
            "deposit '%s': %zu bytes, max_deposit_size is %zu", deposit->name,
            deposit->data.len, store->data_max);
    status = must_be_new(store, deposit, mode, err);
    if (status == KH_OK)
        status = kh_identity_claim(store, err);
    if (status == KH_OK)
        status = host->record_encode(host, deposit, &record, err);
    if (status != KH_OK)
        return status;
    status = put_once(store, deposit, mode, &record, err);
    /* Only a doomed key is REFUSED by insert, and only an epoch's key can be doomed
     * before its first row: all its rows were purged while this version was being sealed.
     */
    for (int i = 1; i < TRIES && status == KH_REFUSED && store->epochs; i++)
        status = put_once(store, deposit, mode, &record, err);
    host->buf_free(host, &record);
    return status;
}

/* ---- get
 * -------------------------------------------------------------------------------- */

static kh_status corrupt(
    const struct kh_catalog_row *row, const char *why, struct kh_error *err)
{
    struct kh_error cause = *err; /* WHY may stand in ERR */

    return kh_fail(err, KH_CORRUPT, "deposit '%s' version %u: %s", row->name,
        row->version, why ? why : cause.message);
}

kh_status kh_store_key_there(
    struct kh_store *store, const struct kh_catalog_row *row, struct kh_error *err)
{
    char text[KH_ID_TEXT_SIZE];

    if (!kh_keyset_find(&store->missing, &row->key))
        return KH_OK;
    return kh_fail(err, KH_CORRUPT,
        "deposit '%s' version %u: its key %s was revoked (destroyed) on the HSM: the "
        "deposit "
        "cannot be recovered",
        row->name, row->version, kh_key_id_hex(&row->key, text));
}

/* Row and record agree, or rows were swapped or edited. The label of the key needs no
 * look here: the envelope names its key and only that key opens it (kh_envelope_open
 * compares), its public half is gone so that nobody can seal another record to it, and
 * name and version stand inside. attest compares the label as well. */
static kh_status must_agree(const struct kh_catalog_row *row,
    const struct kh_deposit *deposit, struct kh_error *err)
{
    if (strcmp(row->name, deposit->name) != 0 || row->version != deposit->version)
        return kh_fail(err, KH_CORRUPT,
            "deposit '%s' version %u: its envelope holds version %u of '%s': the "
            "catalog's rows "
            "were swapped",
            row->name, row->version, deposit->version, deposit->name);
    if (row->created != deposit->created)
        return corrupt(
            row, "the catalog and the envelope disagree on when it was created", err);
    return KH_OK;
}

/* A module may have given the handle of a key to another one meanwhile: then an envelope
 * does not open that is as good as ever. attest looks at the key again and drops a handle
 * that is wrong. */
static kh_status open_envelope(struct kh_store *store, const struct kh_catalog_row *row,
    const struct kh_token_key *key, struct kh_buf *record, struct kh_error *err)
{
    struct kh_error ignored = {0};
    kh_status status = kh_envelope_open(
        store->envelopes, key, row->envelope, row->envelope_len, record, err);

    if (status == KH_CORRUPT &&
        kh_token_key_attest(store->token, &row->key, NULL, 0, &ignored) == KH_OK)
        status = kh_envelope_open(
            store->envelopes, key, row->envelope, row->envelope_len, record, err);
    return status;
}

static kh_status open_row(struct kh_store *store, const struct kh_catalog_row *row,
    struct kh_deposit *deposit, struct kh_error *err)
{
    const struct kh_host *host = store->host;
    struct kh_token_key key;
    struct kh_buf record = {0};
    kh_status status = kh_store_key_there(store, row, err);

    if (status != KH_OK)
        return status;
    status = kh_newkey_of(row->profile, &row->key, &key, err);
    if (status == KH_OK)
        status = open_envelope(store, row, &key, &record, err);
    if (status == KH_OK)
        status = host->record_decode(host, record.data, record.len, deposit, err);
    host->buf_free(host, &record);
    if (status == KH_CORRUPT)
        return corrupt(row, NULL, err);
    return status == KH_OK ? must_agree(row, deposit, err) : status;
}

kh_status kh_store_get(struct kh_store *store, const char *name, uint32_t version,
    bool with_deleted, struct kh_deposit *deposit, struct kh_error *err)
{
    struct kh_catalog_row row = {0};
    struct kh_deposit opened = {0};
    kh_status status =
        store->catalog->get(store->catalog, name, version, with_deleted, &row, err);

    if (status != KH_OK)
        return status;
    status = open_row(store, &row, &opened, err);
    if (status == KH_OK) {
        opened.state = row.state;
        *deposit = opened;
    } else {
        store->host->deposit_free(store->host, &opened);
    }
    store->catalog->row_free(store->catalog, &row);
    return status;
}
