/* The project's version, from CMake. */
#ifndef KH_CORE_VERSION_H
#define KH_CORE_VERSION_H

extern const char *const kh_version;

#endif
