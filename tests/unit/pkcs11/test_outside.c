/* The store seen from outside: by pkcs11-tool, by stock openssl, and its small parts. */
#include "core/deposit.h"
#include "core/fileio.h"
#include "core/record.h"
#include "core/secmem.h"
#include "plugins/pkcs11/keyset.h"
#include "plugins/pkcs11/label.h"
#include "tests/unit/pkcs11/shop.h"

#include <stdlib.h>
#include <string.h>

/* ---- pkcs11-tool
 * ---------------------------------------------------------------------------- */

/* What pkcs11-tool shows of the token's objects, logged in; freed by the caller. */
static char *show(struct shop *s)
{
    char *path = kh_test_path(s->rig.soft.dir, "objects");
    char *text = calloc(1, 8192);
    FILE *f;

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_EQUAL(
        kh_test_shell("SOFTHSM2_CONF='%s' pkcs11-tool --module " SOFTHSM2_MODULE
                      " --token-label lab --login --pin 1234 -O >'%s' 2>&1",
            s->rig.soft.conf, path),
        0);
    f = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    text[fread(text, 1, 8191, f)] = '\0';
    (void)fclose(f);
    free(path);
    return text;
}

static unsigned times(const char *text, const char *word)
{
    unsigned n = 0;

    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        n++;
    return n;
}

static void pkcs11_tool_finds_the_keys_and_they_never_were_extractable(void)
{
    struct shop s;
    char id[80];
    char *text;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "key1", 0, "x"), s.err);
    snprintf(id, sizeof id, "%s", shop_key_of(&s, "key1", 0));
    shop_close(&s);
    text = show(&s);
    CU_ASSERT_EQUAL(
        times(text, "Private Key Object; EC"), 2); /* the deposit's, the identity's */
    CU_ASSERT_EQUAL(times(text, "sensitive, always sensitive, never extractable"), 2);
    CU_ASSERT_EQUAL(times(text, "label:      key1-"), 1);
    CU_ASSERT_EQUAL(times(text, "label:      keyhsm-identity-"), 1);
    CU_ASSERT_EQUAL(times(text, id), 1);
    CU_ASSERT_EQUAL(times(text, "Public Key Object"), 0); /* thrown away */
    free(text);
    shop_end(&s);
}

static void a_purged_key_is_gone_for_pkcs11_tool(void)
{
    struct shop s;
    char *text;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "key1", 0, "x"), s.err);
    text = show(&s);
    CU_ASSERT_EQUAL(times(text, "label:      key1-"), 1);
    free(text);
    KH_ASSERT_OK(kh_store_purge(s.store, "key1", 0, &s.err), s.err);
    text = show(&s);
    CU_ASSERT_EQUAL(times(text, "label:      key1-"), 0);
    free(text);
    shop_end(&s);
}

/* ---- disaster recovery without a line of ours
 * ------------------------------------------------- */

static char *percent(const char *hex)
{
    char *out = calloc(1, strlen(hex) * 2);

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    for (size_t i = 0; hex[i]; i += 2)
        sprintf(out + i / 2 * 3, "%%%.2s", hex + i);
    return out;
}

/* The README's procedure: sqlite3 takes the envelope out, openssl and libp11 open it. */
static void recover(const char *options, const char *secret)
{
    struct shop s;
    struct kh_deposit d = {0};
    struct kh_buf record = {0};
    char *id;
    char *out;

    shop_make(&s, options);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "key1", 0, secret), s.err);
    id = percent(shop_key_of(&s, "key1", 0));
    shop_close(&s);
    out = kh_test_path(s.rig.soft.dir, "record.json");
    CU_ASSERT_EQUAL(
        kh_test_shell("cd '%s' && sqlite3 '%s/catalog.db' \"SELECT "
                      "writefile('envelope.der', envelope) FROM"
                      " versions WHERE name = 'key1' AND version = 0\" >/dev/null && "
                      "SOFTHSM2_CONF='%s'"
                      " PKCS11_MODULE_PATH='" SOFTHSM2_MODULE
                      "' openssl cms -decrypt -binary -inform DER"
                      " -in envelope.der -engine pkcs11 -keyform engine"
                      " -inkey 'pkcs11:token=lab;id=%s;type=private;pin-value=1234' -out "
                      "'%s' 2>openssl.log"
                      " || { cat openssl.log >&2; false; }",
            s.rig.soft.dir, s.rig.state, s.rig.soft.conf, id, out),
        0);
    KH_ASSERT_OK_FATAL(kh_file_read(out, 1 << 20, &record, &s.err), s.err);
    KH_ASSERT_OK_FATAL(kh_record_decode(record.data, record.len, &d, &s.err), s.err);
    CU_ASSERT_STRING_EQUAL(d.name, "key1");
    CU_ASSERT_EQUAL(d.data.len, strlen(secret));
    CU_ASSERT_EQUAL(memcmp(d.data.data, secret, d.data.len), 0);
    kh_deposit_free(&d);
    kh_buf_free(&record);
    free(out);
    free(id);
    shop_end(&s);
}

static void stock_openssl_opens_an_envelope_of_the_catalog(void)
{
    recover(NULL, "the secret of key1");
}

static void stock_openssl_opens_an_rsa_envelope_of_the_catalog(void)
{
    recover("key_type=rsa-2048 key_scope=epoch", "another secret");
}

