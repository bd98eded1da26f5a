/* The operations on delegation tokens. For server/kms/caller.c only. Workers run them. */
#ifndef KH_KMS_TOKEN_OPS_H
#define KH_KMS_TOKEN_OPS_H

#include "server/kms/internal.h"

typedef enum kh_kms_token_op {
    KH_KMS_NO_TOKEN_OP,
    KH_KMS_GET_TOKEN,
    KH_KMS_RENEW_TOKEN,
    KH_KMS_CANCEL_TOKEN
} kh_kms_token_op;

/* What parameter op asks for; a handshake's OPTIONS asks for nothing, and a value of no
 * operation is none. */
kh_kms_token_op kh_kms_token_op_of(const struct kh_request *request);

/* True when OP was asked for with the method it has; else answered with 400. */
KH_CHECK bool kh_kms_token_method(struct kh_request *request, kh_kms_token_op op);

/* Takes back the cookie that who the caller is was worth. */
void kh_kms_token_no_cookie(struct kh_request *request);

/* Answers. The caller is request->principal, whom the audit log gets. CALLER: who
 * cancels; NULL: nobody but who has the token. */
void kh_kms_token_get(struct kh_kms *kms, struct kh_request *request);
void kh_kms_token_renew(struct kh_kms *kms, struct kh_request *request);
void kh_kms_token_cancel(
    struct kh_kms *kms, struct kh_request *request, const char *caller);

#endif
