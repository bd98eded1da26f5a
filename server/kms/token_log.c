#include "server/kms/token_log.h"

#include "core/log.h"
#include "server/http.h"
#include "server/kms/token_part.h"
#include "server/kms/users.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Somebody who waits until his event is in a deposit. */
struct waiter {
    const struct kms_event *event;
    bool done;
    kh_status status;
    struct kh_error err;
    struct waiter *next;
};

struct kms_log {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct kms_table table;
    struct kms_table own;   /* of this server, for putting its parts together */
    struct kms_names read;  /* parts whose events are in the table */
    struct kms_names parts; /* this server's */
    unsigned server;        /* a number of its own, new at every start */
    unsigned next;          /* number of the next part */
    struct waiter *first;
    struct waiter **last;
    bool writing;
    bool reading;
    bool read_once;
    uint64_t read_at;  /* monotonic milliseconds, the last success */
    uint64_t tried_at; /* and the last try; 0: never */
    bool due;
};

kh_status kms_log_new(struct kms_log **out, struct kh_error *err)
{
    struct kms_log *log = calloc(1, sizeof *log);

    *out = NULL;
    if (!log)
        return kh_fail(err, KH_FATAL, "no memory for the events of delegation tokens");
    if (RAND_bytes((unsigned char *)&log->server, sizeof log->server) != 1) {
        free(log);
        return kh_fail(err, KH_UNAVAILABLE, "OpenSSL has no random bytes");
    }
    (void)pthread_mutex_init(&log->lock, NULL);
    (void)pthread_cond_init(&log->changed, NULL);
    log->last = &log->first;
    *out = log;
    return KH_OK;
}

void kms_log_free(struct kms_log *log)
{
    if (!log)
        return;
    kms_table_clear(&log->table);
    kms_table_clear(&log->own);
    kms_names_clear(&log->read);
    kms_names_clear(&log->parts);
    (void)pthread_cond_destroy(&log->changed);
    (void)pthread_mutex_destroy(&log->lock);
    free(log);
}

void kms_log_expire(struct kms_log *log)
{
    (void)pthread_mutex_lock(&log->lock);
    log->due = true;
    (void)pthread_mutex_unlock(&log->lock);
}

/* ---- reading ------------------------------------------------------------------------
 */

static kh_status merge_part(
    struct kms_log *log, const char *name, const struct kms_table *part)
{
    struct kh_error err = {0};
    kh_status st = KH_OK;

    (void)pthread_mutex_lock(&log->lock);
    for (size_t i = 0; st == KH_OK && i < part->count; i++) {
        if (!kms_table_merge(&log->table, &part->events[i]))
            st = KH_UNAVAILABLE;
    }
    if (st == KH_OK)
        st = kms_names_add(&log->read, name, strlen(name), &err);
    (void)pthread_mutex_unlock(&log->lock);
    return st;
}

static bool is_read(struct kms_log *log, const char *name)
{
    bool is;

    (void)pthread_mutex_lock(&log->lock);
    is = kms_names_have(&log->read, name);
    (void)pthread_mutex_unlock(&log->lock);
    return is;
}

/* One part that the backend has. */
static kh_status on_part(struct kms_log *log, const struct kms_log_call *call,
    const char *name, struct kh_error *err)
{
    struct kms_table part = {0};
    kh_status st;

    if (kms_part_over(name, call->now)) {
        kms_part_purge(call->backend, name);
        return KH_OK;
    }
    if (is_read(log, name))
        return KH_OK;
    st = kms_part_read(call->backend, name, &part, err);
    if (st == KH_OK && merge_part(log, name, &part) != KH_OK)
        st = kh_fail(err, KH_UNAVAILABLE, "no memory for events of delegation tokens");
    kms_table_clear(&part);
    /* Another server put its parts together meanwhile. */
    return st == KH_NOT_FOUND ? KH_OK : st;
}

static kh_status read_news(
    struct kms_log *log, const struct kms_log_call *call, struct kh_error *err)
{
    struct kms_names names = {0};
    kh_status st = kms_part_list(call->backend, &names, err);

