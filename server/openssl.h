/* The section [openssl]: which providers the process loads, and the default property
 * query. */
#ifndef KH_SERVER_OPENSSL_H
#define KH_SERVER_OPENSSL_H

#include "core/config.h"

/* Once, before any other use of libcrypto's algorithms. KH_INVALID names what cannot be
 * had: a provider, or an algorithm that TLS needs and no provider has with the
 * properties. */
KH_CHECK kh_status kh_openssl_configure(
    const struct kh_config *config, struct kh_error *err);

#endif
