/*
 * A backend for the tests of the engine: a directory with one file per version, kept
 * across processes, that misbehaves on demand. While a file "fault.NAME" is in the
 * directory, fault NAME is on; so a test can switch one on in the middle of a step. Built
 * twice: `placesource` may be left, `placevault` claims hardware. It keeps secrets in
 * clear and is no example of anything.
 */
#include <keyhsm/plugin.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef PLACE_VAULT
#define PLACE_NAME "placevault"
#define PLACE_CAPS (KH_CAP_HARDWARE)
#else
#define PLACE_NAME "placesource"
#define PLACE_CAPS (KH_CAP_EXPORT | KH_CAP_SEAL | KH_CAP_LEGACY_NAMES)
#endif

enum { PATH_LEN = 1024 };

struct place {
    const struct kh_host *host;
    const char *dir;
    int lock;
};

static bool fault(const struct place *p, const char *name)
{
    char path[PATH_LEN];

    snprintf(path, sizeof path, "%s/fault.%s", p->dir, name);
    return access(path, F_OK) == 0;
}

static kh_status awake(const struct place *p, struct kh_error *err)
{
    if (fault(p, "away"))
        return kh_fail(err, KH_UNAVAILABLE, "%s: gone away", p->dir);
    return KH_OK;
}

static void path_of(
    const struct place *p, const char *name, uint32_t version, char out[PATH_LEN])
{
    char hex[2 * KH_NAME_MAX + 1];
    size_t n = 0;

    for (; name[n]; n++)
        snprintf(hex + 2 * n, 3, "%02x", (unsigned char)name[n]);
    hex[2 * n] = '\0';
    snprintf(out, PATH_LEN, "%s/v.%s.%08x", p->dir, hex, version);
}

static bool sealed(const struct place *p, char words[256])
{
    char path[PATH_LEN];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "%s/sealed", p->dir);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n = read(fd, words, 255);
    words[n > 0 ? n : 0] = '\0';
    (void)close(fd);
    return true;
}

static kh_status unsealed(const struct place *p, struct kh_error *err)
{
    char words[256];

    if (sealed(p, words))
        return kh_fail(err, KH_REFUSED, "%s: sealed, see %s", p->dir, words);
    return awake(p, err);
}

static kh_status place_open(const struct kh_host *host, void **ctx, struct kh_error *err)
{
    struct place *p = calloc(1, sizeof *p);
    char path[PATH_LEN];
    kh_status st = KH_OK;

    if (!p)
        return kh_fail(err, KH_FATAL, "out of memory");
    *p = (struct place){
        .host = host, .dir = host->option_string(host, "path"), .lock = -1};
    snprintf(path, sizeof path, "%s/lock", p->dir);
    if (host->mode == KH_OPEN_MIGRATE)
        st = host->lock(host, path, p->dir, &p->lock, err);
    if (st != KH_OK) {
        free(p);
        return st;
    }
    *ctx = p;
    return KH_OK;
}

static void place_close(void *ctx)
{
    struct place *p = ctx;

    if (p->lock >= 0)
        p->host->unlock(p->host, p->lock);
    free(p);
}

static kh_status place_probe(void *ctx, struct kh_error *err)
{
    return awake(ctx, err);
}

static kh_status place_info(void *ctx, struct kh_info *info, struct kh_error *err)
{
    struct place *p = ctx;

    (void)err;
    snprintf(info->place, sizeof info->place, "directory %.200s", p->dir);
    snprintf(info->identity, sizeof info->identity, "%.180s%s", p->dir,
        fault(p, "identity") ? "-another" : "");
    info->data_max = (uint64_t)p->host->option_int(p->host, "data_max");
    info->read_only = fault(p, "readonly");
    info->sealed = sealed(p, info->sealed_for);
    return KH_OK;
}

static kh_status store(
    struct place *p, const struct kh_deposit *d, bool exclusive, struct kh_error *err)
{
    struct kh_buf record = {0};
    struct kh_buf file = {0};
    char path[PATH_LEN];
    /* A legacy name may be no UTF-8, which a record's must be: the file's name says it.
     */
    struct kh_deposit named = *d;
    kh_status st;

    memcpy(named.name, "x", 2);
    st = p->host->record_encode(p->host, &named, &record, err);

    path_of(p, d->name, d->version, path);
    if (st == KH_OK)
        st = p->host->buf_alloc(p->host, &file, record.len + 1, err);
    if (st == KH_OK) {
        file.data[0] = d->state == KH_DELETED ? 'D' : 'A';
        memcpy(file.data + 1, record.data, record.len);
        st =
            p->host->file_write(p->host, path, file.data, file.len, 0600, exclusive, err);
    }
    p->host->buf_free(p->host, &file);
    p->host->buf_free(p->host, &record);
    return st;
}

/* Says that it hangs, for the test that waits for it. */
static void hang(const struct place *p)
{
    const struct timespec nap = {.tv_nsec = 5000000};
    char path[PATH_LEN];
    int fd;

    snprintf(path, sizeof path, "%s/hanging", p->dir);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd);
    (void)nanosleep(&nap, NULL);
}

