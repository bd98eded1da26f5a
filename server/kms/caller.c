#include "server/kms/caller.h"

#include "server/hadoop.h"
#include "server/kms/acl.h"
#include "server/kms/token_ops.h"
#include "server/kms/tokens.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

static void refuse_token(
    struct kh_request *request, kh_status st, const struct kh_error *err)
{
    char text[700];

    kh_authn_failed(request, KH_AUTH_FAILURE_TOKEN);
    if (st == KH_INVALID)
        (void)snprintf(text, sizeof text, "java.io.EOFException");
    else
        (void)snprintf(text, sizeof text,
            "org.apache.hadoop.security.token.SecretManager$InvalidToken: %s",
            err->message);
    kh_hadoop_exception(&request->response, 403, KH_JAVA_AUTHENTICATION, text);
}

/* Who TEXT was made for is the caller. */
static kh_authn_step use_token(
    struct kh_kms *kms, struct kh_request *request, const char *text)
{
    struct kh_principal *who = &request->principal;
    struct kms_ident ident;
    struct kh_error err = {0};
    kh_status st =
        kms_tokens_check(kms->tokens, request->app->backend, text, &ident, &err);

    if (st == KH_OK) {
        (void)snprintf(who->user, sizeof who->user, "%s", ident.owner);
        (void)snprintf(who->real_user, sizeof who->real_user, "%s", ident.real_user);
        who->krb5[0] = '\0';
        who->auth = KH_AUTH_TOKEN;
        return KH_AUTHN_OK;
    }
    if (st == KH_INVALID || st == KH_REFUSED)
        refuse_token(request, st, &err);
    else
        kh_kms_failed(request, st, &err);
    return KH_AUTHN_ANSWERED;
}

static kh_authn_step on_token(void *arg, struct kh_request *request)
{
    kh_kms_token_op op = kh_kms_token_op_of(request);
    const char *from = request->query;
    struct kh_error err = {0};
    char text[KMS_TOKEN_TEXT];
    kh_authn_step step;
    kh_status st;

    if (op != KH_KMS_NO_TOKEN_OP && !kh_kms_token_method(request, op))
        return KH_AUTHN_ANSWERED;
    if (op == KH_KMS_CANCEL_TOKEN) {
        kh_kms_token_cancel(arg, request, NULL);
        return KH_AUTHN_ANSWERED;
    }
    /* A token is not enough to get or renew one. */
    if (op != KH_KMS_NO_TOKEN_OP)
        return KH_AUTHN_NEXT;
    if (request->presented.token)
        return use_token(arg, request, request->presented.token);
    st = kh_kms_query(&from, "delegation", text, sizeof text, &err);
    if (st == KH_NOT_FOUND)
        return KH_AUTHN_NEXT;
    step = use_token(arg, request, st == KH_OK ? text : "");
    OPENSSL_cleanse(text, sizeof text);
    return step;
}

/* The first doAs= of the query, in any case of letters. KH_NOT_FOUND: there is none. */
static kh_status find_do_as(
    const struct kh_request *request, char *out, size_t size, struct kh_error *err)
{
    for (const char *p = request->query; *p; p += strcspn(p, "&"), p += *p == '&') {
        char name[5];

        if (strncasecmp(p, "doas=", 5) != 0)
            continue;
        (void)snprintf(name, sizeof name, "%.4s", p);
        return kh_kms_query(&p, name, out, size, err);
    }
    return KH_NOT_FOUND;
}

/* False: answered, the caller may not act for that user. */
static bool act_for(struct kh_kms *kms, struct kh_request *request)
{
    struct kh_principal *who = &request->principal;
    struct kh_error err = {0};
    char user[sizeof who->user] = "";
    char text[KMS_ACT_TEXT] = "";
    kh_status st = find_do_as(request, user, sizeof user, &err);

    if (st == KH_NOT_FOUND)
        return true;
    if (st == KH_OK && *who->user && kh_user_valid(user) &&
        kms_acl_may_act(
            kms->acl, who, (const char *const[]){user, request->address}, text)) {
        memcpy(who->real_user, who->user, sizeof who->real_user);
        memcpy(who->user, user, sizeof who->user);
        return true;
    }
    if (!*text)
        (void)snprintf(text, sizeof text, "User: %s is not allowed to impersonate %s",
            who->user, st == KH_OK ? user : "(no name)");
    kh_authn_failed(request, KH_AUTH_FAILURE_PROXY);
    kh_kms_refuse(request, 403, KH_KMS_AUTHORIZATION, "%s", text);
    return false;
}

static kh_authn_step on_identified(void *arg, struct kh_request *request)
{
    kh_kms_token_op op = kh_kms_token_op_of(request);

    if (op != KH_KMS_NO_TOKEN_OP && !kh_kms_token_method(request, op))
        return KH_AUTHN_ANSWERED;
    if (op != KH_KMS_NO_TOKEN_OP) /* no cookie is given on that occasion, as in Hadoop */
        kh_kms_token_no_cookie(request);
    if (!act_for(arg, request))
        return KH_AUTHN_ANSWERED;
    switch (op) {
    case KH_KMS_NO_TOKEN_OP:
        return KH_AUTHN_OK;
    case KH_KMS_GET_TOKEN:
        kh_kms_token_get(arg, request);
        break;
    case KH_KMS_RENEW_TOKEN:
        kh_kms_token_renew(arg, request);
        break;
    case KH_KMS_CANCEL_TOKEN:
        kh_kms_token_cancel(arg, request, request->principal.user);
        break;
    }
    return KH_AUTHN_ANSWERED;
}

void kh_kms_caller(struct kh_kms *kms, struct kh_authn_extra *extra)
{
    *extra = (struct kh_authn_extra){
        .arg = kms, .token = on_token, .identified = on_identified};
}
