/*
 * A well-behaved backend in the memory of the process. Deposits are kept per option
 * `store` until the process ends. Built as `memory`, which can be left, (MOCK_HARDWARE)
 * as `vault`, which cannot, (MOCK_KEYS too) as `keyvault`, which has named keys beside
 * them, and (MOCK_UNSEALED) as `unsealed`, which only says that it is sealed.
 */
#include "tests/mock/stubs.h"

#ifdef MOCK_KEYS
#include "tests/mock/memory_keys.h"
#endif

#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#ifdef MOCK_KEYS
#define MOCK_NAME "keyvault"
#elif defined MOCK_HARDWARE
#define MOCK_NAME "vault"
#elif defined MOCK_UNSEALED
#define MOCK_NAME "unsealed"
#else
#define MOCK_NAME "memory"
#endif
#ifdef MOCK_HARDWARE
#define MOCK_CAPS KH_CAP_HARDWARE
#else
#define MOCK_CAPS (KH_CAP_EXPORT | KH_CAP_SEAL)
#endif

/* One stored version: a record of the core, and the state beside it. Sorted by name and
 * version. */
struct row {
    struct row *next;
    char name[KH_NAME_MAX + 1];
    uint32_t version;
    kh_state state;
    int64_t created;
    struct kh_buf record;
};

struct store {
    struct store *next;
    char name[64];
    struct row *rows;
    bool sealed;
    char sealed_for[256];
};

struct backend {
    const struct kh_host *host;
    struct store *store;
};

