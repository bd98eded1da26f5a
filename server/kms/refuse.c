#include "server/kms/refuse.h"

#include "server/hadoop.h"
#include "server/reply.h"

static const char *const classes[] = {
    [KH_KMS_ILLEGAL] = KH_JAVA_ARGUMENT,
    [KH_KMS_PARAMETER] = "java.security.InvalidParameterException",
    [KH_KMS_AUTHORIZATION] = KH_JAVA_AUTHORIZATION,
    [KH_KMS_IO] = KH_JAVA_IO,
};

void kh_kms_refuse(
    struct kh_request *request, int status, kh_kms_class class, const char *format, ...)
{
    char message[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    kh_response_clear(&request->response);
    kh_hadoop_exception(&request->response, status, classes[class], message);
}

void kh_kms_failed(struct kh_request *request, kh_status st, const struct kh_error *err)
{
    int status = kh_http_status(st);

    /* For the log, and for whoever looks at what the backend said. */
    kh_reply_status(request, st, err);
    if (st == KH_INVALID)
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL, "%s", err->message);
    else if (st == KH_REFUSED)
        kh_kms_refuse(request, 403, KH_KMS_AUTHORIZATION, "%s", err->message);
    else
        kh_kms_refuse(request, status == 503 ? 503 : 500, KH_KMS_IO, "%s", err->message);
    if (status == 503)
        kh_response_header(
            &request->response, "Retry-After", "%d", st == KH_BUSY ? 1 : 5);
}
