/* Who is calling, whichever way it was shown. */
#ifndef KH_SERVER_PRINCIPAL_H
#define KH_SERVER_PRINCIPAL_H

#include <stdbool.h>
#include <stddef.h>

/* How the caller of a request was authenticated. */
typedef enum kh_auth {
    KH_AUTH_NONE,        /* anonymous */
    KH_AUTH_CERTIFICATE, /* the client certificate of the connection */
    KH_AUTH_KERBEROS,    /* a ticket, or a cookie that was given for one */
    KH_AUTH_SIMPLE,      /* a name that nobody proved (user.name=) */
    KH_AUTH_TOKEN        /* a delegation token */
} kh_auth;

/*
 * A certificate, a Kerberos principal, a short name, or several of them for one caller.
 * What is not known is "". SUBJECT and FINGERPRINT belong to the connection and stay what
 * they are when the caller shows a ticket on top of it.
 */
struct kh_principal {
    char subject[256];    /* of the client certificate, RFC 2253 */
    char fingerprint[65]; /* SHA-256 of the client certificate, lower-case hex */
    char krb5[256];       /* Kerberos principal with its realm: "hdfs/host@REALM" */
    char user[256];       /* short name: what acts. With REAL_USER, the one acted for */
    char real_user[256];  /* short name of who acts for USER (doAs), else "" */
    kh_auth auth;
};

/* False for an anonymous caller, who shows nothing that names him. */
bool kh_principal_known(const struct kh_principal *who);

/*
 * The one name that stands for WHO in logs and in the audit log: his Kerberos principal,
 * else the subject of his certificate, else his short name; "" for an anonymous caller.
 * Of somebody acting for another it is the one who acts. Points into WHO.
 */
const char *kh_principal_name(const struct kh_principal *who);

/* "none", "certificate", "kerberos", "simple", "token". */
const char *kh_auth_name(kh_auth auth);

/*
 * True when NAME can be a short name: 1 to 255 bytes of printable ASCII or UTF-8, without
 * blanks, control characters, '/', '@' and the characters that mean something in a cookie
 * (`&`, `=`, `"`, `;`, `,`, '\\').
 */
bool kh_user_valid(const char *name);

#endif
