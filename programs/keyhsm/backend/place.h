/* A plugin as an operator names it: by name, or by its file. */
#ifndef KH_KEYHSM_BACKEND_PLACE_H
#define KH_KEYHSM_BACKEND_PLACE_H

#include <keyhsm/types.h>
#include <limits.h>

struct kh_plugin_place {
    char dir[PATH_MAX]; /* absolute */
    char name[64];
};

/* WORD with a '/' or with ".so" at its end is a file, DIRECTORY/NAME.so; anything else is
 * a plugin's name in DIR.
 * KH_INVALID: no file of a plugin; KH_NOT_FOUND: its directory is not there. */
KH_CHECK kh_status kh_plugin_place(struct kh_plugin_place *place, const char *dir,
    const char *word, struct kh_error *err);

#endif
