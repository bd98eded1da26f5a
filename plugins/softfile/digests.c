#include "plugins/softfile/digests.h"

#include "plugins/softfile/deposits.h"
#include "plugins/softfile/names.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { HELPERS = 7 /* beside the caller */ };

/* The items that the threads share. */
struct job {
    const struct kh_soft_store *store;
    const struct kh_buf *key;
    const struct kh_item *items;
    struct kh_soft_digest *out;
    size_t count;
    atomic_size_t next; /* the first that nobody has taken */
};

static kh_status digest(
    const struct job *job, const struct kh_buf *record, struct kh_soft_digest *out)
{
    unsigned char mac[KH_SOFT_DIGEST_SIZE];
    size_t len = 0;

    if (!EVP_Q_mac(job->store->keys.libctx, "HMAC", NULL, "SHA256", NULL, job->key->data,
            job->key->len, record->data, record->len, mac, sizeof mac, &len) ||
        len != sizeof mac)
        return kh_fail(&out->error, KH_FATAL, "cannot digest a record");
    for (size_t i = 0; i < sizeof mac; i++)
        snprintf(out->hmac + 2 * i, 3, "%02x", mac[i]);
    return KH_OK;
}

static kh_status open_and_digest(
    const struct job *job, const struct kh_item *item, struct kh_soft_digest *out)
{
    const struct kh_host *host = job->store->host;
    struct kh_deposit deposit = {0};
    struct kh_buf record = {0};
    char file[KH_SOFT_FILE_SIZE];
    kh_status status;

    (void)!kh_soft_name_encode(item->name, file, NULL);
    if (item->status != KH_OK)
        return kh_fail(&out->error, KH_CORRUPT,
            "not sealed: deposit %.120s version %u: %s", file, item->version, item->note);
    status = kh_soft_get_record(
        job->store, item->name, item->version, &record, &deposit, &out->error);
    if (status == KH_OK)
        status = digest(job, &record, out);
    out->state = deposit.state;
    host->deposit_free(host, &deposit);
    host->buf_free(host, &record);
    return status;
}

static void *work(void *arg)
{
    struct job *job = arg;
    size_t i;

    while ((i = atomic_fetch_add(&job->next, 1)) < job->count)
        job->out[i].status = open_and_digest(job, &job->items[i], &job->out[i]);
    return NULL;
}

void kh_soft_digests_make(const struct kh_soft_store *store, const struct kh_buf *key,
    const struct kh_item *items, size_t count, struct kh_soft_digest *out)
{
    struct job job = {
        .store = store, .key = key, .items = items, .out = out, .count = count};
    pthread_t helpers[HELPERS];
    unsigned started = 0;

    memset(out, 0, count * sizeof *out);
    /* Without any helper the caller does it all. */
    while (started < HELPERS && started + 1 < count &&
           pthread_create(&helpers[started], NULL, work, &job) == 0)
        started++;
    (void)work(&job);
    while (started > 0)
        (void)pthread_join(helpers[--started], NULL);
}