    for (size_t i = 0; st == KH_OK && i < names.count; i++)
        st = on_part(log, call, names.names[i], err);
    (void)pthread_mutex_lock(&log->lock);
    if (st == KH_OK) {
        /* What is gone is forgotten; what was written meanwhile is read once more. */
        struct kms_names gone = log->read;

        log->read = names;
        names = gone;
        kms_table_prune(&log->table, call->now);
        kms_table_prune(&log->own, call->now);
    }
    (void)pthread_mutex_unlock(&log->lock);
    kms_names_clear(&names);
    return st;
}

static bool usable(const struct kms_log *log)
{
    return log->read_once && kh_clock_ms() - log->read_at < KMS_LOG_STALE_MS;
}

static kh_status judge(const struct kms_log *log, struct kh_error *err)
{
    if (usable(log))
        return KH_OK;
    return kh_fail(err, KH_UNAVAILABLE,
        "what happened to delegation tokens cannot be read; see the server's log");
}

/* Looks for news when it is time; one caller does, the others go on with what is known,
 * as long as it is not stale. Under the lock, which is released meanwhile. */
static kh_status refresh(
    struct kms_log *log, const struct kms_log_call *call, struct kh_error *err)
{
    uint64_t now = kh_clock_ms();
    struct kh_error why = {0};
    kh_status st;

    if (log->tried_at && now - log->tried_at < KMS_LOG_FRESH_MS && !log->due &&
        !log->reading)
        return judge(log, err);
    if (log->reading) {
        while (log->reading && !usable(log))
            (void)pthread_cond_wait(&log->changed, &log->lock);
        return judge(log, err);
    }
    log->reading = true;
    log->due = false;
    log->tried_at = now;
    (void)pthread_mutex_unlock(&log->lock);
    st = read_news(log, call, &why);
    (void)pthread_mutex_lock(&log->lock);
    log->reading = false;
    (void)pthread_cond_broadcast(&log->changed);
    if (st == KH_OK) {
        log->read_once = true;
        log->read_at = now;
        return KH_OK;
    }
    kh_log(KH_LOG_WARNING, "kms: what happened to delegation tokens: %s", why.message);
    return judge(log, err);
}

kh_status kms_log_find(struct kms_log *log, const struct kms_log_call *call,
    const unsigned char id[16], struct kms_event *out, struct kh_error *err)
{
    const struct kms_event *known;
    kh_status st;

    *out = (struct kms_event){0};
    (void)pthread_mutex_lock(&log->lock);
    st = refresh(log, call, err);
    known = st == KH_OK ? kms_table_find(&log->table, id) : NULL;
    if (known)
        *out = *known;
    (void)pthread_mutex_unlock(&log->lock);
    return st == KH_OK && !known ? KH_NOT_FOUND : st;
}

/* ---- writing ------------------------------------------------------------------------
 */

/* Takes up to KMS_PART_EVENTS waiters off the queue. Under the lock. */
static struct waiter *take_batch(struct kms_log *log, struct kms_table *batch)
{
    struct waiter *first = log->first;
    struct waiter **at = &first;

    while (*at && batch->count < KMS_PART_EVENTS) {
        if (!kms_table_merge(batch, (*at)->event))
            break;
        at = &(*at)->next;
    }
    log->first = *at;
    *at = NULL;
    if (!log->first)
        log->last = &log->first;
    return first;
}

/* The next part's name is remembered before it is there: a part that cannot be named
 * could not be purged. */
static kh_status write_part(struct kms_log *log, const struct kms_log_call *call,
    const struct kms_table *batch, struct kh_error *err)
{
    char name[KH_NAME_MAX + 1];
    kh_status st;

    (void)pthread_mutex_lock(&log->lock);
    kms_part_name(batch, log->server, log->next++, name);
    st = kms_names_add(&log->parts, name, strlen(name), err);
    (void)pthread_mutex_unlock(&log->lock);
    return st == KH_OK ? kms_part_write(call->backend, name, batch, err) : st;
}

