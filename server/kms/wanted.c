#include "server/kms/wanted.h"

#include "core/deposit.h"
#include "core/secmem.h"
#include "server/kms/base64.h"
#include "server/kms/internal.h"
#include "server/kms/scan.h"

#include <stdlib.h>
#include <string.h>

enum { MATERIAL_TEXT = 256 }; /* bytes: longer than any key */

/* What parsing goes on with. */
struct parsing {
    struct kh_kms_scan scan;
    struct kh_kms_wanted *out;
    struct kh_error *err; /* of what is no matter of JSON */
    unsigned seen;        /* bits: members that stood already */
};

void kh_kms_wanted_free(struct kh_kms_wanted *wanted)
{
    kh_attrs_free(&wanted->attrs);
    kh_buf_free(&wanted->material);
}

static bool take_name(struct parsing *p)
{
    p->out->has_name = true;
    return kh_kms_scan_string(&p->scan, p->out->name, sizeof p->out->name, NULL);
}

static bool take_cipher(struct parsing *p)
{
    return kh_kms_scan_string(&p->scan, p->out->cipher, sizeof p->out->cipher, NULL);
}

static bool take_length(struct parsing *p)
{
    return kh_kms_scan_integer(&p->scan, &p->out->bits);
}

/* A string as attribute NAME of the deposit. */
static bool take_text(struct parsing *p, const char *name)
{
    char *value = malloc(KH_ATTR_VALUE_MAX + 1);
    bool good = value || kh_kms_scan_fail(&p->scan, "no memory for it");

    good = good && kh_kms_scan_string(&p->scan, value, KH_ATTR_VALUE_MAX + 1, NULL);
    if (good && kh_attrs_set(&p->out->attrs, name, value, p->err) != KH_OK)
        good = kh_kms_scan_fail(&p->scan, p->err->message);
    free(value);
    return good;
}

static bool take_description(struct parsing *p)
{
    return take_text(p, KH_KMS_DESCRIPTION);
}

static bool take_attributes(struct parsing *p)
{
    char name[KH_KMS_SCAN_KEY + sizeof KH_KMS_ATTRIBUTE] = KH_KMS_ATTRIBUTE;
    char *key = name + strlen(KH_KMS_ATTRIBUTE);

    if (!kh_kms_scan_object(&p->scan))
        return false;
    while (kh_kms_scan_member(&p->scan, key)) {
        if (!*key || strlen(name) > KH_ATTR_NAME_MAX)
            return kh_kms_scan_fail(
                &p->scan, "an attribute's name must have 1 to 119 bytes");
        if (kh_attrs_get(&p->out->attrs, name))
            return kh_kms_scan_fail(&p->scan, "an attribute stands twice");
        if (!take_text(p, name))
            return false;
    }
    return !p->scan.why;
}

/* Decoded where the text was read to. */
static bool take_material(struct parsing *p)
{
    struct kh_buf *material = &p->out->material;
    size_t len;

    if (kh_buf_alloc(material, MATERIAL_TEXT, p->err) != KH_OK)
        return kh_kms_scan_fail(&p->scan, "no secret memory is free for it");
    if (!kh_kms_scan_string(&p->scan, (char *)material->data, MATERIAL_TEXT, &len))
        return false;
    if (!kh_kms_base64_decode((const char *)material->data, len, material->data,
            MATERIAL_TEXT, &material->len))
        return kh_kms_scan_fail(&p->scan, "material is not base64");
    if (material->len == 0)
        return kh_kms_scan_fail(&p->scan, "material is empty");
    return true;
}

static const struct {
    const char *name;
    bool (*take)(struct parsing *p);
} members[] = {
    {"name", take_name},
    {"cipher", take_cipher},
    {"length", take_length},
    {"description", take_description},
    {"attributes", take_attributes},
    {"material", take_material},
};

static bool take_member(struct parsing *p, const char *key)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (strcmp(key, members[i].name) != 0)
            continue;
        if (p->seen & (1U << i))
            return kh_kms_scan_fail(&p->scan, "a member stands twice");
        p->seen |= 1U << i;
        return kh_kms_scan_null(&p->scan) || members[i].take(p);
    }
    return kh_kms_scan_skip(&p->scan);
}

kh_status kh_kms_wanted_parse(const unsigned char *text, size_t len,
    struct kh_kms_wanted *out, struct kh_error *err)
{
    char key[KH_KMS_SCAN_KEY];
    struct kh_error own = {0};
    struct parsing p = {.out = out, .err = &own};

    kh_kms_scan_begin(&p.scan, text, len);
    if (kh_kms_scan_object(&p.scan))
        while (kh_kms_scan_member(&p.scan, key) && take_member(&p, key))
            ;
    if (kh_kms_scan_end(&p.scan))
        return KH_OK;
    return kh_fail(err, KH_INVALID, "the JSON body: %s", p.scan.why);
}
