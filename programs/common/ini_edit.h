/* Changes a few values of an INI file and leaves the rest as its author wrote it. */
#ifndef KH_PROGRAMS_INI_EDIT_H
#define KH_PROGRAMS_INI_EDIT_H

#include <keyhsm/types.h>

struct kh_ini_change {
    const char *section;
    const char *key;
    const char *value; /* NULL: take the key out */
};

/*
 * Applies COUNT changes to the INI file PATH, in order. Comments, order, line ends and
 * the other keys stay; a comment behind a changed value stays too. A new key goes after
 * the last key of its section, a new section to the end of the file. A missing file is
 * made (0640, in a directory that exists); mode and owner of an existing one are kept.
 *
 * The new text is durable and takes PATH's place in one step. The old file stays as
 * PATH.old-YYYYMMDDTHHMMSSZ, and its path goes to KEPT (KEPT_SIZE bytes; "" when there
 * was no file or nothing to change, in which case nothing is written).
 *
 * KH_INVALID: PATH is no INI file that kh_config_load reads, or a symbolic link, or a
 * change cannot be written so that it reads back the same. Not for two processes at once:
 * the last one wins.
 */
KH_CHECK kh_status kh_ini_edit(const char *path, const struct kh_ini_change *changes,
    size_t count, char *kept, size_t kept_size, struct kh_error *err);

#endif
