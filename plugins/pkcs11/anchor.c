#include "plugins/pkcs11/anchor.h"

#include <string.h>

static CK_BBOOL yes = CK_TRUE;
static CK_OBJECT_CLASS data_object = CKO_DATA;

static CK_RV make(struct kh_call *call, char *label)
{
    char program[] = "keyhsm";
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &data_object, sizeof data_object},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_LABEL, label, strlen(label)},
        {CKA_APPLICATION, program, sizeof program - 1},
        {CKA_VALUE, program, sizeof program - 1},
    };
    CK_OBJECT_HANDLE made;

    return kh_said(call, "C_CreateObject",
        call->p11->C_CreateObject(
            call->session, template, sizeof template / sizeof template[0], &made));
}

CK_RV kh_anchor_keep(struct kh_call *call, const char *label)
{
    char text[64];
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &data_object, sizeof data_object}, {CKA_LABEL, text, 0}};
    struct kh_handles found = {0};
    bool there;
    CK_RV rv;

    if (!(call->quirks & KH_QUIRK_ANCHOR))
        return CKR_OK;
    (void)snprintf(text, sizeof text, "%s", label);
    template[1].ulValueLen = strlen(text);
    rv = kh_find(call, template, 2, &found);
    there = found.count > 0;
    kh_handles_free(&found);
    return rv == CKR_OK && !there ? make(call, text) : rv;
}

kh_status kh_anchor_ready(struct kh_token *token, struct kh_error *err)
{
    struct kh_call call = {.token = token,
        .p11 = token->module.p11,
        .quirks = token->module.quirks.flags,
        .session = token->sessions.keeper,
        .what = "?",
        .err = err};
    CK_RV rv = kh_anchor_keep(&call, KH_ANCHOR_LABEL);

    return rv == CKR_OK ? KH_OK : kh_rv_fail(err, call.what, rv);
}
