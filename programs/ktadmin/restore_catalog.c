#include "core/backup/facts.h"
#include "core/fileio.h"
#include "programs/ktadmin/confdir.h"
#include "programs/ktadmin/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 65536 };

/* What belongs to a catalog besides its file. The last is the plugin's note of how far
 * the catalog had come (plugins/pkcs11/statedir.h). */
static const char *const belongings[] = {
    "catalog.db", "catalog.db-wal", "catalog.db-shm", "generation"};

static kh_status path_of(const struct kh_restore *r, const char *name, char out[PATH_MAX],
    struct kh_error *err)
{
    return kh_confdir_path(out, r->state_dir, name, err);
}

/* ---- looking
 * ---------------------------------------------------------------------------- */

static kh_status take_lock(struct kh_restore *r, struct kh_error *err)
{
    char lock[PATH_MAX];
    char what[PATH_MAX + 64];
    kh_status st = path_of(r, "lock", lock, err);

    (void)snprintf(
        what, sizeof what, "state directory %s (is keyhsmd stopped?)", r->state_dir);
    if (st == KH_OK)
        st = kh_lock(lock, what, &r->lock, err);
    return st == KH_OK ? kh_confdir_give(r->state_dir, lock, err) : st;
}

/* A store of the same catalog that has come further. */
static void compare_generation(
    struct kh_restore *r, const char *where, uint64_t there, uint64_t here)
{
    if (there > here && !r->accept_loss)
        kh_restore_finding(r,
            "%s has come to generation %" PRIu64 ", the backup is older: generation "
            "%" PRIu64
            ". What was stored since would be lost; --accept-loss accepts that",
            where, there, here);
}

static void compare_note(struct kh_restore *r, const char *path)
{
    const struct kh_backup_facts *facts = &r->staging.manifest.facts;
    FILE *in = fopen(path, "re");
    unsigned long long there = 0;
    char tag[9] = "";

    if (!in)
        return;
    if (fscanf(in, "catalog %8[0-9a-f] generation %19llu", tag, &there) != 2)
        kh_restore_finding(r, "%s: not what keyhsm writes there; move it away", path);
    else if (strcmp(tag, facts->tag) == 0)
        compare_generation(r, path, there, facts->generation);
    else if (!r->replace)
        kh_restore_finding(r,
            "%s belongs to another catalog (%s, the backup's is %s): --replace moves it "
            "aside",
            path, tag, facts->tag);
    (void)fclose(in);
}

static kh_status compare_store(
    struct kh_restore *r, const char *path, struct kh_error *err)
{
    const struct kh_backup_facts *facts = &r->staging.manifest.facts;
    struct kh_backup_facts there = {0};
    struct kh_error why = {0};
    kh_status st = kh_backup_facts_read(&there, path, false, &why);

    if (st == KH_NOT_FOUND)
        return KH_OK;
    if (st == KH_UNAVAILABLE || st == KH_FATAL)
        return kh_fail(err, st, "%s", why.message);
    if (st != KH_OK) {
        if (!r->replace)
            kh_restore_finding(r, "%s: --replace moves what is there aside", why.message);
        return KH_OK;
    }
    r->catalog_there = there.generation == facts->generation &&
                       strcmp(there.tag, facts->tag) == 0 &&
                       strcmp(there.contents, facts->contents) == 0;
    if (r->catalog_there)
        return KH_OK;
    if (!r->replace)
        kh_restore_finding(r,
            "%s holds another catalog (%s, generation %" PRIu64 ", %" PRIu64
            " deposits): --replace moves it aside",
            path, there.tag[0] ? there.tag : "new", there.generation, there.deposits);
    if (strcmp(there.tag, facts->tag) == 0)
        compare_generation(r, path, there.generation, facts->generation);
    return KH_OK;
}

kh_status kh_restore_catalog_check(struct kh_restore *r, struct kh_error *err)
{
    char path[PATH_MAX];
    char note[PATH_MAX];
    struct stat sb;
    kh_status st;

    if (lstat(r->state_dir, &sb) != 0)
        return KH_OK;
    if (!S_ISDIR(sb.st_mode))
        return kh_fail(err, KH_REFUSED, "%s is no directory", r->state_dir);
    if (!r->into)
        st = take_lock(r, err);
    else
        st = KH_OK;
    if (st == KH_OK)
        st = path_of(r, "catalog.db", path, err);
    if (st == KH_OK)
        st = path_of(r, "generation", note, err);
    if (st == KH_OK)
        st = compare_store(r, path, err);
    if (st == KH_OK && !r->catalog_there)
        compare_note(r, note);
    return st;
}

/* ---- putting it there
 * -------------------------------------------------------------------- */

static kh_status no_write(const char *path, struct kh_error *err)
{
    return kh_fail(err, KH_UNAVAILABLE, "cannot write %s: %s", path, strerror(errno));
}

static kh_status copy_file(const char *from, const char *to, struct kh_error *err)
{
    static _Thread_local char chunk[CHUNK];
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    ssize_t n = -1;
    kh_status st = KH_OK;

    while (in >= 0 && out >= 0 && (n = read(in, chunk, sizeof chunk)) > 0) {
        if (write(out, chunk, (size_t)n) != n) {
            n = -1;
            break;
        }
    }
    if (n < 0 || fsync(out) != 0)
        st = no_write(to, err);
    if (in >= 0)
        (void)close(in);
    if (out >= 0)
        (void)close(out);
    return st;
}

/* A state directory that is new belongs to whom the catalog belonged to. */
static kh_status make_state_dir(const struct kh_restore *r, struct kh_error *err)
{
    const struct kh_backup_member *m =
        kh_backup_manifest_find(&r->staging.manifest, KH_ROLE_CATALOG);
    const struct passwd *user = m && m->owner[0] ? getpwnam(m->owner) : NULL;
    kh_status st;

    if (access(r->state_dir, F_OK) == 0)
        return KH_OK;
    st = kh_dir_make(r->state_dir, 0700, err);
    if (st == KH_OK && user && geteuid() == 0 &&
        lchown(r->state_dir, user->pw_uid, user->pw_gid) != 0)
        st = no_write(r->state_dir, err);
    return st;
}

static kh_status clear_place(const struct kh_restore *r, struct kh_error *err)
{
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < sizeof belongings / sizeof *belongings; i++) {
        char path[PATH_MAX];

        st = path_of(r, belongings[i], path, err);
        if (st == KH_OK)
            st = kh_restore_aside(r, path, err);
    }
    return st;
}

kh_status kh_restore_catalog(struct kh_restore *r, struct kh_error *err)
{
    char path[PATH_MAX];
    char part[PATH_MAX];
    kh_status st = make_state_dir(r, err);

    if (st == KH_OK && r->lock < 0 && !r->into)
        st = take_lock(r, err);
    if (st == KH_OK)
        st = path_of(r, "catalog.db", path, err);
    if (st == KH_OK)
        st = path_of(r, ".restore-part", part, err);
    if (st == KH_OK && r->catalog_there) {
        printf("left     %s: it is the same\n", path);
        return KH_OK;
    }
    if (st == KH_OK)
        st = copy_file(r->staging.catalog, part, err);
    if (st == KH_OK)
        st = kh_confdir_give(r->state_dir, part, err);
    if (st == KH_OK)
        st = clear_place(r, err);
    if (st == KH_OK && rename(part, path) != 0)
        st = no_write(path, err);
    if (st == KH_OK)
        st = kh_dir_sync(r->state_dir, err);
    if (st == KH_OK)
        printf("restored %s\n", path);
    return st;
}
