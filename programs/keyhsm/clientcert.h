/* A client's certificate as an operator hands it over, checked as the daemon will. */
#ifndef KH_KEYHSM_CLIENTCERT_H
#define KH_KEYHSM_CLIENTCERT_H

#include "core/record.h"

#include <openssl/x509.h>

/*
 * The first certificate of PEM file PATH; free with X509_free. *MORE: how many follow it.
 * KH_INVALID: there is none, a private key is in the file too, it is expired or no TLS
 * client may use it. KH_NOT_FOUND, KH_UNAVAILABLE: the file cannot be read.
 */
KH_CHECK kh_status kh_client_certificate(
    X509 **out, const char *path, unsigned *more, struct kh_error *err);

/* "2026-11-24T12:00:00Z" */
void kh_client_certificate_until(const X509 *certificate, char out[KH_TIME_LEN]);

/* What will stop this certificate soon or does so still, as one line; NULL: nothing. */
const char *kh_client_certificate_warning(const X509 *certificate);

#endif
