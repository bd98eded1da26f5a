/* What a client takes from keyhsmd: whatever the answer is, what comes out keeps the
 * limits of the ABI, and a refusal is never success. */
#include "core/host.h"
#include "plugins/keyhsm/url.h"
#include "plugins/keyhsm/wire.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS = 8 };

static void check_deposit(const struct kh_host *host, const struct kh_buf *body)
{
    struct kh_deposit d = {0};
    struct kh_error err = {0};

    if (kh_wire_deposit(host, body, &d, &err) == KH_OK &&
        (d.version > KH_VERSION_MAX || d.attrs.count > KH_ATTRS_MAX ||
            d.data.len > d.data.cap || d.data.len > KH_DATA_LIMIT ||
            (d.state != KH_ACTIVE && d.state != KH_DELETED)))
        abort();
    host->deposit_free(host, &d);
}

static void check_items(const struct kh_buf *body)
{
    struct kh_item items[ITEMS] = {0};
    struct kh_error err = {0};
    size_t count = 0;

    if (kh_wire_items(body, items, ITEMS, &count, &err) != KH_OK)
        return;
    if (count > ITEMS)
        abort();
    for (size_t i = 0; i < count; i++) {
        char text[3 * KH_NAME_MAX + 1];
        char name[KH_NAME_MAX + 1];

        if (!*items[i].name || items[i].version > KH_VERSION_MAX ||
            !kh_url_unescape(kh_url_escape(items[i].name, text), name) ||
            strcmp(name, items[i].name) != 0)
            abort();
    }
}

static void check_facts(const struct kh_buf *body)
{
    struct kh_usage usage = {0};
    unsigned char digest[KH_FINGERPRINT_LEN];
    struct kh_wire_backend backend;
    struct kh_error err = {0};
    struct kh_stat stat = {0};

    if (kh_wire_info(body, &backend, &err) == KH_OK &&
        backend.info.data_max > KH_DATA_LIMIT)
        abort();
    if (kh_wire_stat(body, &stat, &err) == KH_OK &&
        (stat.version > KH_VERSION_MAX || stat.highest > KH_VERSION_MAX))
        abort();
    (void)!kh_wire_usage(body, &usage, &err);
    (void)!kh_wire_fingerprint(body, digest, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kh_host_origin origin;
    struct kh_host host;
    struct kh_exchange e = {.status = size > 0 ? 100 + data[0] * 2 : 500};
    struct kh_error err = {0};

    kh_host_init(&host, "keyhsm", KH_OPEN_TOOL, &origin);
    if (host.buf_alloc(&host, &e.answer, size, &err) != KH_OK)
        return 0;
    if (size > 0)
        memcpy(e.answer.data, data, size);
    check_deposit(&host, &e.answer);
    check_items(&e.answer);
    check_facts(&e.answer);
    if (kh_wire_refusal(&e, "https://localhost:1", &err) == KH_OK)
        abort();
    kh_exchange_free(&host, &e);
    return 0;
}
