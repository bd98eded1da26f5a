#include "server/kms/token_ops.h"

#include "core/secmem.h"
#include "server/authn.h"
#include "server/gate.h"
#include "server/hadoop.h"
#include "server/kms/tokens.h"
#include "server/reply.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

/* "!": a value that is no operation's, whatever else it is. */
enum { OP_SIZE = 32, SERVICE_SIZE = 256 };

static const struct {
    const char *name;
    kh_method method;
    const char *audited;
} ops[] = {
    [KH_KMS_GET_TOKEN] = {"GETDELEGATIONTOKEN", KH_METHOD_GET, "GET_DELEGATION_TOKEN"},
    [KH_KMS_RENEW_TOKEN] = {"RENEWDELEGATIONTOKEN", KH_METHOD_PUT,
        "RENEW_DELEGATION_TOKEN"},
    [KH_KMS_CANCEL_TOKEN] = {"CANCELDELEGATIONTOKEN", KH_METHOD_PUT,
        "CANCEL_DELEGATION_TOKEN"},
};

kh_kms_token_op kh_kms_token_op_of(const struct kh_request *request)
{
    const char *from = request->query;
    struct kh_error err = {0};
    char op[OP_SIZE];

    if (request->method == KH_METHOD_OPTIONS ||
        kh_kms_query(&from, "op", op, sizeof op, &err) != KH_OK)
        return KH_KMS_NO_TOKEN_OP;
    for (size_t i = KH_KMS_GET_TOKEN; i <= KH_KMS_CANCEL_TOKEN; i++) {
        if (strcasecmp(op, ops[i].name) == 0)
            return (kh_kms_token_op)i;
    }
    return KH_KMS_NO_TOKEN_OP;
}

bool kh_kms_token_method(struct kh_request *request, kh_kms_token_op op)
{
    char text[160];

    if (request->method == ops[op].method)
        return true;
    (void)snprintf(text, sizeof text,
        "Wrong HTTP method [%s] for operation [%s], it should be [%s]",
        kh_method_name(request->method), ops[op].name, kh_method_name(ops[op].method));
    kh_hadoop_page(request, 400, text);
    return false;
}

void kh_kms_token_no_cookie(struct kh_request *request)
{
    kh_wipe_free(request->set_cookie);
    request->set_cookie = NULL;
}

/* Before and after the operation itself, as the gate stands around a handler. */
static bool begin(struct kh_request *request, kh_kms_token_op op)
{
    request->operation = ops[op].audited;
    request->changes = true;
    return kh_gate_hears(request->app->gate, request);
}

static void end(struct kh_request *request)
{
    kh_gate_leave(request->app->gate, request);
}

/* The parameter token into OUT. False: answered. */
static bool take_token(
    struct kh_request *request, kh_kms_token_op op, char out[KMS_TOKEN_TEXT])
{
    const char *from = request->query;
    struct kh_error err = {0};
    char text[128];
    kh_status st = kh_kms_query(&from, "token", out, KMS_TOKEN_TEXT, &err);

    if (st == KH_OK)
        return true;
    if (st == KH_NOT_FOUND) {
        (void)snprintf(text, sizeof text, "Operation [%s] requires the parameter [token]",
            ops[op].name);
        kh_hadoop_page(request, 400, text);
    } else {
        kh_hadoop_page(request, 403, "java.io.EOFException");
    }
    return false;
}

/* "yarn", or a principal that the rules make a name of. "" when it is not given, or no
 * name; then the caller himself is. */
static bool take_renewer(struct kh_request *request, char out[KMS_TOKEN_NAME])
{
    const char *from = request->query;
    struct kh_error err = {0};
    char text[1024];
    kh_status st = kh_kms_query(&from, "renewer", text, sizeof text, &err);

    if (st == KH_NOT_FOUND || (st == KH_OK && !*text)) {
        (void)snprintf(out, KMS_TOKEN_NAME, "%s", request->principal.user);
        return true;
    }
    if (st == KH_OK && strpbrk(text, "@/"))
        st = kh_authn_short(request->app->authn, text, out, &err);
    else if (st == KH_OK && kh_user_valid(text))
        (void)snprintf(out, KMS_TOKEN_NAME, "%.255s", text);
    else
        st = KH_INVALID;
    if (st == KH_OK)
        return true;
    kh_kms_refuse(request, 400, KH_KMS_ILLEGAL, "the renewer is no name of a user%s%s",
        *err.message ? ": " : "", err.message);
    return false;
}

