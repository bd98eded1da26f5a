#include "core/deposit.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <string.h>

static struct kh_error err;

static void attributes_are_kept_in_order_of_name(void)
{
    struct kh_attrs a = {0};

    KH_ASSERT_OK(kh_attrs_set(&a, "m", "1", &err), err);
    KH_ASSERT_OK(kh_attrs_set(&a, "a", "2", &err), err);
    KH_ASSERT_OK(kh_attrs_set(&a, "z", "", &err), err);
    CU_ASSERT_EQUAL_FATAL(a.count, 3);
    CU_ASSERT_STRING_EQUAL(a.list[0].name, "a");
    CU_ASSERT_STRING_EQUAL(a.list[1].name, "m");
    CU_ASSERT_STRING_EQUAL(a.list[2].name, "z");
    CU_ASSERT_STRING_EQUAL(kh_attrs_get(&a, "z"), "");
    CU_ASSERT_PTR_NULL(kh_attrs_get(&a, "b"));
    kh_attrs_free(&a);
    CU_ASSERT_EQUAL(a.count, 0);
    CU_ASSERT_PTR_NULL(a.list);
}

static void setting_again_replaces_and_removing_removes(void)
{
    struct kh_attrs a = {0};

    KH_ASSERT_OK(kh_attrs_set(&a, "k", "old", &err), err);
    KH_ASSERT_OK(kh_attrs_set(&a, "k", "new", &err), err);
    CU_ASSERT_EQUAL(a.count, 1);
    CU_ASSERT_STRING_EQUAL(kh_attrs_get(&a, "k"), "new");
    CU_ASSERT_TRUE(kh_attrs_remove(&a, "k"));
    CU_ASSERT_FALSE(kh_attrs_remove(&a, "k"));
    CU_ASSERT_EQUAL(a.count, 0);
    kh_attrs_free(&a);
}

static void the_thirty_third_attribute_is_refused(void)
{
    struct kh_attrs a = {0};
    char name[16];

    for (int i = 0; i < KH_ATTRS_MAX; i++) {
        snprintf(name, sizeof name, "a%02d", i);
        KH_ASSERT_OK(kh_attrs_set(&a, name, "v", &err), err);
    }
    KH_ASSERT_FAILS(
        kh_attrs_set(&a, "one-more", "v", &err), KH_INVALID, err, "one too many");
    KH_ASSERT_OK(kh_attrs_set(&a, "a00", "replaced", &err), err);
    CU_ASSERT_EQUAL(a.count, KH_ATTRS_MAX);
    kh_attrs_free(&a);
}

static void attribute_limits_and_utf8_are_checked(void)
{
    struct kh_attrs a = {0};
    char text[KH_ATTR_VALUE_MAX + 2];

    memset(text, 'x', sizeof text);
    text[KH_ATTR_VALUE_MAX + 1] = '\0';
    KH_ASSERT_FAILS(kh_attrs_set(&a, "k", text, &err), KH_INVALID, err, "4097 bytes");
    text[KH_ATTR_VALUE_MAX] = '\0';
    KH_ASSERT_OK(kh_attrs_set(&a, "k", text, &err), err);
    text[KH_ATTR_NAME_MAX + 1] = '\0';
    KH_ASSERT_FAILS(
        kh_attrs_set(&a, text, "v", &err), KH_INVALID, err, "name is 129 bytes");
    text[KH_ATTR_NAME_MAX] = '\0';
    KH_ASSERT_OK(kh_attrs_set(&a, text, "v", &err), err);
    KH_ASSERT_FAILS(kh_attrs_set(&a, "", "v", &err), KH_INVALID, err, "empty");
    KH_ASSERT_FAILS(kh_attrs_set(&a, "k\xff", "v", &err), KH_INVALID, err, "UTF-8");
    KH_ASSERT_FAILS(
        kh_attrs_set(&a, "k", "\xc3", &err), KH_INVALID, err, "'k' is not valid UTF-8");
    kh_attrs_free(&a);
}

static void utf8_follows_rfc_3629(void)
{
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {"", true},
        {"plain", true},
        {"\xc3\xa9", true},
        {"\xe2\x82\xac", true},
        {"\xf0\x9f\x94\x91", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xed\x9f\xbf", true},
        {"\x80", false},
        {"\xc0\x80", false},
        {"\xc1\xbf", false},
        {"\xe0\x9f\xbf", false},
        {"\xed\xa0\x80", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xe2\x82", false},
        {"a\xe2\x28\xa1", false},
        {"\xff", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CU_ASSERT_EQUAL(kh_utf8_valid(rows[i].text, strlen(rows[i].text)), rows[i].valid);
}

static void make(struct kh_deposit *d)
{
    snprintf(d->name, sizeof d->name, "key1");
    d->version = 3;
    d->created = 1700000000;
    KH_ASSERT_OK_FATAL(kh_attrs_set(&d->attrs, "owner", "alice", &err), err);
    KH_ASSERT_OK_FATAL(kh_buf_copy(&d->data, "\0secret", 7, &err), err);
}

static void equality_sees_every_member(void)
{
    struct kh_deposit a = {0};
    struct kh_deposit b = {0};

    make(&a);
    make(&b);
    CU_ASSERT_TRUE(kh_deposit_equal(&a, &b));
    b.version = 2;
    CU_ASSERT_FALSE(kh_deposit_equal(&a, &b));
    b.version = 3;
    b.state = KH_DELETED;
    CU_ASSERT_FALSE(kh_deposit_equal(&a, &b));
    b.state = KH_ACTIVE;
    b.created++;
    CU_ASSERT_FALSE(kh_deposit_equal(&a, &b));
    b.created--;
    b.name[0] = 'K';
    CU_ASSERT_FALSE(kh_deposit_equal(&a, &b));
    b.name[0] = 'k';
    b.data.data[6] ^= 1;
    CU_ASSERT_FALSE(kh_deposit_equal(&a, &b));
    b.data.data[6] ^= 1;
    KH_ASSERT_OK(kh_attrs_set(&b.attrs, "owner", "bob", &err), err);
    CU_ASSERT_FALSE(kh_deposit_equal(&a, &b));
    KH_ASSERT_OK(kh_attrs_set(&b.attrs, "owner", "alice", &err), err);
    CU_ASSERT_TRUE(kh_deposit_equal(&a, &b));
    KH_ASSERT_OK(kh_attrs_set(&b.attrs, "more", "", &err), err);
    CU_ASSERT_FALSE(kh_deposit_equal(&a, &b));
    kh_deposit_free(&a);
    kh_deposit_free(&b);
    CU_ASSERT_EQUAL(a.name[0], 0);
    kh_deposit_free(NULL);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"attributes_are_kept_in_order_of_name", attributes_are_kept_in_order_of_name},
        {"setting_again_replaces_and_removing_removes",
            setting_again_replaces_and_removing_removes},
        {"the_thirty_third_attribute_is_refused", the_thirty_third_attribute_is_refused},
        {"attribute_limits_and_utf8_are_checked", attribute_limits_and_utf8_are_checked},
        {"utf8_follows_rfc_3629", utf8_follows_rfc_3629},
        {"equality_sees_every_member", equality_sees_every_member},
    };

    return kh_test_main("deposit", tests, sizeof tests / sizeof tests[0]);
}