/* Puts this server's parts together, when there are many: writes all it knows anew, then
 * purges the parts there were. An interruption leaves both, which does no harm. */
static void compact(struct kms_log *log, const struct kms_log_call *call)
{
    struct kms_names old;
    struct kms_table all = {0};
    struct kh_error err = {0};
    kh_status st = KH_OK;

    (void)pthread_mutex_lock(&log->lock);
    kms_table_prune(&log->own, call->now);
    if (log->parts.count < KMS_LOG_PARTS + 2 * log->own.count / KMS_PART_EVENTS) {
        (void)pthread_mutex_unlock(&log->lock);
        return;
    }
    old = log->parts;
    log->parts = (struct kms_names){0};
    for (size_t i = 0; st == KH_OK && i < log->own.count; i++)
        st = kms_table_merge(&all, &log->own.events[i]) ? KH_OK : KH_UNAVAILABLE;
    (void)pthread_mutex_unlock(&log->lock);
    for (size_t at = 0; st == KH_OK && at < all.count; at += KMS_PART_EVENTS) {
        size_t left = all.count - at;
        const struct kms_table some = {.events = &all.events[at],
            .count = left < KMS_PART_EVENTS ? left : KMS_PART_EVENTS};

        st = write_part(log, call, &some, &err);
    }
    kms_table_clear(&all);
    if (st != KH_OK)
        kh_log(KH_LOG_WARNING, "kms: events of delegation tokens stay as they are: %s",
            err.message);
    (void)pthread_mutex_lock(&log->lock);
    for (size_t i = 0; st != KH_OK && i < old.count; i++)
        (void)!kms_names_add(&log->parts, old.names[i], strlen(old.names[i]), &err);
    (void)pthread_mutex_unlock(&log->lock);
    for (size_t i = 0; st == KH_OK && i < old.count; i++)
        kms_part_purge(call->backend, old.names[i]);
    kms_names_clear(&old);
}

/* Under the lock: the caller writes for everybody who waits. */
static void write_waiting(struct kms_log *log, const struct kms_log_call *call)
{
    struct kms_table batch = {0};
    struct kh_error err = {0};
    struct waiter *first;
    kh_status st;

    log->writing = true;
    first = take_batch(log, &batch);
    (void)pthread_mutex_unlock(&log->lock);
    st = first ? write_part(log, call, &batch, &err) : KH_OK;
    (void)pthread_mutex_lock(&log->lock);
    for (struct waiter *w = first, *next; w; w = next) {
        next = w->next;
        w->status = st;
        w->err = err;
        if (st == KH_OK && (!kms_table_merge(&log->table, w->event) ||
                               !kms_table_merge(&log->own, w->event)))
            w->status = kh_fail(&w->err, KH_UNAVAILABLE, "no memory for an event");
        w->done = true;
    }
    (void)pthread_mutex_unlock(&log->lock);
    kms_table_clear(&batch);
    if (st == KH_OK)
        compact(log, call);
    (void)pthread_mutex_lock(&log->lock);
    log->writing = false;
    (void)pthread_cond_broadcast(&log->changed);
}

kh_status kms_log_add(struct kms_log *log, const struct kms_log_call *call,
    const struct kms_event *event, struct kh_error *err)
{
    struct waiter me = {.event = event};

    (void)pthread_mutex_lock(&log->lock);
    if (!kms_table_has_room(&log->table, event)) {
        (void)pthread_mutex_unlock(&log->lock);
        return kh_fail(err, KH_BUSY,
            "too many delegation tokens were renewed or cancelled; those that end make "
            "room");
    }
    *log->last = &me;
    log->last = &me.next;
    while (!me.done) {
        if (log->writing)
            (void)pthread_cond_wait(&log->changed, &log->lock);
        else
            write_waiting(log, call);
    }
    (void)pthread_mutex_unlock(&log->lock);
    if (me.status != KH_OK)
        return kh_fail(err, me.status, "%s", me.err.message);
    return KH_OK;
}
