/* The address of keyhsmd, and the paths below it. */
#ifndef KH_REMOTE_URL_H
#define KH_REMOTE_URL_H

#include <keyhsm/types.h>

/* Three bytes for each of a name, and all that stands around it. */
#define KH_PATH_SIZE (3 * KH_NAME_MAX + 128)

/* Only https://HOST[:PORT] is meant: a path or a user in it is a mistake to be said.
 * KH_INVALID. */
KH_CHECK kh_status kh_url_check(const char *server, struct kh_error *err);

/* NAME in percent-encoding (RFC 3986): all but letters, digits, '-', '.', '_'. OUT takes
 * 3 * KH_NAME_MAX + 1 bytes. Returns OUT. */
const char *kh_url_escape(const char *name, char *out);
/* The opposite, into OUT. False for what kh_url_escape does not write of a name. */
bool kh_url_unescape(const char *text, char out[KH_NAME_MAX + 1]);

/* What a deposit's path may carry in its query. */
struct kh_path {
    const char *name;
    const char *below; /* "", "/stat", ... */
    uint32_t version;  /* over KH_VERSION_MAX: not given */
    bool deleted;
    bool new_deposit;
    bool key; /* a named key's, below /v1/keys */
};

/*
 * "/v1/deposits/NAME<below>[?version=N&deleted=yes&new=yes]", or the same below
 * "/v1/keys/". KH_NOT_FOUND for a name
 * that the API cannot carry (a path, or not UTF-8): keyhsmd serves no deposit of such a
 * name.
 */
KH_CHECK kh_status kh_url_path(
    char out[KH_PATH_SIZE], const struct kh_path *path, struct kh_error *err);

#endif
