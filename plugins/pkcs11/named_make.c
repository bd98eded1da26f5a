#include "plugins/pkcs11/named_make.h"

#include "plugins/pkcs11/find.h"
#include "plugins/pkcs11/named_kind.h"
#include "plugins/pkcs11/publichalf.h"

#include <stdlib.h>
#include <string.h>

#define TEMPLATE_MAX 20

/* A template under construction, with what its values point to. */
struct template
{
    CK_ATTRIBUTE a[TEMPLATE_MAX];
    CK_ULONG count;
    CK_ULONG number;
    CK_OBJECT_CLASS class;
    CK_KEY_TYPE type;
    unsigned char bytes[32];
    struct kh_key_id id;
    char label[256];
};

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

static void add(struct template *t, CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG len)
{
    t->a[t->count++] = (CK_ATTRIBUTE){type, value, len};
}

static void add_flag(struct template *t, CK_ATTRIBUTE_TYPE type, bool value)
{
    add(t, type, value ? &yes : &no, sizeof yes);
}

static void add_bytes(
    struct template *t, CK_ATTRIBUTE_TYPE type, const void *bytes, size_t len)
{
    memcpy(t->bytes, bytes, len);
    add(t, type, t->bytes, len);
}

/* What a key may do. One row for each of PKCS#11's ways to use the secret part. */
static const struct {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
    uint32_t pair; /* the purpose that needs it of a key pair; 0: none may have it */
    uint32_t secret;
} usages[] = {
    {CKA_SIGN, "it may sign (CKA_SIGN) or may not, against its purposes", KH_KEY_SIGN, 0},
    {CKA_DECRYPT, "it may decrypt (CKA_DECRYPT) or may not, against its purposes",
        KH_KEY_DECRYPT, 0},
    {CKA_DERIVE, "it may derive (CKA_DERIVE) or may not, against its purposes",
        KH_KEY_DERIVE, 0},
    {CKA_UNWRAP, "it may unwrap (CKA_UNWRAP) or may not, against its purposes", 0,
        KH_KEY_WRAP},
    {CKA_WRAP, "it may wrap (CKA_WRAP) or may not, against its purposes", 0, KH_KEY_WRAP},
    {CKA_VERIFY, "it may verify (CKA_VERIFY), which is not its purpose", 0, 0},
    {CKA_ENCRYPT, "it may encrypt (CKA_ENCRYPT), which is not its purpose", 0, 0},
};

#define USAGES (sizeof usages / sizeof usages[0])

/* A private key has none of the last three: CKA_WRAP, CKA_VERIFY, CKA_ENCRYPT. */
static size_t usages_of(const struct kh_named_spec *spec)
{
    return spec->kind == KH_KIND_AES_256 ? USAGES : USAGES - 3;
}

static bool may(const struct kh_named_spec *spec, size_t usage)
{
    return (spec->purposes & (spec->kind == KH_KIND_AES_256 ? usages[usage].secret
                                                            : usages[usage].pair)) != 0;
}

/* The part that is kept: private or secret. */
static void kept_template(
    struct template *t, const struct kh_named_spec *spec, const struct kh_key_id *id)
{
    add_flag(t, CKA_TOKEN, true);
    add_flag(t, CKA_PRIVATE, true);
    add_flag(t, CKA_SENSITIVE, true);
    add_flag(t, CKA_EXTRACTABLE, false);
    add_flag(t, CKA_MODIFIABLE, false);
    for (size_t i = 0; i < usages_of(spec); i++)
        add_flag(t, usages[i].type, may(spec, i));
    t->id = *id;
    add(t, CKA_ID, t->id.bytes, t->id.len);
    (void)snprintf(t->label, sizeof t->label, "%s", spec->label);
    add(t, CKA_LABEL, t->label, strlen(t->label));
}

/* How a public half is to be made, apart from its kind. */
struct manner {
    bool on_token;  /* for modules that make no other; its use is then left to them */
    bool otherwise; /* the curve by its other name */
};

static void public_template(struct template *t, const struct kh_named_spec *spec,
    const struct kh_key_id *id, struct manner manner)
{
    static const unsigned char exponent_65537[] = {0x01, 0x00, 0x01};
    const struct kh_named_kind *kind = kh_named_kind(spec->kind);

    t->count = 0;
    add_flag(t, CKA_TOKEN, manner.on_token);
    add_flag(t, CKA_PRIVATE, false);
    if (kind->params && manner.otherwise) {
        add_bytes(t, CKA_EC_PARAMS, kind->params_else, kind->params_else_len);
    } else if (kind->params) {
        add_bytes(t, CKA_EC_PARAMS, kind->params, kind->params_len);
    } else {
        t->number = kind->bits;
        add(t, CKA_MODULUS_BITS, &t->number, sizeof t->number);
        add_bytes(t, CKA_PUBLIC_EXPONENT, exponent_65537, sizeof exponent_65537);
    }
    if (manner.on_token) { /* found by its id should we die before it is destroyed */
        t->id = *id;
        add(t, CKA_ID, t->id.bytes, t->id.len);
        return;
    }
    if (spec->purposes & KH_KEY_SIGN)
        add_flag(t, CKA_VERIFY, true);
    if (spec->purposes & KH_KEY_DECRYPT)
        add_flag(t, CKA_ENCRYPT, true);
    if (spec->purposes & KH_KEY_DERIVE)
        add_flag(t, CKA_DERIVE, true);
}

