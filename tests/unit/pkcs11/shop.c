#include "tests/unit/pkcs11/shop.h"

#include "plugins/pkcs11/label.h"
#include <stdlib.h>
#include <string.h>

void shop_set(struct shop *shop, const char *options)
{
    char *copy = strdup(options);
    char *rest = copy;

    for (char *one = strsep(&rest, " "); one; one = strsep(&rest, " "))
        rig_set(&shop->rig, one);
    free(copy);
    rig_host(&shop->rig);
}

void shop_make(struct shop *shop, const char *options)
{
    memset(shop, 0, sizeof *shop);
    rig_make(&shop->rig);
    shop->mode = KH_OPEN_SERVE;
    if (options)
        shop_set(shop, options);
}

kh_status shop_open(struct shop *shop)
{
    memset(&shop->err, 0, sizeof shop->err);
    shop->rig.host.mode = shop->mode;
    return kh_store_open(&shop->rig.host, &shop->store, &shop->err);
}

void shop_close(struct shop *shop)
{
    if (shop->store)
        kh_store_close(shop->store);
    shop->store = NULL;
}

void shop_reopen(struct shop *shop)
{
    shop_close(shop);
    KH_ASSERT_OK_FATAL(shop_open(shop), shop->err);
}

void shop_end(struct shop *shop)
{
    shop_close(shop);
    rig_end(&shop->rig);
}

kh_status shop_put(
    struct shop *shop, const char *name, uint32_t version, const char *text)
{
    const struct kh_host *host = &shop->rig.host;
    struct kh_deposit d = {.version = version, .created = 1764000000 + version};
    kh_status status;

    memset(&shop->err, 0, sizeof shop->err);
    snprintf(d.name, sizeof d.name, "%s", name);
    status = host->attrs_set(host, &d.attrs, "purpose", name, &shop->err);
    if (status == KH_OK)
        status = host->buf_alloc(host, &d.data, strlen(text), &shop->err);
    if (status == KH_OK) {
        if (text[0])
            memcpy(d.data.data, text, strlen(text));
        status = kh_store_put(
            shop->store, &d, version == 0 ? KH_PUT_NEW : KH_PUT_VERSION, &shop->err);
    }
    host->deposit_free(host, &d);
    return status;
}

kh_status shop_get(struct shop *shop, const char *name, uint32_t version)
{
    struct kh_deposit d = {0};
    kh_status status;

    memset(&shop->err, 0, sizeof shop->err);
    status = kh_store_get(shop->store, name, version, true, &d, &shop->err);
    shop->rig.host.deposit_free(&shop->rig.host, &d);
    return status;
}

bool shop_holds(struct shop *shop, const char *name, uint32_t version, const char *text)
{
    struct kh_deposit d = {0};
    kh_status status = kh_store_get(shop->store, name, version, true, &d, &shop->err);
    bool same = status == KH_OK && strcmp(d.name, name) == 0 && d.version == version &&
                d.created == 1764000000 + (int64_t)version &&
                d.data.len == strlen(text) &&
                (d.data.len == 0 || memcmp(d.data.data, text, d.data.len) == 0) &&
                d.attrs.count == 1 && strcmp(d.attrs.list[0].value, name) == 0;

    if (status != KH_OK)
        fprintf(stderr, "    %s\n", shop->err.message);
    shop->rig.host.deposit_free(&shop->rig.host, &d);
    return same;
}

struct tally {
    const struct kh_key_id *identity;
    unsigned count;
};

static kh_status count_one(
    void *arg, const struct kh_token_object *object, struct kh_error *err)
{
    struct tally *t = arg;

    (void)err;
    t->count += memcmp(object->id.bytes, t->identity->bytes, t->identity->len) != 0;
    return KH_OK;
}

unsigned shop_keys(struct shop *shop)
{
    struct tally t = {.identity = &shop->store->identity.id};

    KH_ASSERT_OK_FATAL(
        kh_token_key_each(shop->store->token, count_one, &t, &shop->err), shop->err);
    return t.count;
}

uint64_t shop_known(struct shop *shop, kh_key_state state)
{
    struct kh_catalog_counts counts = {0};
    struct kh_catalog *catalog = shop->store->catalog;

    KH_ASSERT_OK_FATAL(catalog->counts(catalog, &counts, &shop->err), shop->err);
    return counts.keys[state];
}

const char *shop_key_of(struct shop *shop, const char *name, uint32_t version)
{
    static char text[KH_ID_TEXT_SIZE];
    struct kh_catalog_row row = {0};
    struct kh_catalog *catalog = shop->store->catalog;

    KH_ASSERT_OK_FATAL(
        catalog->get(catalog, name, version, true, &row, &shop->err), shop->err);
    kh_key_id_hex(&row.key, text);
    catalog->row_free(catalog, &row);
    return text;
}

void shop_sql(struct shop *shop, const char *sql)
{
    CU_ASSERT_EQUAL(
        kh_test_shell("sqlite3 '%s/catalog.db' \"%s\"", shop->rig.state, sql), 0);
}
