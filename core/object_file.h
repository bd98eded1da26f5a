/* A shared object as a file, before it is loaded. */
#ifndef KH_CORE_OBJECT_FILE_H
#define KH_CORE_OBJECT_FILE_H

#include <keyhsm/types.h>

/*
 * Is all there that the loader will map of the object at PATH? dlopen maps what the
 * headers name and does not look at the length of the file: a copy that was cut off
 * kills the process when it is read. KH_REFUSED: it is cut off. What is no object of
 * this machine is KH_OK here: dlopen refuses it in words. Thread safe.
 */
KH_CHECK kh_status kh_object_file_check(const char *path, struct kh_error *err);

#endif