static CK_RV read_public(struct kh_call *call, const struct kh_named_kind *kind,
    CK_OBJECT_HANDLE handle, struct kh_public_half *out)
{
    if (kind->group)
        return kh_public_read_ec(call, handle, kind->group, out);
    if (kind->kind == KH_KIND_ED25519)
        return kh_public_read_ed25519(call, handle, out);
    return kh_public_read_rsa(call, handle, (unsigned)kind->bits, out);
}

/* The public half is read and destroyed; on failure it goes with the session, or is found
 * by its id. */
static CK_RV take_public(struct kh_call *call, const struct kh_named_kind *kind,
    CK_OBJECT_HANDLE handle, struct kh_public_half *out, const struct kh_key_id *id)
{
    CK_RV rv = read_public(call, kind, handle, out);

    if (rv == CKR_OK)
        rv = kh_destroy(call, handle, id);
    if (rv != CKR_OK) {
        free(out->spki);
        *out = (struct kh_public_half){0};
    }
    return rv;
}

/* A module that takes the curve by its other name says so in one of these ways. */
static bool wrong_name(const struct kh_named_kind *kind, CK_RV rv)
{
    return kind->params_else &&
           (rv == CKR_DOMAIN_PARAMS_INVALID || rv == CKR_CURVE_NOT_SUPPORTED ||
               rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_TEMPLATE_INCONSISTENT);
}

static CK_RV make_pair(struct kh_call *call, const struct kh_named_spec *spec,
    struct template *kept, CK_OBJECT_HANDLE *handle, struct kh_public_half *public_half)
{
    const struct kh_named_kind *kind = kh_named_kind(spec->kind);
    struct manner manner = {.on_token = call->quirks & KH_QUIRK_PAIR_ON_TOKEN};
    CK_MECHANISM mechanism = {kind->generate, NULL, 0};
    CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
    struct template open = {.count = 0};
    CK_RV rv;

    public_template(&open, spec, &kept->id, manner);
    rv = kh_said(call, "C_GenerateKeyPair",
        call->p11->C_GenerateKeyPair(call->session, &mechanism, open.a, open.count,
            kept->a, kept->count, &public_key, handle));
    if (wrong_name(kind, rv)) {
        manner.otherwise = true;
        public_template(&open, spec, &kept->id, manner);
        rv = kh_said(call, "C_GenerateKeyPair",
            call->p11->C_GenerateKeyPair(call->session, &mechanism, open.a, open.count,
                kept->a, kept->count, &public_key, handle));
    }
    return rv == CKR_OK ? take_public(call, kind, public_key, public_half, &kept->id)
                        : rv;
}

static CK_RV make_secret(
    struct kh_call *call, struct template *kept, CK_OBJECT_HANDLE *handle)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};

    kept->class = CKO_SECRET_KEY;
    kept->type = CKK_AES;
    kept->number = 32;
    add(kept, CKA_CLASS, &kept->class, sizeof kept->class);
    add(kept, CKA_KEY_TYPE, &kept->type, sizeof kept->type);
    add(kept, CKA_VALUE_LEN, &kept->number, sizeof kept->number);
    return kh_said(call, "C_GenerateKey",
        call->p11->C_GenerateKey(
            call->session, &mechanism, kept->a, kept->count, handle));
}

CK_RV kh_named_make(struct kh_call *call, const struct kh_named_spec *spec,
    const struct kh_key_id *id, CK_OBJECT_HANDLE *handle,
    struct kh_public_half *public_half)
{
    struct template kept = {.count = 0};
    CK_RV rv = kh_named_need(call, kh_named_kind(spec->kind), spec->purposes);

    if (rv != CKR_OK)
        return rv;
    kept_template(&kept, spec, id);
    return spec->kind == KH_KIND_AES_256
               ? make_secret(call, &kept, handle)
               : make_pair(call, spec, &kept, handle, public_half);
}

/* What the token says of one attribute; absent is false. */
static CK_RV read_flag(
    struct kh_call *call, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_TYPE type, bool *value)
{
    CK_BBOOL flag = CK_FALSE;
    CK_ATTRIBUTE a = {type, &flag, sizeof flag};
    CK_RV rv = kh_said(call, "C_GetAttributeValue",
        call->p11->C_GetAttributeValue(call->session, handle, &a, 1));

    *value = rv == CKR_OK && a.ulValueLen == sizeof flag && flag != CK_FALSE;
    return rv == CKR_ATTRIBUTE_TYPE_INVALID ? CKR_OK : rv;
}

CK_RV kh_named_look(struct kh_call *call, const struct kh_named_spec *spec,
    CK_OBJECT_HANDLE handle, const char **fault)
{
    bool value = false;
    CK_RV rv = read_flag(call, handle, CKA_MODIFIABLE, &value);

    *fault = NULL;
    if (rv == CKR_OK && value)
        *fault = "it may be changed (CKA_MODIFIABLE)";
    for (size_t i = 0; rv == CKR_OK && !*fault && i < usages_of(spec); i++) {
        rv = read_flag(call, handle, usages[i].type, &value);
        if (rv == CKR_OK && value != may(spec, i))
            *fault = usages[i].name;
    }
    return rv;
}
