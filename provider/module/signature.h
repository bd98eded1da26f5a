/* Inside of the signature operations: signature.c and signature_use.c only. */
#ifndef KH_MODULE_SIGNATURE_H
#define KH_MODULE_SIGNATURE_H

#include "provider/module/pkey.h"

/*
 * What the daemon is asked for: scheme and hash functions into *USE, from what OUTER was
 * told, a verification with KEY's public half. USE->input and its length are set; that a
 * digest has the length of its function is checked here, before it travels. 1, or 0 with
 * an entry on the queue. One thread at a time for one OUTER.
 */
int kh_signature_use(
    const struct kh_pkey *key, EVP_PKEY_CTX *outer, struct kh_key_use *use);

#endif
