/* Inside of authentication: for server/authn*.c only. */
#ifndef KH_SERVER_AUTHN_IMPL_H
#define KH_SERVER_AUTHN_IMPL_H

#include "server/auth_to_local.h"
#include "server/authn.h"
#include "server/cookie.h"
#include "server/spnego.h"

#include <pthread.h>

/* What a reload replaces; requests hold it while they use it. */
struct kh_krb5 {
    atomic_uint refs;
    struct kh_spnego *spnego;
    struct kh_local *local;
};

struct kh_authn {
    kh_authn_kind kind;
    bool kerberos;
    bool simple;
    bool certificate_user;
    char *principals;           /* who may come, separated by commas; NULL: everybody */
    struct kh_cookies *cookies; /* NULL: none are given or taken */
    pthread_mutex_t lock;       /* of `krb5` and `principals` */
    struct kh_krb5 *krb5;       /* NULL without kerberos */
};

/* A reference to what counts now; NULL without kerberos. */
struct kh_krb5 *kh_krb5_get(struct kh_authn *authn);
void kh_krb5_put(struct kh_krb5 *krb5);

/* Whether [auth] principals lets PRINCIPAL in. */
bool kh_authn_listed(struct kh_authn *authn, const char *principal);

/* authn_negotiate.c: the token in Authorization: Negotiate. NEXT: there is none. */
kh_authn_step kh_authn_negotiate(struct kh_authn *authn, struct kh_request *request);

/* authn_simple.c: user.name= of the query. NEXT: there is none. */
kh_authn_step kh_authn_simple(struct kh_request *request);

#endif
