/* Refusals as a Hadoop KMS sends them: {"RemoteException":{...}}. The client loads the
 * Java class and throws it, so the class decides what the client does next. */
#ifndef KH_KMS_REFUSE_H
#define KH_KMS_REFUSE_H

#include "server/http.h"

typedef enum kh_kms_class {
    KH_KMS_ILLEGAL,       /* IllegalArgumentException: the request is wrong */
    KH_KMS_PARAMETER,     /* InvalidParameterException: a key's size is */
    KH_KMS_AUTHORIZATION, /* AuthorizationException: the client does not try another host
                           */
    KH_KMS_IO             /* IOException: the client tries the next host */
} kh_kms_class;

/* Replaces what was answered. */
void kh_kms_refuse(struct kh_request *request, int status, kh_kms_class class,
    const char *format, ...) KH_PRINTF(4, 5);

/* A backend's failure, ST with ERR: 400, 403, 500 or 503 (with Retry-After). Marks the
 * request as kh_reply_status does. */
void kh_kms_failed(struct kh_request *request, kh_status st, const struct kh_error *err);

#endif
