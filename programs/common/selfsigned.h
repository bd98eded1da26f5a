/* A certificate to start with: a fresh key pair, certified by itself. */
#ifndef KH_PROGRAMS_SELFSIGNED_H
#define KH_PROGRAMS_SELFSIGNED_H

#include <keyhsm/types.h>

struct kh_selfsigned {
    const char *certificate;         /* path to be made, PEM, mode 0644 */
    const char *key;                 /* path to be made, PEM PKCS#8, mode 0600 */
    const char *host;                /* a name or a numeric address, without a port */
    unsigned days;                   /* of validity, 1 to 36500 */
    const struct kh_buf *passphrase; /* of the key; NULL or empty: not protected */
};

/* Makes an EC P-256 key and its certificate for servers and clients: CN and SAN are the
 * host, and localhost too when the host is this machine. Both files are durable when it
 * returns. Overwrites nothing: KH_EXISTS, with the path, when either is there already.
 * KH_INVALID: a host that is none. KH_NOT_FOUND, KH_UNAVAILABLE: a directory that is not
 * there, a path that cannot be written; what was made of the pair is taken away again.
 * Thread safe; keeps nothing. */
KH_CHECK kh_status kh_selfsigned_make(
    const struct kh_selfsigned *wish, struct kh_error *err);

/* The full name of this machine, as its resolver has it; its bare name, or "localhost",
 * when it has none. NUL terminated. Thread safe. */
void kh_selfsigned_host(char *out, size_t size);

#endif
