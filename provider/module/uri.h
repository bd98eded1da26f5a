/*
 * `keyhsm:NAME[?version=N]`, the name of a key or of a deposit, as a URI (RFC 3986); and
 * a PEM file (RFC 7468) that holds only that, for programs that read keys from files and
 * from nowhere else: nginx 1.22, curl 7.88. Knows libcrypto and <keyhsm/...>, nothing
 * else. Thread safe.
 */
#ifndef KH_MODULE_URI_H
#define KH_MODULE_URI_H

#include <keyhsm/types.h>

#define KH_URI_SCHEME "keyhsm"
/* "keyhsm:", every byte of a name in three, "?version=2147483647", NUL. */
#define KH_URI_SIZE (7 + 3 * KH_NAME_MAX + 19 + 1)

/* The label of the PEM file: -----BEGIN KEYHSM URI-----. In it is the URI's text. */
#define KH_URI_PEM_LABEL "KEYHSM URI"
#define KH_URI_PEM_SIZE 1500

struct kh_uri {
    char name[KH_NAME_MAX + 1];
    uint32_t version; /* KH_LATEST: none is given */
};

/* KH_INVALID, in words: it is not one. Whether a daemon takes the name is its matter, but
 * for a NUL and a '/', which no daemon does. */
KH_CHECK kh_status kh_uri_parse(
    struct kh_uri *out, const char *text, struct kh_error *err);

/* The URI of NAME, and of VERSION unless it is KH_LATEST. KH_INVALID: no such name. */
KH_CHECK kh_status kh_uri_write(
    char out[KH_URI_SIZE], const char *name, uint32_t version, struct kh_error *err);

/* The same as a PEM file, which is no secret. */
KH_CHECK kh_status kh_uri_write_pem(
    char out[KH_URI_PEM_SIZE], const char *name, uint32_t version, struct kh_error *err);

#endif
