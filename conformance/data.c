/* Data and attributes: every byte comes back, every limit is kept. */
#include "conformance/contract.h"

#include "core/secmem.h"

#include <stdlib.h>

static void round_trip(const void *data, size_t len)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_error err = {0};

    kh_contract_make(&d, kh_contract_name("data"), 0, data, len);
    KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err), err);
    CU_ASSERT_TRUE(kh_contract_holds(&d));
}

static void empty_data_comes_back_empty(void)
{
    round_trip("", 0);
}

static void one_byte_comes_back(void)
{
    round_trip("\xff", 1);
}

static void every_byte_value_comes_back(void)
{
    unsigned char data[512];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7);
    round_trip(data, sizeof data);
}

static void zero_bytes_at_both_ends_come_back(void)
{
    round_trip("\0\0key\0\0", 7);
}

static unsigned char *noise(size_t len)
{
    unsigned char *data = malloc(len);

    CU_ASSERT_PTR_NOT_NULL_FATAL(data);
    for (size_t i = 0; i < len; i++)
        data[i] = (unsigned char)(i * 2654435761U >> 13);
    return data;
}

static void data_of_the_largest_size_comes_back(void)
{
    unsigned char *data = noise((size_t)kh_contract.data_max);

    round_trip(data, (size_t)kh_contract.data_max);
    free(data);
}

static void data_above_the_largest_size_is_invalid_and_leaves_nothing(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    unsigned char *data = noise((size_t)kh_contract.data_max + 1);
    struct kh_error err = {0};

    kh_contract_make(
        &d, kh_contract_name("large"), 0, data, (size_t)kh_contract.data_max + 1);
    free(data);
    KH_ASSERT_FAILS(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err),
        KH_INVALID, err, "at most");
    CU_ASSERT_EQUAL(kh_contract_get_status(d.name, KH_LATEST, true), KH_NOT_FOUND);
}

static void attributes_come_back(void)
{
    static const char *const pairs[][2] = {{"empty", ""}, {"text", "hello"},
        {"utf-8 \xe2\x82\xac", "\xf0\x9f\x94\x91 key"}, {"json", "{\"a\":[1,\"\\\"\"]}"},
        {"lines", "a\r\nb\tc"}};
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_error err = {0};

    kh_contract_make(&d, kh_contract_name("attributes"), 0, "x", 1);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        KH_ASSERT_OK(kh_attrs_set(&d.attrs, pairs[i][0], pairs[i][1], &err), err);
    KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err), err);
    CU_ASSERT_TRUE(kh_contract_holds(&d));
}

static void fill_attributes(struct kh_deposit *d, size_t count)
{
    struct kh_error err = {0};
    char value[KH_ATTR_VALUE_MAX + 1];
    char name[KH_ATTR_NAME_MAX + 1];

    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%0*zu", KH_ATTR_NAME_MAX, i);
        KH_ASSERT_OK(kh_attrs_set(&d->attrs, name, value, &err), err);
    }
}

static void the_most_and_longest_attributes_come_back(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_error err = {0};

    kh_contract_make(&d, kh_contract_name("many"), 0, "x", 1);
    fill_attributes(&d, KH_ATTRS_MAX);
    KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err), err);
    CU_ASSERT_TRUE(kh_contract_holds(&d));
}

/* The setter refuses a 33rd attribute, so the list is built past it by hand. */
static void one_attribute_too_many_is_invalid_and_leaves_nothing(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_error err = {0};
    struct kh_attr *list;

    kh_contract_make(&d, kh_contract_name("toomany"), 0, "x", 1);
    fill_attributes(&d, KH_ATTRS_MAX);
    list = reallocarray(d.attrs.list, KH_ATTRS_MAX + 1, sizeof *list);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    list[KH_ATTRS_MAX] = (struct kh_attr){strdup("z"), strdup("")};
    d.attrs.list = list;
    d.attrs.count = KH_ATTRS_MAX + 1;
    KH_ASSERT_FAILS(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err),
        KH_INVALID, err, "attributes");
    CU_ASSERT_EQUAL(kh_contract_get_status(d.name, KH_LATEST, true), KH_NOT_FOUND);
}

static void an_attribute_that_is_no_utf8_is_invalid_and_leaves_nothing(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_error err = {0};

    kh_contract_make(&d, kh_contract_name("latin1"), 0, "x", 1);
    KH_ASSERT_OK(kh_attrs_set(&d.attrs, "city", "xx", &err), err);
    memcpy(d.attrs.list[0].value, "\xfc\x72", 2);
    KH_ASSERT_FAILS(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err),
        KH_INVALID, err, "UTF-8");
    CU_ASSERT_EQUAL(kh_contract_get_status(d.name, KH_LATEST, true), KH_NOT_FOUND);
}

static void the_creation_time_is_kept(void)
{
    static const int64_t times[] = {0, 1, KH_CONTRACT_CREATED, INT64_C(4102444799)};

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        KH_CLEANUP_DEPOSIT struct kh_deposit d;
        struct kh_error err = {0};

        kh_contract_make(&d, kh_contract_name("created"), 0, "x", 1);
        d.created = times[i];
        KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err), err);
        CU_ASSERT_TRUE(kh_contract_holds(&d));
    }
}

struct kh_contract_group kh_contract_data(void)
{
    static const struct kh_test tests[] = {
        {"empty_data_comes_back_empty", empty_data_comes_back_empty},
        {"one_byte_comes_back", one_byte_comes_back},
        {"every_byte_value_comes_back", every_byte_value_comes_back},
        {"zero_bytes_at_both_ends_come_back", zero_bytes_at_both_ends_come_back},
        {"data_of_the_largest_size_comes_back", data_of_the_largest_size_comes_back},
        {"data_above_the_largest_size_is_invalid_and_leaves_nothing",
            data_above_the_largest_size_is_invalid_and_leaves_nothing},
        {"attributes_come_back", attributes_come_back},
        {"the_most_and_longest_attributes_come_back",
            the_most_and_longest_attributes_come_back},
        {"one_attribute_too_many_is_invalid_and_leaves_nothing",
            one_attribute_too_many_is_invalid_and_leaves_nothing},
        {"an_attribute_that_is_no_utf8_is_invalid_and_leaves_nothing",
            an_attribute_that_is_no_utf8_is_invalid_and_leaves_nothing},
        {"the_creation_time_is_kept", the_creation_time_is_kept},
    };

    return (struct kh_contract_group){
        KH_CAP_READ | KH_CAP_WRITE, tests, sizeof tests / sizeof tests[0]};
}
