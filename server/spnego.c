#include "server/spnego.h"

#include "core/record.h"
#include "core/secmem.h"
#include "server/keytab.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kh_spnego {
    gss_cred_id_t cred;
    char *keytab;
};

static gss_OID_desc krb5_mech = {
    9, (void *)(uintptr_t) "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};
static gss_OID_desc spnego_mech = {6, (void *)(uintptr_t) "\x2b\x06\x01\x05\x05\x02"};

/* One look at a token. */
struct attempt {
    gss_ctx_id_t context;
    gss_name_t client;
    gss_OID mech;
    OM_uint32 flags;
    gss_buffer_desc out;
};

/* The library's words for CODE, appended to TEXT behind ": ". */
static void append(char *text, size_t size, OM_uint32 code, int type, gss_OID mech)
{
    gss_buffer_desc line = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;
    OM_uint32 more = 0;
    size_t used = strlen(text);

    if (gss_display_status(&minor, code, type, mech, &more, &line) != GSS_S_COMPLETE)
        return;
    snprintf(text + used, size - used, "%s%.*s", used ? ": " : "", (int)line.length,
        (const char *)line.value);
    (void)gss_release_buffer(&minor, &line);
}

static kh_status fail(
    struct kh_error *err, kh_status st, OM_uint32 major, OM_uint32 minor, gss_OID mech)
{
    char text[400] = "";
    bool vague = GSS_ROUTINE_ERROR(major) == GSS_S_FAILURE;

    if (!vague || minor == 0)
        append(text, sizeof text, major, GSS_C_GSS_CODE, GSS_C_NO_OID);
    if (minor != 0 && st != KH_INVALID) /* what a broken token left there says nothing */
        append(text, sizeof text, minor, GSS_C_MECH_CODE, mech ? mech : &krb5_mech);
    /* A token cut in the middle of Kerberos' own part fails for no reason it can name. */
    return kh_fail(err, st, "%s", strcmp(text, "Success") ? text : "the token is cut");
}

/* Kerberos alone, in SPNEGO or bare: a plugin for another mechanism that the host has
 * installed must not let anybody in. */
static OM_uint32 acquire(struct kh_spnego *spnego, OM_uint32 *minor)
{
    gss_OID_desc both[] = {krb5_mech, spnego_mech};
    gss_OID_set_desc mechs = {2, both};
    gss_OID_set_desc inner = {1, &krb5_mech};
    char name[4200];
    gss_key_value_element_desc element = {"keytab", name};
    const gss_key_value_set_desc store = {1, &element};
    OM_uint32 major;

    snprintf(name, sizeof name, "FILE:%s", spnego->keytab);
    major = gss_acquire_cred_from(minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs,
        GSS_C_ACCEPT, &store, &spnego->cred, NULL, NULL);
    if (major == GSS_S_COMPLETE)
        major = gss_set_neg_mechs(minor, spnego->cred, &inner);
    return major;
}

kh_status kh_spnego_new(struct kh_spnego **out, const char *keytab, struct kh_error *err)
{
    struct kh_spnego *spnego;
    OM_uint32 major;
    OM_uint32 minor = 0;
    unsigned count;
    kh_status st = kh_keytab_check(keytab, &count, err);

    *out = NULL;
    if (st != KH_OK)
        return st;
    spnego = calloc(1, sizeof *spnego);
    if (!spnego || !(spnego->keytab = strdup(keytab))) {
        free(spnego);
        return kh_fail(err, KH_FATAL, "no memory for Kerberos");
    }
    major = acquire(spnego, &minor);
    if (major != GSS_S_COMPLETE) {
        struct kh_error why = {0};

        (void)fail(&why, KH_UNAVAILABLE, major, minor, NULL);
        kh_spnego_free(spnego);
        return kh_fail(err, KH_INVALID, "keytab %s: %.300s", keytab, why.message);
    }
    *out = spnego;
    return KH_OK;
}

void kh_spnego_free(struct kh_spnego *spnego)
{
    OM_uint32 minor;

    if (!spnego)
        return;
    if (spnego->cred)
        (void)gss_release_cred(&minor, &spnego->cred);
    free(spnego->keytab);
    free(spnego);
}

kh_status kh_krb5_realm(char out[256], struct kh_error *err)
{
    krb5_context context = NULL;
    char *realm = NULL;
    krb5_error_code code = krb5_init_context(&context);

    out[0] = '\0';
    if (code == 0)
        code = krb5_get_default_realm(context, &realm);
    if (code == 0)
        snprintf(out, 256, "%s", realm);
    if (realm)
        krb5_free_default_realm(context, realm);
    if (context)
        krb5_free_context(context);
    if (code)
        return kh_fail(err, KH_INVALID,
            "krb5.conf has no default_realm; set it there, or [auth] realm");
    return KH_OK;
}

/* NAME in LEN bytes of OUT; false when it does not fit. */
static bool display(gss_name_t name, char *out, size_t size)
{
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;
    bool fits = gss_display_name(&minor, name, &text, NULL) == GSS_S_COMPLETE &&
                text.length < size && !memchr(text.value, 0, text.length);

    if (fits) {
        memcpy(out, text.value, text.length);
        out[text.length] = '\0';
    }
    (void)gss_release_buffer(&minor, &text);
    return fits;
}

/* Which of the keytab's principals the ticket was for. */
static bool for_http(gss_ctx_id_t context)
{
    gss_name_t target = GSS_C_NO_NAME;
    char name[sizeof((struct kh_principal *)0)->krb5];
    OM_uint32 minor;
    bool right = gss_inquire_context(&minor, context, NULL, &target, NULL, NULL, NULL,
                     NULL, NULL) == GSS_S_COMPLETE &&
                 display(target, name, sizeof name) && strncmp(name, "HTTP/", 5) == 0;

    (void)gss_release_name(&minor, &target);
    return right;
}

static kh_status judge(
    const struct attempt *a, struct kh_spnego_result *out, struct kh_error *err)
{
    if (!a->mech || !gss_oid_equal(a->mech, &krb5_mech))
        return kh_fail(err, KH_REFUSED, "the token is for another mechanism");
    if ((a->flags & GSS_C_ANON_FLAG) || !a->client)
        return kh_fail(err, KH_REFUSED, "the ticket is anonymous");
    out->failure = KH_AUTH_FAILURE_SERVICE;
    if (!for_http(a->context))
        return kh_fail(err, KH_REFUSED, "the ticket is for another service than HTTP/");
    out->failure = KH_AUTH_FAILURE_TICKET;
    if (!display(a->client, out->principal, sizeof out->principal) ||
        strchr(out->principal, '\\'))
        return kh_fail(err, KH_REFUSED,
            "the client's principal is longer than 255 bytes or has an escape");
    if (strncmp(out->principal, "WELLKNOWN/", 10) == 0)
        return kh_fail(err, KH_REFUSED, "the ticket is anonymous");
    return KH_OK;
}

static kh_status encode(const gss_buffer_desc *token, char **out, struct kh_error *err)
{
    if (token->length == 0)
        return KH_OK;
    *out = malloc(kh_base64_length(token->length) + 1);
    if (!*out)
        return kh_fail(err, KH_UNAVAILABLE, "no memory for the answer's token");
    kh_base64_encode(token->value, token->length, *out);
    return KH_OK;
}

static const struct {
    krb5_error_code code;
    kh_auth_failure why;
} failures[] = {
    {KRB5KRB_AP_ERR_REPEAT, KH_AUTH_FAILURE_REPLAYED},
    {KRB5KRB_AP_ERR_TKT_EXPIRED, KH_AUTH_FAILURE_EXPIRED},
    {KRB5KRB_AP_ERR_TKT_NYV, KH_AUTH_FAILURE_EXPIRED},
    {KRB5KRB_AP_ERR_SKEW, KH_AUTH_FAILURE_SKEW},
    {KRB5KRB_AP_ERR_NOT_US, KH_AUTH_FAILURE_SERVICE},
    {KRB5KRB_AP_WRONG_PRINC, KH_AUTH_FAILURE_SERVICE},
};

/* WORDS are the library's. A code alone would not do: GSSAPI gives SPNEGO's errors other
 * numbers once it has met the same in a bare token. */
static kh_auth_failure failure_of(OM_uint32 major, const char *words)
{
    if (GSS_SUPPLEMENTARY_INFO(major) & GSS_S_DUPLICATE_TOKEN)
        return KH_AUTH_FAILURE_REPLAYED;
    if (strstr(words, "keytab")) /* all that it says of a key that it does not find */
        return KH_AUTH_FAILURE_SERVICE;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        const char *text = krb5_get_error_message(NULL, failures[i].code);
        bool same = text && *text && strstr(words, text);

        krb5_free_error_message(NULL, text);
        if (same)
            return failures[i].why;
    }
    return KH_AUTH_FAILURE_TICKET;
}