static const struct kh_option options[] = {
    {"store", KH_OPT_STRING, "default", 0, NULL, "which of the process's stores to use"},
    {"data_max", KH_OPT_SIZE, "64K", 0, NULL, "largest data"},
    {"max_keys", KH_OPT_INT, "0", 0, NULL, "most versions it takes, 0 for no ceiling"},
    {"read_only", KH_OPT_BOOL, "no", 0, NULL, "refuse every write"},
#ifdef MOCK_KEYS
    {"key_age", KH_OPT_SECONDS, "0", 0, NULL, "how old a named key is when it is made"},
#endif
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct store *stores;

static kh_status open_store(const struct kh_host *host, void **ctx, struct kh_error *err)
{
    const char *name = host->option_string(host, "store");
    struct backend *b = calloc(1, sizeof *b);
    struct store *s;

    (void)pthread_mutex_lock(&lock);
    for (s = stores; s && strcmp(s->name, name) != 0; s = s->next)
        continue;
    if (!s && (s = calloc(1, sizeof *s))) {
        (void)snprintf(s->name, sizeof s->name, "%s", name);
        s->next = stores;
        stores = s;
    }
    (void)pthread_mutex_unlock(&lock);
    if (!b || !s) {
        free(b);
        return kh_fail(err, KH_FATAL, "no memory");
    }
    *b = (struct backend){host, s};
    *ctx = b;
    return KH_OK;
}

static void close_store(void *ctx)
{
    free(ctx);
}

static kh_status info(void *ctx, struct kh_info *info, struct kh_error *err)
{
    struct backend *b = ctx;

    (void)err;
    (void)pthread_mutex_lock(&lock);
    (void)snprintf(info->place, sizeof info->place, MOCK_NAME " '%s'", b->store->name);
    (void)snprintf(
        info->identity, sizeof info->identity, MOCK_NAME ":%s", b->store->name);
    (void)snprintf(info->key_scope, sizeof info->key_scope, "deposit");
    (void)snprintf(info->profile, sizeof info->profile, "none");
    (void)snprintf(info->sealed_for, sizeof info->sealed_for, "%s", b->store->sealed_for);
    info->data_max = (uint64_t)b->host->option_int(b->host, "data_max");
    info->max_keys = (uint64_t)b->host->option_int(b->host, "max_keys");
    info->sealed = b->store->sealed;
    info->read_only = b->host->option_bool(b->host, "read_only");
    for (const struct row *r = b->store->rows; r; r = r->next)
        info->versions++;
    info->keys = info->versions;
    (void)pthread_mutex_unlock(&lock);
    return KH_OK;
}

/* The methods below hold the lock from begin to end. */
static kh_status begin(struct backend *b, bool writes, struct kh_error *err)
{
    (void)pthread_mutex_lock(&lock);
    if (b->store->sealed)
        return kh_fail(err, KH_REFUSED, MOCK_NAME " '%s' is sealed for %s",
            b->store->name, b->store->sealed_for);
    if (writes && b->host->option_bool(b->host, "read_only"))
        return kh_fail(err, KH_REFUSED, MOCK_NAME " '%s' is read-only", b->store->name);
    return KH_OK;
}

static kh_status end(kh_status st)
{
    (void)pthread_mutex_unlock(&lock);
    return st;
}

static kh_status probe(void *ctx, struct kh_error *err)
{
    return end(begin(ctx, false, err));
}

static kh_status missing(const char *name, struct kh_error *err)
{
    return kh_fail(err, KH_NOT_FOUND, "there is no '%s', or no such version", name);
}

static int order(const struct row *r, const char *name, uint32_t version)
{
    int c = strcmp(r->name, name);

    return c ? c : (r->version > version) - (r->version < version);
}

/* VERSION, or KH_LATEST: the highest active one, else (WITH_DELETED) the highest. */
static struct row *find(
    struct backend *b, const char *name, uint32_t version, bool with_deleted)
{
    struct row *active = NULL;
    struct row *any = NULL;

    for (struct row *r = b->store->rows; r; r = r->next) {
        if (strcmp(r->name, name) != 0 || (version != KH_LATEST && r->version != version))
            continue;
        any = r;
        if (r->state == KH_ACTIVE)
            active = r;
    }
    return active ? active : (with_deleted ? any : NULL);
}

static kh_status insert(
    struct backend *b, const struct kh_deposit *d, struct kh_error *err)
{
    struct row **at = &b->store->rows;
    struct row *r = calloc(1, sizeof *r);
    kh_status st;

    if (!r)
        return kh_fail(err, KH_FATAL, "no memory");
    st = b->host->record_encode(b->host, d, &r->record, err);
    if (st != KH_OK) {
        free(r);
        return st;
    }
    strcpy(r->name, d->name);
    r->version = d->version;
    r->state = d->state;
    r->created = d->created;
    while (*at && order(*at, r->name, r->version) < 0)
        at = &(*at)->next;
    r->next = *at;
    *at = r;
    return KH_OK;
}

static kh_status room(struct backend *b, uint64_t versions, struct kh_error *err)
{
    uint64_t max = (uint64_t)b->host->option_int(b->host, "max_keys");
    uint64_t used = 0;

    for (const struct row *r = b->store->rows; r; r = r->next)
        used++;
    if (max && versions > max - used)
        return kh_fail(
            err, KH_REFUSED, "max_keys = %llu is reached", (unsigned long long)max);
    return KH_OK;
}

static kh_status put(
    void *ctx, const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err)
{
    struct backend *b = ctx;
    kh_status st = begin(b, true, err);

    if (st == KH_OK &&
        find(b, deposit->name, mode == KH_PUT_NEW ? KH_LATEST : deposit->version, true))
        st = kh_fail(err, KH_EXISTS, "'%s' exists", deposit->name);
    if (st == KH_OK)
        st = room(b, 1, err);
    if (st == KH_OK)
        st = insert(b, deposit, err);
    return end(st);
}

static kh_status get(void *ctx, const char *name, uint32_t version, bool with_deleted,
    struct kh_deposit *deposit, struct kh_error *err)
{
    struct backend *b = ctx;
    kh_status st = begin(b, false, err);
    const struct row *r = st == KH_OK ? find(b, name, version, with_deleted) : NULL;

    if (st == KH_OK && !r)
        st = missing(name, err);
    if (st == KH_OK)
        st = b->host->record_decode(b->host, r->record.data, r->record.len, deposit, err);
    if (st == KH_OK)
        deposit->state = r->state;
    return end(st);
}

static kh_status stat_one(void *ctx, const char *name, uint32_t version,
    struct kh_stat *stat, struct kh_error *err)
{
    struct backend *b = ctx;
    kh_status st = begin(b, false, err);
    const struct row *r = st == KH_OK ? find(b, name, version, true) : NULL;

    if (st == KH_OK && !r)
        st = missing(name, err);
    if (st != KH_OK)
        return end(st);
    strcpy(stat->name, name);
    stat->version = r->version;
    stat->state = r->state;
    stat->created = r->created;
    for (r = b->store->rows; r; r = r->next) {
        if (strcmp(r->name, name) == 0) {
            stat->versions++;
            stat->highest = r->version;
        }
    }
    return end(KH_OK);
}

static kh_status list(void *ctx, const struct kh_cursor *after, struct kh_item *items,
    size_t max, size_t *count, struct kh_error *err)
{
    struct backend *b = ctx;
    kh_status st = begin(b, false, err);
    size_t n = 0;

    for (const struct row *r = st == KH_OK ? b->store->rows : NULL; r && n < max;
         r = r->next) {
        if (after->started && order(r, after->name, after->version) <= 0)
            continue;
        strcpy(items[n].name, r->name);
        items[n].version = r->version;
        items[n].state = r->state;
        items[n].created = r->created;
        n++;
    }
    *count = n;
    return end(st);
}

/* Takes the rows out (PURGE) or sets their state. */
static kh_status change(struct backend *b, const char *name, uint32_t version,
    kh_state state, bool purge, struct kh_error *err)
{
    kh_status st = begin(b, true, err);
    bool found = false;

    for (struct row **at = &b->store->rows; st == KH_OK && *at;) {
        struct row *r = *at;

        if (strcmp(r->name, name) != 0 ||
            (version != KH_ALL_VERSIONS && r->version != version)) {
            at = &r->next;
            continue;
        }
        found = true;
        if (purge) {
            *at = r->next;
            b->host->buf_free(b->host, &r->record);
            free(r);
        } else {
            r->state = state;
            at = &r->next;
        }
    }
    if (st == KH_OK && !found)
        st = missing(name, err);
    return end(st);
}

static kh_status delete_soft(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return change(ctx, name, version, KH_DELETED, false, err);
}

static kh_status restore(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return change(ctx, name, version, KH_ACTIVE, false, err);
}

static kh_status purge(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return change(ctx, name, version, KH_DELETED, true, err);
}

static kh_status reserve(void *ctx, uint64_t versions, struct kh_error *err)
{
    kh_status st = begin(ctx, true, err);

    return end(st == KH_OK ? room(ctx, versions, err) : st);
}

static kh_status fingerprint(void *ctx, const char *name, uint32_t version,
    unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err)
{
    struct backend *b = ctx;
    kh_status st = begin(b, false, err);
    const struct row *r = st == KH_OK ? find(b, name, version, true) : NULL;

    if (st == KH_OK && !r)
        st = missing(name, err);
    if (st == KH_OK) {
        (void)SHA256(r->record.data, r->record.len, digest);
        digest[0] ^= (unsigned char)r->state;
    }
    return end(st);
}

#ifdef MOCK_HARDWARE
static kh_status attest(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    kh_status st = begin(ctx, false, err);

    if (st == KH_OK && !find(ctx, name, version, true))
        st = missing(name, err);
    return end(st);
}

/* Two things looked at; the second is well when there is a ceiling. */
static kh_status examine(
    const struct kh_host *host, kh_finding_fn fn, void *arg, struct kh_error *err)
{
    const struct kh_finding store = {
        .check = "store", .detail = host->option_string(host, "store")};
    struct kh_finding ceiling = {.check = "ceiling", .detail = "there is one"};

    (void)err;
    if (host->option_int(host, "max_keys") == 0)
        ceiling =
            (struct kh_finding){"ceiling", KH_REFUSED, "there is none", "set max_keys"};
    fn(arg, &store);
    fn(arg, &ceiling);
    return KH_OK;
}

/* Any name but "there" (KH_EXISTS) and "silent", which fails without a word. */
static kh_status create(
    const struct kh_host *host, const struct kh_creation *creation, struct kh_error *err)
{
    (void)host;
    if (strcmp(creation->name, "there") == 0)
        return kh_fail(err, KH_EXISTS, "'there' is there");
    return strcmp(creation->name, "silent") == 0 ? KH_BUSY : KH_OK;
}

static kh_status check(void *ctx, struct kh_error *err)
{
    struct backend *b = ctx;

    if (strcmp(b->store->name, "damaged") == 0)
        return kh_fail(err, KH_CORRUPT, "a row is damaged");
    return KH_OK;
}
#else
static kh_status seal(void *ctx, const struct kh_seal *seal, struct kh_error *err)
{
    struct backend *b = ctx;

    (void)err;
    (void)pthread_mutex_lock(&lock);
    if (!b->store->sealed)
        (void)snprintf(
            b->store->sealed_for, sizeof b->store->sealed_for, "%s", seal->destination);
    b->store->sealed = strcmp(MOCK_NAME, "unsealed") != 0;
    while (!seal->keep_source && b->store->rows) {
        struct row *r = b->store->rows;

        b->store->rows = r->next;
        b->host->buf_free(b->host, &r->record);
        free(r);
    }
    return end(KH_OK);
}
#endif

#ifdef MOCK_KEYS
struct mock_keys_place mock_keys_place(void *ctx)
{
    const struct backend *b = ctx;

    return (struct mock_keys_place){
        b->host, b->store->name, b->host->option_int(b->host, "key_age")};
}
#endif

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = MOCK_NAME,
    .version = "1",
    .description = "deposits in the memory of the process, for tests",
    .capabilities =
        KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST | KH_CAP_THREADSAFE | MOCK_CAPS,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .open = open_store,
    .close = close_store,
    .probe = probe,
    .info = info,
    .put = put,
    .get = get,
    .stat = stat_one,
    .list = list,
    .remove = delete_soft,
    .restore = restore,
    .purge = purge,
    .reserve = reserve,
    .fingerprint = fingerprint,
#ifdef MOCK_HARDWARE
    .attest = attest,
    .examine = examine,
    .create = create,
    .check = check,
#ifdef MOCK_KEYS
    .key_create = mock_key_create,
    .key_stat = mock_key_stat,
    .key_list = mock_key_list,
    .key_use = mock_key_use,
    .key_change = mock_key_change,
#endif
#else
    .seal = seal,
#endif
};