static void no_plaintext_is_in_the_catalog(void)
{
    struct shop s;

    shop_make(&s, "key_scope=epoch");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "key1", 0, "needle-in-a-haystack"), s.err);
    /* base64 of it, at each of the three alignments, is what a record would hold */
    CU_ASSERT_EQUAL(
        kh_test_shell("cd '%s' && cat * | grep -aq -e needle-in -e bmVlZGxlLWlu -e "
                      "5lZWRsZS1pbi -e uZWVkbGUtaW4",
            s.rig.state),
        1);
    shop_end(&s);
}

/* ---- the vtable
 * ------------------------------------------------------------------------------ */

static void the_plugin_has_no_way_back(void)
{
    CU_ASSERT_EQUAL(kh_test_shell("nm -D --defined-only '%s/pkcs11.so' | grep -vcE ' "
                                  "(kh_plugin@@)?KEYHSM_PLUGIN_1$'",
                        TEST_PLUGIN_DIR),
        1); /* grep -v found nothing else */
    CU_ASSERT_EQUAL(
        kh_test_shell("ldd '%s/pkcs11.so' | grep -q libsofthsm", TEST_PLUGIN_DIR), 1);
}

/* ---- labels and sets
 * ---------------------------------------------------------------------------- */

static struct kh_key_id some_id(unsigned char n)
{
    struct kh_key_id id = {.len = 20};

    memset(id.bytes, n, 20);
    return id;
}

static void a_label_is_name_short_id_and_date(void)
{
    struct kh_key_id id = some_id(3);
    struct kh_key_id other = some_id(4);
    char label[KH_LABEL_SIZE];

    kh_label(label, "key1", &id, 1795478400);
    CU_ASSERT_STRING_EQUAL(label, "key1-33333333-2026-11-24");
    CU_ASSERT(kh_label_is_for(label, "key1", &id));
    CU_ASSERT_FALSE(kh_label_is_for(label, "key", &id));
    CU_ASSERT_FALSE(kh_label_is_for(label, "key2", &id));
    CU_ASSERT_FALSE(kh_label_is_for(label, "key1", &other));
}

static void a_long_name_is_cut_in_its_label(void)
{
    struct kh_key_id id = some_id(61);
    char name[KH_NAME_MAX + 1];
    char label[KH_LABEL_SIZE];

    memset(name, 'n', KH_NAME_MAX);
    name[KH_NAME_MAX] = '\0';
    kh_label(label, name, &id, 0);
    CU_ASSERT_EQUAL(strlen(label), 64);
    CU_ASSERT_STRING_EQUAL(label + 44, "-zzzzzzzz-1970-01-01");
    CU_ASSERT(kh_label_is_for(label, name, &id));
}

static void a_set_finds_what_was_added_and_nothing_else(void)
{
    struct kh_keyset set = {0};
    struct kh_error err = {0};
    struct kh_key_id id = some_id(0);

    CU_ASSERT_PTR_NULL(kh_keyset_find(&set, &id));
    for (unsigned i = 1000; i > 0; i--) {
        id.bytes[10] = (unsigned char)(i >> 8);
        id.bytes[11] = (unsigned char)i;
        KH_ASSERT_OK_FATAL(kh_keyset_add(&set, &id, i % 2, &err), err);
    }
    KH_ASSERT_OK(
        kh_keyset_add(&set, &id, false, &err), err); /* twice: 1, whole and broken */
    kh_keyset_sort(&set);
    CU_ASSERT_EQUAL(set.count, 1000);
    for (unsigned i = 1; i <= 1000; i++) {
        const struct kh_keyset_entry *found;

        id.bytes[10] = (unsigned char)(i >> 8);
        id.bytes[11] = (unsigned char)i;
        found = kh_keyset_find(&set, &id);
        CU_ASSERT_PTR_NOT_NULL_FATAL(found);
        CU_ASSERT_EQUAL(found->complete, i == 1 ? 0 : i % 2);
    }
    id.bytes[12] = 1;
    CU_ASSERT_PTR_NULL(kh_keyset_find(&set, &id));
    id.len = 19;
    CU_ASSERT_PTR_NULL(kh_keyset_find(&set, &id));
    kh_keyset_free(&set);
    CU_ASSERT_EQUAL(set.count, 0);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"pkcs11_tool_finds_the_keys_and_they_never_were_extractable",
            pkcs11_tool_finds_the_keys_and_they_never_were_extractable},
        {"a_purged_key_is_gone_for_pkcs11_tool", a_purged_key_is_gone_for_pkcs11_tool},
        {"stock_openssl_opens_an_envelope_of_the_catalog",
            stock_openssl_opens_an_envelope_of_the_catalog},
        {"stock_openssl_opens_an_rsa_envelope_of_the_catalog",
            stock_openssl_opens_an_rsa_envelope_of_the_catalog},
        {"no_plaintext_is_in_the_catalog", no_plaintext_is_in_the_catalog},
        {"the_plugin_has_no_way_back", the_plugin_has_no_way_back},
        {"a_label_is_name_short_id_and_date", a_label_is_name_short_id_and_date},
        {"a_long_name_is_cut_in_its_label", a_long_name_is_cut_in_its_label},
        {"a_set_finds_what_was_added_and_nothing_else",
            a_set_finds_what_was_added_and_nothing_else},
    };
    return kh_test_main("pkcs11: outside", tests, sizeof tests / sizeof tests[0]);
}