/* A keytab that has gone since the start looks like a ticket for somebody else. */
static kh_status blame(const struct kh_spnego *spnego, OM_uint32 major, OM_uint32 minor,
    const struct attempt *a, struct kh_error *err)
{
    OM_uint32 what = GSS_ROUTINE_ERROR(major);

    if (what == GSS_S_DEFECTIVE_TOKEN || what == GSS_S_BAD_MECH)
        return fail(err, KH_INVALID, major, minor, a->mech);
    if (access(spnego->keytab, R_OK) != 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "the keytab %s cannot be read: %m", spnego->keytab);
    return fail(err, KH_REFUSED, major, minor, a->mech);
}

static kh_status attempt(const struct kh_spnego *spnego, const struct kh_buf *token,
    struct attempt *a, struct kh_spnego_result *out, struct kh_error *err)
{
    gss_buffer_desc in = {token->len, token->data};
    OM_uint32 minor = 0;
    OM_uint32 major;
    kh_status st;

    /* No place for delegated credentials: the library drops them. */
    major = gss_accept_sec_context(&minor, &a->context, spnego->cred, &in,
        GSS_C_NO_CHANNEL_BINDINGS, &a->client, &a->mech, &a->out, &a->flags, NULL, NULL);
    if (major == GSS_S_CONTINUE_NEEDED)
        return kh_fail(err, KH_REFUSED,
            "the negotiation needs more than one round: Kerberos must be its first "
            "choice");
    if (major != GSS_S_COMPLETE) { /* GSS_S_DUPLICATE_TOKEN is no error by GSS_ERROR */
        st = blame(spnego, major, minor, a, err);
        out->failure = failure_of(major, err->message);
        return st;
    }
    st = judge(a, out, err);
    return st == KH_OK ? encode(&a->out, &out->token, err) : st;
}

kh_status kh_spnego_accept(const struct kh_spnego *spnego, const char *token, size_t len,
    struct kh_spnego_result *out, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf raw = {0};
    struct attempt a = {.context = GSS_C_NO_CONTEXT};
    OM_uint32 minor;
    kh_status st;

    *out = (struct kh_spnego_result){.failure = KH_AUTH_FAILURE_TICKET};
    if (len == 0 || len > KH_SPNEGO_TOKEN_MAX ||
        kh_base64_decode(token, len, &raw, NULL) != KH_OK || raw.len == 0)
        return kh_fail(err, KH_INVALID, "the token is empty, too long, or no base64");
    st = attempt(spnego, &raw, &a, out, err);
    if (a.context)
        (void)gss_delete_sec_context(&minor, &a.context, GSS_C_NO_BUFFER);
    (void)gss_release_name(&minor, &a.client);
    (void)gss_release_buffer(&minor, &a.out);
    if (st != KH_OK)
        out->principal[0] = '\0';
    return st;
}
