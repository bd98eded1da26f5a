#include "plugins/pkcs11/run.h"

struct memory {
    CK_ULONG total;
    CK_ULONG unused;
};

static CK_RV look(struct kh_call *call, void *arg)
{
    struct memory *memory = arg;
    CK_TOKEN_INFO info;
    CK_RV rv = kh_said(
        call, "C_GetTokenInfo", call->p11->C_GetTokenInfo(call->token->slot.id, &info));

    if (rv == CKR_OK)
        *memory = (struct memory){info.ulTotalPrivateMemory, info.ulFreePrivateMemory};
    return rv;
}

kh_status kh_token_memory(
    struct kh_token *token, uint64_t *total, uint64_t *unused, struct kh_error *err)
{
    struct memory memory = {0};
    kh_status st = kh_run(token, look, &memory, NULL, err);
    bool told = memory.total != CK_UNAVAILABLE_INFORMATION && memory.total != 0 &&
                memory.unused <= memory.total;

    *total = st == KH_OK && told ? memory.total : 0;
    *unused = st == KH_OK && told ? memory.unused : 0;
    return st;
}
