#include "core/loader.h"

#include "core/object_file.h"
#include "core/plugin_table.h"

#include <errno.h>
#include <ltdl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const kh_plugin_dir = KEYHSM_PLUGIN_DIR;
const char *const kh_trustee_plugin_dir = KEYTRUSTEE_PLUGIN_DIR;

enum { NAME_MAX_BYTES = 32 };

/* Every plugin of the process, for ever. libltdl is not thread safe, so the mutex covers
 * its calls too. */
struct loaded {
    struct loaded *next;
    char *path;
    const struct kh_plugin *plugin;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct loaded *all;
static const char *search[3] = {KEYHSM_PLUGIN_DIR} /* NULL at the end */;
static bool ltdl_ready;

static kh_status check_name(const char *name, struct kh_error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    size_t len = strlen(name);

    if (len < 1 || len > NAME_MAX_BYTES || *name < 'a' || *name > 'z' ||
        strspn(name, letters) != len)
        return kh_fail(err, KH_INVALID,
            "'%.64s' is not the name of a plugin: 1 to 32 of a-z, 0-9 and '_', a letter "
            "first",
            name);
    return KH_OK;
}

/* Who can write the file can become us. */
static kh_status check_owner(
    const char *path, const struct stat *sb, struct kh_error *err)
{
    if (sb->st_uid != 0 && sb->st_uid != geteuid())
        return kh_fail(err, KH_REFUSED,
            "%s: belongs to user %u; plugins are loaded only from root or from user %u",
            path, (unsigned)sb->st_uid, (unsigned)geteuid());
    if (sb->st_mode & 022)
        return kh_fail(err, KH_REFUSED,
            "%s: mode %04o lets others write it; remove that (chmod go-w)", path,
            (unsigned)(sb->st_mode & 07777));
    return KH_OK;
}

static kh_status check_files(const char *dir, const char *path, struct kh_error *err)
{
    struct stat sb;
    kh_status st;

    if (*dir != '/')
        return kh_fail(err, KH_INVALID,
            "'%.256s': the plugin directory must be an absolute path", dir);
    if (stat(dir, &sb) != 0)
        return kh_fail(err, errno == ENOENT ? KH_NOT_FOUND : KH_REFUSED,
            "%s: the plugin directory cannot be used: %s", dir, strerror(errno));
    if (!S_ISDIR(sb.st_mode))
        return kh_fail(
            err, KH_REFUSED, "%s: the plugin directory is not a directory", dir);
    st = check_owner(dir, &sb, err);
    if (st != KH_OK)
        return st;
    if (lstat(path, &sb) != 0)
        return kh_fail(err, errno == ENOENT ? KH_NOT_FOUND : KH_REFUSED,
            "%s: the plugin cannot be used: %s", path, strerror(errno));
    if (!S_ISREG(sb.st_mode))
        return kh_fail(err, KH_REFUSED, "%s: the plugin is not a regular file%s", path,
            S_ISLNK(sb.st_mode) ? " but a symbolic link" : "");
    return check_owner(path, &sb, err);
}

static kh_status init_ltdl(struct kh_error *err)
{
    if (!ltdl_ready && lt_dlinit() != 0)
        return kh_fail(err, KH_FATAL, "libltdl cannot be initialised: %s", lt_dlerror());
    ltdl_ready = true;
    return KH_OK;
}

/* Local: plugins (and the vendors' modules they load) do not see each other's symbols.
 * Resident: a refused plugin stays mapped too, since its constructors have run. */
static kh_status open_object(const char *path, lt_dlhandle *handle, struct kh_error *err)
{
    lt_dladvise advise;
    const char *why = NULL;

    *handle = NULL;
    if (lt_dladvise_init(&advise) != 0)
        return kh_fail(err, KH_FATAL, "no memory to load %s", path);
    if (lt_dladvise_local(&advise) == 0 && lt_dladvise_resident(&advise) == 0)
        *handle = lt_dlopenadvise(path, advise);
    if (!*handle)
        why = lt_dlerror();
    (void)lt_dladvise_destroy(&advise);
    if (*handle)
        return KH_OK;
    return kh_fail(err, KH_REFUSED,
        "%s: the plugin cannot be loaded: %s (not a shared object of this machine, or "
        "one of its "
        "libraries is missing: see ldd)",
        path, why ? why : "unknown error");
}

static kh_status load(const char *name, const char *path, const struct kh_plugin **plugin,
    struct kh_error *err)
{
    const struct kh_plugin *candidate;
    lt_dlhandle handle;
    kh_status st = kh_object_file_check(path, err);

    if (st == KH_OK)
        st = init_ltdl(err);
    if (st == KH_OK)
        st = open_object(path, &handle, err);
    if (st != KH_OK)
        return st;
    candidate = lt_dlsym(handle, KH_PLUGIN_SYMBOL);
    if (!candidate)
        return kh_fail(err, KH_REFUSED,
            "%s: the symbol '" KH_PLUGIN_SYMBOL "' is missing; this is no plugin", path);
    return kh_plugin_accept(candidate, name, path, plugin, err);
}

static kh_status remember(
    char **path, const struct kh_plugin *plugin, struct kh_error *err)
{
    struct loaded *l = calloc(1, sizeof *l);

    if (!l)
        return kh_fail(err, KH_FATAL, "no memory to load %s", *path);
    *l = (struct loaded){all, *path, plugin};
    *path = NULL;
    all = l;
    return KH_OK;
}

void kh_loader_search(const char *first, const char *second)
{
    search[0] = first;
    search[1] = second;
}

/* With the lock. */
static kh_status load_from(const char *dir, const char *name,
    const struct kh_plugin **plugin, struct kh_error *err)
{
    const struct loaded *l;
    char *path = NULL;
    kh_status st = KH_OK;

    if (asprintf(&path, "%s/%s.so", dir, name) < 0)
        return kh_fail(err, KH_FATAL, "no memory to load plugin '%s'", name);
    for (l = all; l && strcmp(l->plugin->name, name) != 0; l = l->next)
        continue;
    if (l && strcmp(l->path, path) == 0) {
        *plugin = l->plugin;
    } else {
        st = check_files(dir, path, err);
        if (st == KH_OK && l)
            st = kh_fail(err, KH_REFUSED,
                "%s: a plugin of this name is loaded already, from %s", path, l->path);
        if (st == KH_OK)
            st = load(name, path, plugin, err);
        if (st == KH_OK)
            st = remember(&path, *plugin, err);
    }
    free(path);
    return st;
}

/* In each directory in turn. That one has not got it is no news while another may. */
static kh_status load_by_search(
    const char *name, const struct kh_plugin **plugin, struct kh_error *err)
{
    kh_status st = load_from(search[0], name, plugin, err);

    for (size_t i = 1; st == KH_NOT_FOUND && search[i]; i++) {
        struct kh_error why = {0};

        st = load_from(search[i], name, plugin, &why);
        if (st != KH_OK && st != KH_NOT_FOUND)
            return kh_fail(err, st, "%s", why.message);
    }
    return st;
}

kh_status kh_loader_load(const char *dir, const char *name,
    const struct kh_plugin **plugin, struct kh_error *err)
{
    kh_status st = check_name(name, err);

    *plugin = NULL;
    if (st != KH_OK)
        return st;
    (void)pthread_mutex_lock(&lock);
    st = dir ? load_from(dir, name, plugin, err) : load_by_search(name, plugin, err);
    (void)pthread_mutex_unlock(&lock);
    if (st != KH_OK)
        *plugin = NULL;
    return st;
}
