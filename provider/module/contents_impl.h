/* Inside of contents: shared by contents.c, contents_pem.c and contents_der.c only. The
 * functions of contents_der.c
 * are called with the module's library context as the thread's default. */
#ifndef KH_MODULE_CONTENTS_IMPL_H
#define KH_MODULE_CONTENTS_IMPL_H

#include "provider/module/contents.h"

/* Takes DATA over, of OPENSSL_malloc, in every case. KH_INVALID: too many. */
KH_CHECK kh_status kh_contents_add(
    struct kh_contents *out, struct kh_content content, struct kh_error *err);
/* A copy of DATA. */
KH_CHECK kh_status kh_contents_add_copy(struct kh_contents *out,
    enum kh_content_kind kind, const unsigned char *data, size_t len,
    struct kh_error *err);

/* ---- contents_pem.c ---- */

bool kh_contents_is_pem(const struct kh_buf *data);
KH_CHECK kh_status kh_contents_read_pem(struct kh_contents *out,
    const struct kh_module *module, const struct kh_buf *data,
    const struct kh_asker *asker, struct kh_error *err);

/* ---- contents_der.c ---- */

/* What DATA is, all of it; KH_CONTENT_RAW when it is nothing that is known. */
enum kh_content_kind kh_contents_der_kind(const unsigned char *data, size_t len);
/* A private key in the form of its own kind (PKCS#1, SEC 1), or in PKCS#8, as PKCS#8 into
 * *OUT: of OPENSSL_malloc, to be cleared when it is freed. False: it is none. */
bool kh_contents_to_pkcs8(const struct kh_module *module, const unsigned char *data,
    size_t len, struct kh_content *out);

#endif
