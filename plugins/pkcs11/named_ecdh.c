#include "plugins/pkcs11/named_ops.h"
#include "plugins/pkcs11/ops.h"

/* That the point is one of the curve has been checked. */
CK_RV kh_named_ecdh(struct kh_call *call, struct kh_named_work *work)
{
    const struct kh_key_use *use = work->use->use;
    struct kh_buf *out = work->use->out;
    const struct kh_ecdh ecdh = {
        use->input, use->input_len, out->data, work->kind->coordinate};
    CK_RV rv = kh_named_lacks(call, work, kh_ecdh_derive(call, work->key, &ecdh));

    if (rv == CKR_OK)
        out->len = ecdh.len;
    return rv;
}