static kh_status place_put(
    void *ctx, const struct kh_deposit *d, kh_put_mode mode, struct kh_error *err)
{
    struct place *p = ctx;
    kh_status st = unsealed(p, err);

    (void)mode;
    while (st == KH_OK && fault(p, "hang"))
        hang(p);
    if (st != KH_OK)
        return st;
    return fault(p, "lost") ? KH_OK : store(p, d, true, err);
}

static kh_status load(struct place *p, const char *name, uint32_t version,
    struct kh_deposit *d, struct kh_error *err)
{
    struct kh_buf text = {0};
    char path[PATH_LEN];
    struct stat facts;
    ssize_t n;
    kh_status st;
    int fd;

    path_of(p, name, version, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &facts) != 0)
        return kh_fail(err, KH_NOT_FOUND, "%s: none", path);
    st = p->host->buf_alloc(p->host, &text, (size_t)facts.st_size, err);
    n = st == KH_OK ? read(fd, text.data, text.len) : -1;
    (void)close(fd);
    if (st == KH_OK && (n < 2 || (text.data[0] != 'A' && text.data[0] != 'D')))
        st = kh_fail(err, KH_CORRUPT, "%s: torn", path);
    if (st == KH_OK)
        st = p->host->record_decode(p->host, text.data + 1, (size_t)n - 1, d, err);
    if (st == KH_OK) {
        d->state = text.data[0] == 'D' ? KH_DELETED : KH_ACTIVE;
        snprintf(d->name, sizeof d->name, "%s", name);
    }
    p->host->buf_free(p->host, &text);
    return st;
}

static kh_status place_get(void *ctx, const char *name, uint32_t version,
    bool with_deleted, struct kh_deposit *d, struct kh_error *err)
{
    struct place *p = ctx;
    kh_status st = unsealed(p, err);

    if (st == KH_OK)
        st = load(p, name, version, d, err);
    if (st != KH_OK)
        return st;
    if (d->state == KH_DELETED && !with_deleted) {
        p->host->deposit_free(p->host, d);
        return kh_fail(err, KH_NOT_FOUND, "deleted");
    }
    if (fault(p, "flip") && d->data.len > 0)
        d->data.data[d->data.len / 2] ^= 1;
    return KH_OK;
}

/* ---- listing
 * --------------------------------------------------------------------------- */

static int unhex(const char *text)
{
    char pair[3] = {text[0], text[1], '\0'};

    return (int)strtol(pair, NULL, 16);
}

static bool parse(const char *file, struct kh_item *item)
{
    const char *dot = strrchr(file, '.');
    size_t n = 0;

    memset(item, 0, sizeof *item);
    if (strncmp(file, "v.", 2) != 0 || !dot || strlen(dot) != 9)
        return false;
    for (const char *c = file + 2; c < dot; c += 2)
        item->name[n++] = (char)unhex(c);
    item->version = (uint32_t)strtoul(dot + 1, NULL, 16);
    return true;
}

static void look(struct place *p, struct kh_item *item)
{
    char path[PATH_LEN];
    char state = 0;
    int fd;

    path_of(p, item->name, item->version, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &state, 1) != 1 || (state != 'A' && state != 'D')) {
        item->status = KH_CORRUPT;
        snprintf(item->note, sizeof item->note, "torn file");
    }
    if (fd >= 0)
        (void)close(fd);
    item->state = state == 'D' ? KH_DELETED : KH_ACTIVE;
}

static int order(const void *a, const void *b)
{
    const struct kh_item *x = a;
    const struct kh_item *y = b;
    int d = strcmp(x->name, y->name);

    return d ? d : (x->version > y->version) - (x->version < y->version);
}

/* All of them, sorted; for a few hundred. */
static struct kh_item *scan(struct place *p, size_t *count)
{
    struct kh_item *all = NULL;
    DIR *dir = opendir(p->dir);
    struct dirent *e;
    struct kh_item item;

    *count = 0;
    while (dir && (e = readdir(dir)) != NULL) {
        if (!parse(e->d_name, &item))
            continue;
        all = realloc(all, (*count + 1) * sizeof *all);
        if (!all)
            abort();
        all[(*count)++] = item;
    }
    if (dir)
        (void)closedir(dir);
    if (*count > 0)
        qsort(all, *count, sizeof *all, order);
    return all;
}

static kh_status place_list(void *ctx, const struct kh_cursor *after,
    struct kh_item *items, size_t max, size_t *count, struct kh_error *err)
{
    struct place *p = ctx;
    kh_status st = unsealed(p, err);
    size_t total = 0;
    struct kh_item from = {0};
    struct kh_item *all;

    if (st != KH_OK)
        return st;
    all = scan(p, &total);
    memcpy(from.name, after->name, sizeof from.name);
    from.version = after->version;
    for (size_t i = 0; i < total && *count < max; i++) {
        if (after->started && order(&all[i], &from) <= 0 && !fault(p, "backwards"))
            continue;
        items[*count] = all[i];
        look(p, &items[(*count)++]);
    }
    free(all);
    return KH_OK;
}

