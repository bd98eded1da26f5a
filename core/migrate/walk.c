#include "core/migrate/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* QUEUE bounds memory whatever the number of deposits; POLL_MS is how soon a cancellation
 * is seen. */
enum { PAGE = 64, QUEUE = 64, POLL_MS = 50 };

struct walk {
    struct kh_migration *m;
    kh_walk_fn work;
    pthread_mutex_t lock;
    pthread_cond_t filled;  /* for workers */
    pthread_cond_t drained; /* for the lister */
    struct kh_item queue[QUEUE];
    size_t head;
    size_t count;
    unsigned busy; /* items in hand */
    bool ended;    /* nothing more will come */
    bool stop;
    kh_status st; /* of the first failure */
    struct kh_error error;
};

kh_status kh_stop_interrupted(struct kh_migration *m, struct kh_error *err)
{
    atomic_store(&m->interrupted, true);
    return kh_fail(err, KH_BUSY,
        "interrupted; the source is intact: run the same command again to go on");
}

/* Holding `lock`. */
static void stop_walk(struct walk *w, kh_status st, const struct kh_error *err)
{
    if (w->st == KH_OK) {
        w->st = st;
        w->error = *err;
    }
    w->stop = true;
    pthread_cond_broadcast(&w->filled);
    pthread_cond_signal(&w->drained);
}

/* Holding `lock`. False: time to go. */
static bool next_item(struct walk *w, struct kh_item *item)
{
    while (w->count == 0 && !w->ended && !w->stop)
        pthread_cond_wait(&w->filled, &w->lock);
    if (w->stop || w->count == 0 || kh_cancelled(w->m))
        return false;
    *item = w->queue[w->head];
    w->head = (w->head + 1) % QUEUE;
    w->count--;
    return true;
}

static void *work_on(void *arg)
{
    struct walk *w = arg;
    struct kh_item item;

    pthread_mutex_lock(&w->lock);
    while (next_item(w, &item)) {
        struct kh_error err = {0};
        kh_status st;

        w->busy++;
        pthread_cond_signal(&w->drained);
        pthread_mutex_unlock(&w->lock);
        st = w->work(w->m, &item, &err);
        kh_tell_done(w->m, 1);
        pthread_mutex_lock(&w->lock);
        w->busy--;
        if (st != KH_OK)
            stop_walk(w, st, &err);
        pthread_cond_signal(&w->drained);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Holding `lock`: a short wait for the workers, with news for whoever watches. */
static void wait_a_little(struct walk *w)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += POLL_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    (void)pthread_cond_timedwait(&w->drained, &w->lock, &until);
    pthread_mutex_unlock(&w->lock);
    kh_tell_progress(w->m, false);
    pthread_mutex_lock(&w->lock);
}

/* False: the walk was stopped. */
static bool give(struct walk *w, const struct kh_item *item)
{
    bool going;

    pthread_mutex_lock(&w->lock);
    while (w->count == QUEUE && !w->stop && !kh_cancelled(w->m))
        wait_a_little(w);
    going = !w->stop && !kh_cancelled(w->m);
    if (going) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): never NULL */
        w->queue[(w->head + w->count) % QUEUE] = *item;
        w->count++;
        pthread_cond_signal(&w->filled);
    }
    pthread_mutex_unlock(&w->lock);
    return going;
}

static bool after_cursor(const struct kh_cursor *cursor, const struct kh_item *item)
{
    int order;

    if (!cursor->started)
        return true;
    order = strcmp(item->name, cursor->name);
    return order > 0 || (order == 0 && item->version > cursor->version);
}

/* One page after CURSOR, which moves on. A listing that goes back would never end: it is
 * refused. */
static kh_status next_page(struct kh_backend *backend, struct kh_cursor *cursor,
    struct kh_item *items, size_t *count, struct kh_error *err)
{
    kh_status st = kh_backend_list(backend, cursor, items, PAGE, count, err);

