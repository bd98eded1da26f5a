/* What each kind of named keys is to PKCS#11. One table. */
#ifndef KH_PKCS11_NAMED_KIND_H
#define KH_PKCS11_NAMED_KIND_H

#include "plugins/pkcs11/run.h"
#include <keyhsm/key.h>

struct kh_named_kind {
    kh_key_kind kind;
    CK_MECHANISM_TYPE generate;
    const char *generate_name;
    const char *group;           /* OpenSSL's name of the curve; NULL: none */
    const unsigned char *params; /* CKA_EC_PARAMS, DER */
    size_t params_len;
    const unsigned char *params_else; /* what other modules want there; NULL: none */
    size_t params_else_len;
    CK_ULONG bits;      /* of the modulus; of the field; of the AES key */
    size_t coordinate;  /* bytes of a coordinate or an integer of the curve */
    size_t output_room; /* the longest output of a private operation, bytes */
};

/* What a token must have for something. */
struct kh_named_mechanism {
    CK_MECHANISM_TYPE type;
    const char *name;
    CK_FLAGS flags; /* CKF_SIGN ... */
    CK_ULONG bits;  /* 0: its bounds do not matter */
};

/* The row of KIND; never NULL for a kind that the catalog knows. */
const struct kh_named_kind *kh_named_kind(kh_key_kind kind);

/* A verdict (KH_REFUSED) that names the mechanism that the token lacks for making keys of
 * KIND and using them for PURPOSES. Mechanism lists lie, but in one direction only: what
 * is missing there is missing. */
CK_RV kh_named_need(
    struct kh_call *call, const struct kh_named_kind *kind, uint32_t purposes);

#endif
