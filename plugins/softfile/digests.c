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
    const struct kh_item *items;
    struct kh_soft_digest *out;
    size_t count;
    atomic_size_t next; /* the first that nobody has taken */
};

static kh_status digest(const struct kh_soft_store *store, const struct kh_item *item,
    struct kh_soft_digest *out)
{
    unsigned char hmac[KH_SOFT_DIGEST_SIZE];
    char file[KH_SOFT_FILE_SIZE];
    kh_status status;

    (void)!kh_soft_name_encode(item->name, file, NULL);
    if (item->status != KH_OK)
        return kh_fail(&out->error, KH_CORRUPT,
            "not sealed: deposit %.120s version %u: %s", file, item->version, item->note);
    status = kh_soft_record_digest(
        store, item->name, item->version, hmac, &out->state, &out->error);
    for (size_t i = 0; status == KH_OK && i < sizeof hmac; i++)
        snprintf(out->hmac + 2 * i, 3, "%02x", hmac[i]);
    return status;
}

static void *work(void *arg)
{
    struct job *job = arg;
    size_t i;

    while ((i = atomic_fetch_add(&job->next, 1)) < job->count)
        job->out[i].status = digest(job->store, &job->items[i], &job->out[i]);
    return NULL;
}

void kh_soft_digests_make(const struct kh_soft_store *store, const struct kh_item *items,
    size_t count, struct kh_soft_digest *out)
{
    struct job job = {.store = store, .items = items, .out = out, .count = count};
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