    for (size_t i = 0; st == KH_OK && i < *count; i++) {
        if (!after_cursor(cursor, &items[i]))
            return kh_fail(err, KH_FATAL, "the listing of %s is not in order of name",
                kh_backend_name(backend));
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): never NULL */
        memcpy(cursor->name, items[i].name, sizeof cursor->name);
        cursor->version = items[i].version;
        cursor->started = true;
    }
    return st;
}

static kh_status list_source(struct walk *w, kh_walk_fn in_order, struct kh_error *err)
{
    struct kh_cursor cursor = {0};
    struct kh_item *items = calloc(PAGE, sizeof *items);
    kh_status st = items ? KH_OK : kh_fail(err, KH_FATAL, "out of memory");
    size_t count = 1;
    bool going = true;

    while (st == KH_OK && going) {
        st = next_page(w->m->o.source, &cursor, items, &count, err);
        if (count == 0)
            break;
        for (size_t i = 0; st == KH_OK && going && i < count; i++) {
            if (in_order)
                st = in_order(w->m, &items[i], err);
            if (st == KH_OK)
                going = give(w, &items[i]);
        }
        kh_tell_progress(w->m, false);
    }
    free(items);
    return st;
}

/* Lists, then waits until all is done or the walk is stopped. */
static void lead(struct walk *w, kh_walk_fn in_order)
{
    struct kh_error err = {0};
    kh_status st = list_source(w, in_order, &err);

    pthread_mutex_lock(&w->lock);
    w->ended = true;
    if (st != KH_OK)
        stop_walk(w, st, &err);
    pthread_cond_broadcast(&w->filled);
    while ((w->count > 0 && !w->stop && !kh_cancelled(w->m)) || w->busy > 0)
        wait_a_little(w);
    pthread_cond_broadcast(&w->filled);
    pthread_mutex_unlock(&w->lock);
}

static void init_walk(struct walk *w)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->filled, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->drained, &attr);
    pthread_condattr_destroy(&attr);
}

static void free_walk(struct walk *w)
{
    pthread_cond_destroy(&w->drained);
    pthread_cond_destroy(&w->filled);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

kh_status kh_walk_source(
    struct kh_migration *m, kh_walk_fn in_order, kh_walk_fn work, struct kh_error *err)
{
    struct walk *w = calloc(1, sizeof *w);
    pthread_t threads[KH_MIGRATION_JOBS_MAX];
    unsigned started = 0;
    kh_status st;

    if (!w)
        return kh_fail(err, KH_FATAL, "out of memory");
    init_walk(w);
    w->m = m;
    w->work = work;
    while (
        started < m->o.jobs && pthread_create(&threads[started], NULL, work_on, w) == 0)
        started++;
    if (started > 0)
        lead(w, in_order);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    st = w->st;
    if (st != KH_OK)
        *err = w->error;
    else if (started == 0)
        st = kh_fail(err, KH_FATAL, "cannot start a thread");
    else if (kh_cancelled(m))
        st = kh_stop_interrupted(m, err);
    else
        kh_tell_progress(m, true);
    free_walk(w);
    return st;
}

kh_status kh_walk_backend(struct kh_migration *m, struct kh_backend *backend,
    kh_walk_fn fn, struct kh_error *err)
{
    struct kh_cursor cursor = {0};
    struct kh_item *items = calloc(PAGE, sizeof *items);
    kh_status st = items ? KH_OK : kh_fail(err, KH_FATAL, "out of memory");
    size_t count = 1;

    while (st == KH_OK) {
        if (kh_cancelled(m)) {
            st = kh_stop_interrupted(m, err);
            break;
        }
        st = next_page(backend, &cursor, items, &count, err);
        if (count == 0)
            break;
        for (size_t i = 0; st == KH_OK && i < count; i++)
            st = fn(m, &items[i], err);
    }
    free(items);
    return st;
}
