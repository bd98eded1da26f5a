#include "programs/keyhsm/backend/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The directory is made absolute; the file itself is the loader's to judge, links too. */
static kh_status by_file(
    struct kh_plugin_place *place, const char *path, struct kh_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = strlen(slash + 1);
    char dir[PATH_MAX];

    if (len < 4 || len - 3 >= sizeof place->name || strcmp(slash + len - 2, ".so") != 0 ||
        (size_t)(slash - path) >= sizeof dir)
        return kh_fail(
            err, KH_INVALID, "%.256s: a plugin's file is called NAME.so", path);
    (void)snprintf(
        dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (!realpath(dir, place->dir))
        return kh_fail(err, KH_NOT_FOUND, "%.256s: %s", dir, strerror(errno));
    (void)snprintf(place->name, sizeof place->name, "%.*s", (int)(len - 3), slash + 1);
    return KH_OK;
}

kh_status kh_plugin_place(struct kh_plugin_place *place, const char *dir,
    const char *word, struct kh_error *err)
{
    const char *end = strrchr(word, '.');
    char here[PATH_MAX];

    memset(place, 0, sizeof *place);
    if (strchr(word, '/'))
        return by_file(place, word, err);
    if (end && strcmp(end, ".so") == 0) {
        (void)snprintf(here, sizeof here, "./%s", word);
        return by_file(place, here, err);
    }
    if (strlen(word) >= sizeof place->name || strlen(dir) >= sizeof place->dir)
        return kh_fail(err, KH_INVALID, "'%.64s' is not the name of a plugin", word);
    (void)snprintf(place->name, sizeof place->name, "%s", word);
    (void)snprintf(place->dir, sizeof place->dir, "%s", dir);
    return KH_OK;
}
