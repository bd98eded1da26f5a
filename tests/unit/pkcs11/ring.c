#include "tests/unit/pkcs11/ring.h"

#include "conformance/proof.h"
#include "plugins/pkcs11/named.h"
#include <string.h>

kh_status ring_make(struct shop *s, const char *name, kh_key_kind kind, uint32_t purposes,
    struct kh_named_key *key)
{
    struct kh_named_key own;

    if (!key)
        key = &own;
    memset(&s->err, 0, sizeof s->err);
    *key = (struct kh_named_key){.kind = kind, .purposes = purposes};
    snprintf(key->name, sizeof key->name, "%s", name);
    return kh_named_create(s->store, key, &s->err);
}

kh_status ring_use(
    struct shop *s, const char *name, const struct kh_key_use *use, struct kh_buf *out)
{
    memset(&s->err, 0, sizeof s->err);
    *out = (struct kh_buf){0};
    return kh_named_use(s->store, name, use, out, &s->err);
}

void ring_done(struct shop *s, struct kh_buf *out)
{
    s->rig.host.buf_free(&s->rig.host, out);
}

bool ring_signs(struct shop *s, const char *name, const struct kh_named_key *key,
    const struct kh_key_use *u)
{
    struct kh_buf out;
    bool ok;

    if (ring_use(s, name, u, &out) != KH_OK) {
        fprintf(stderr, "    %s\n", s->err.message);
        return false;
    }
    ok = kh_proof_verifies(key, u, &out);
    ring_done(s, &out);
    return ok;
}

bool ring_signs_ecdsa(struct shop *s, const char *name, const struct kh_named_key *key)
{
    struct kh_key_use u = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);

    return ring_signs(s, name, key, &u);
}
