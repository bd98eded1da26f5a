/*
 * The cookie hadoop.auth, as Hadoop's authentication filter signs it:
 *
 *     hadoop.auth="u=hdfs&p=hdfs/host@REALM&t=kerberos-dt&e=1795524618460&s=BASE64"
 *
 * e is when it ends, in milliseconds since 1970; s is the HMAC-SHA256 of all before "&s="
 * under a secret that several servers can share. Nothing else says who is logged in, so
 * whoever has the secret is everybody.
 */
#ifndef KH_SERVER_COOKIE_H
#define KH_SERVER_COOKIE_H

#include "server/principal.h"

#include <keyhsm/types.h>

#define KH_COOKIE_SECRET_MIN 16 /* bytes */

struct kh_cookies;

/* Strings may be NULL; they are copied. */
struct kh_cookie_options {
    const char *source; /* of the secret, as core/secret.h; NULL: random, made here */
    const char *domain; /* attribute Domain */
    const char *path;   /* attribute Path */
    uint64_t validity_ms;
};

/* KH_INVALID: the secret is shorter than KH_COOKIE_SECRET_MIN, or an attribute has what
 * would end it; or what kh_secret_read says. *OUT goes to kh_cookies_free. */
KH_CHECK kh_status kh_cookies_new(struct kh_cookies **out,
    const struct kh_cookie_options *options, struct kh_error *err);

/*
 * Reads the secret again, or makes another random one; cookies under the one before stay
 * good until the next rotation or their end. What can be read only once (prompt, fd:N)
 * and what did not change stays as it is. On an error nothing changes. Thread safe.
 */
KH_CHECK kh_status kh_cookies_rotate(struct kh_cookies *cookies, struct kh_error *err);

/* The value of a Set-Cookie for WHO (user, krb5, auth), malloc'd, to be wiped; NULL: no
 * memory, or WHO has no name that a cookie can hold. NOW in milliseconds since 1970.
 * Thread safe. */
char *kh_cookie_make(
    const struct kh_cookies *cookies, const struct kh_principal *who, uint64_t now);

/* What a look at a request's cookies found. */
typedef enum kh_cookie_found {
    KH_COOKIE_NONE,   /* no hadoop.auth, or an empty one, of which *WHY says so */
    KH_COOKIE_GOOD,   /* user, krb5 and auth are filled */
    KH_COOKIE_FORGED, /* or cut, too long: *WHY says it in Hadoop's words */
    KH_COOKIE_EXPIRED /* the same */
} kh_cookie_found;

/*
 * Looks for hadoop.auth in HEADER ("a=b; hadoop.auth=..."), quoted or not; of several the
 * first counts. Only user, krb5 and auth of WHO are touched, and only when it is good.
 * The signature is compared in constant time. Thread safe.
 */
kh_cookie_found kh_cookie_check(const struct kh_cookies *cookies, const char *header,
    uint64_t now, struct kh_principal *who, const char **why);

/* NULL is fine. */
void kh_cookies_free(struct kh_cookies *cookies);

#endif