static void issue(struct kh_kms *kms, struct kh_request *request)
{
    const struct kh_principal *who = &request->principal;
    const char *from = request->query;
    struct kms_ident ident = {0};
    struct kh_error err = {0};
    char service[SERVICE_SIZE] = "";
    char text[KMS_TOKEN_TEXT];
    kh_status st;

    if (!kh_user_valid(who->user)) {
        kh_kms_refuse(request, 403, KH_KMS_AUTHORIZATION,
            "a token is made for a user, and nothing says which user the caller is");
        return;
    }
    if (!take_renewer(request, ident.renewer))
        return;
    if (kh_kms_query(&from, "service", service, sizeof service, &err) == KH_INVALID) {
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL, "the service: %s", err.message);
        return;
    }
    (void)snprintf(ident.owner, sizeof ident.owner, "%s", who->user);
    (void)snprintf(ident.real_user, sizeof ident.real_user, "%s", who->real_user);
    st =
        kms_tokens_issue(kms->tokens, request->app->backend, &ident, service, text, &err);
    if (st == KH_OK)
        kh_reply_json(request, 200, json_pack("{s:{s:s}}", "Token", "urlString", text));
    else
        kh_kms_failed(request, st, &err);
    OPENSSL_cleanse(text, sizeof text);
}

void kh_kms_token_get(struct kh_kms *kms, struct kh_request *request)
{
    if (!begin(request, KH_KMS_GET_TOKEN))
        return;
    issue(kms, request);
    end(request);
}

/* What is answered when a token is not renewed. */
static void not_renewed(
    struct kh_request *request, kh_status st, const struct kh_error *err)
{
    char text[700];

    if (st == KH_INVALID) {
        kh_hadoop_page(request, 403, "java.io.EOFException");
    } else if (st == KH_REFUSED) {
        (void)snprintf(text, sizeof text, "%s: %s",
            strstr(err->message, "non-matching")
                ? "org.apache.hadoop.security.AccessControlException"
                : "org.apache.hadoop.security.token.SecretManager$InvalidToken",
            err->message);
        kh_hadoop_page(request, 403, text);
    } else {
        kh_kms_failed(request, st, err);
    }
}

void kh_kms_token_renew(struct kh_kms *kms, struct kh_request *request)
{
    char text[KMS_TOKEN_TEXT] = "";
    struct kms_token_call call = {.text = text, .caller = request->principal.user};
    struct kh_error err = {0};
    kh_status st;

    if (!begin(request, KH_KMS_RENEW_TOKEN))
        return;
    if (take_token(request, KH_KMS_RENEW_TOKEN, text)) {
        st = kms_tokens_renew(kms->tokens, request->app->backend, &call, &err);
        if (st == KH_OK)
            kh_reply_json(
                request, 200, json_pack("{s:I}", "long", (json_int_t)call.until));
        else
            not_renewed(request, st, &err);
    }
    OPENSSL_cleanse(text, sizeof text);
    end(request);
}

/* Who shows a token alone is known by nothing else. */
static void not_cancelled(struct kh_request *request, const char *caller)
{
    if (!caller)
        kh_authn_failed(request, KH_AUTH_FAILURE_TOKEN);
    kh_hadoop_page(request, 404, "Invalid delegation token, cannot cancel");
}

void kh_kms_token_cancel(
    struct kh_kms *kms, struct kh_request *request, const char *caller)
{
    char text[KMS_TOKEN_TEXT] = "";
    struct kms_token_call call = {.text = text, .caller = caller};
    struct kh_error err = {0};
    kh_status st;

    if (!begin(request, KH_KMS_CANCEL_TOKEN))
        return;
    if (take_token(request, KH_KMS_CANCEL_TOKEN, text)) {
        st = kms_tokens_cancel(kms->tokens, request->app->backend, &call, &err);
        /* Who has the token acts as its owner. */
        if (!caller)
            (void)snprintf(request->principal.user, sizeof request->principal.user, "%s",
                call.ident.owner);
        if (st == KH_OK)
            kh_kms_answer_empty(request);
        else if (st == KH_INVALID || st == KH_REFUSED)
            not_cancelled(request, caller);
        else
            kh_kms_failed(request, st, &err);
    }
    OPENSSL_cleanse(text, sizeof text);
    end(request);
}