static kh_status place_stat(void *ctx, const char *name, uint32_t version,
    struct kh_stat *stat, struct kh_error *err)
{
    struct place *p = ctx;
    kh_status st = unsealed(p, err);
    size_t total = 0;
    bool found = false;
    struct kh_item *all;

    if (st != KH_OK)
        return st;
    all = scan(p, &total);
    for (size_t i = 0; i < total; i++) {
        if (strcmp(all[i].name, name) != 0)
            continue;
        look(p, &all[i]);
        stat->versions++;
        stat->highest = all[i].version;
        if (version == all[i].version ||
            (version == KH_LATEST && (!found || all[i].state == KH_ACTIVE))) {
            found = true;
            stat->version = all[i].version;
            stat->state = all[i].state;
        }
    }
    free(all);
    if (!found)
        return kh_fail(err, KH_NOT_FOUND, "%s: none", name);
    snprintf(stat->name, sizeof stat->name, "%s", name);
    return KH_OK;
}

/* ---- changes
 * --------------------------------------------------------------------------- */

static kh_status set_state(struct place *p, const char *name, uint32_t version,
    kh_state state, struct kh_error *err)
{
    struct kh_deposit d = {0};
    kh_status st = unsealed(p, err);

    if (st == KH_OK)
        st = load(p, name, version, &d, err);
    d.state = state;
    if (st == KH_OK)
        st = store(p, &d, false, err);
    p->host->deposit_free(p->host, &d);
    return st;
}

static kh_status place_remove(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return set_state(ctx, name, version, KH_DELETED, err);
}

static kh_status place_restore(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return set_state(ctx, name, version, KH_ACTIVE, err);
}

static kh_status place_purge(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    struct place *p = ctx;
    char path[PATH_LEN];

    path_of(p, name, version, path);
    if (unlink(path) != 0)
        return kh_fail(err, KH_NOT_FOUND, "%s: %s", path, strerror(errno));
    return KH_OK;
}

static kh_status place_seal(void *ctx, const struct kh_seal *seal, struct kh_error *err)
{
    struct place *p = ctx;
    char path[PATH_LEN];
    char words[256];
    size_t total = 0;
    struct kh_item *all;
    kh_status st = KH_OK;

    snprintf(path, sizeof path, "%s/sealed", p->dir);
    if (!sealed(p, words))
        st = p->host->file_write(
            p->host, path, seal->destination, strlen(seal->destination), 0600, true, err);
    if (st != KH_OK || seal->keep_source)
        return st;
    if (fault(p, "halfseal"))
        return kh_fail(err, KH_UNAVAILABLE, "%s: sealed, not destroyed", p->dir);
    all = scan(p, &total);
    for (size_t i = 0; i < total && st == KH_OK; i++)
        st = place_purge(p, all[i].name, all[i].version, err);
    free(all);
    return st;
}

/* ---- for a migration
 * ------------------------------------------------------------------- */

static kh_status place_reserve(void *ctx, uint64_t versions, struct kh_error *err)
{
    if (fault(ctx, "room"))
        return kh_fail(err, KH_REFUSED, "no room for %llu", (unsigned long long)versions);
    return awake(ctx, err);
}

/* Not a cryptographic digest: four sums (FNV-1a) with different beginnings. */
static kh_status place_fingerprint(void *ctx, const char *name, uint32_t version,
    unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err)
{
    struct place *p = ctx;
    char path[PATH_LEN];
    uint64_t sums[4] = {1, 2, 3, 0xcbf29ce484222325ULL};
    unsigned char chunk[4096];
    kh_status st = unsealed(p, err);
    ssize_t n;
    int fd;

    if (st != KH_OK)
        return st;
    path_of(p, name, version, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kh_fail(err, KH_NOT_FOUND, "%s: none", path);
    while ((n = read(fd, chunk, sizeof chunk)) > 0) {
        for (ssize_t i = 0; i < 4 * n; i++)
            sums[i % 4] = (sums[i % 4] ^ chunk[i / 4]) * 0x100000001b3ULL;
    }
    (void)close(fd);
    memcpy(digest, sums, KH_FINGERPRINT_LEN);
    return KH_OK;
}

static kh_status place_attest(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    struct place *p = ctx;

    if (fault(p, "attest"))
        return kh_fail(
            err, KH_CORRUPT, "%s version %u: its key is extractable", name, version);
    return awake(p, err);
}

static const struct kh_option options[] = {
    {"path", KH_OPT_PATH, NULL, KH_OPT_REQUIRED, NULL, "the directory"},
    {"data_max", KH_OPT_SIZE, "64K", 0, NULL, "largest data"},
};

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = PLACE_NAME,
    .version = "1",
    .description = "a directory that misbehaves on demand",
    .capabilities =
        KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST | KH_CAP_THREADSAFE | PLACE_CAPS,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .open = place_open,
    .close = place_close,
    .probe = place_probe,
    .info = place_info,
    .put = place_put,
    .get = place_get,
    .stat = place_stat,
    .list = place_list,
    .remove = place_remove,
    .restore = place_restore,
    .purge = place_purge,
    .seal = place_seal,
    .reserve = place_reserve,
    .fingerprint = place_fingerprint,
    .attest = place_attest,
};
