#include "conformance/contract.h"

#include "core/secmem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

struct kh_contract kh_contract;

static struct kh_backend *current;
static struct kh_config *config;

static void die(const struct kh_error *err)
{
    fprintf(stderr, "%s: %s\n", kh_contract.title, err->message);
    exit(1);
}

void kh_contract_set(const char *format, ...)
{
    va_list args;

    if (kh_contract.setting_count ==
        sizeof kh_contract.settings / sizeof kh_contract.settings[0]) {
        fprintf(stderr, "too many settings\n");
        abort();
    }
    va_start(args, format);
    if (vasprintf(&kh_contract.settings[kh_contract.setting_count++], format, args) < 0)
        abort();
    va_end(args);
}

static void configure(void)
{
    struct kh_error err = {0};
    kh_status st = kh_config_load(&config, NULL, &err);

    for (size_t i = 0; st == KH_OK && i < kh_contract.setting_count; i++) {
        char text[2048];

        snprintf(text, sizeof text, "backend.%s.%s", kh_contract.backend,
            kh_contract.settings[i]);
        st = kh_config_override(config, text, &err);
    }
    if (st == KH_OK)
        st = kh_backend_claim(config, kh_contract.plugin_dir, kh_contract.backend, &err);
    if (st == KH_OK)
        st = kh_config_finish(config, &err);
    if (st != KH_OK)
        die(&err);
}

const struct kh_config *kh_contract_config(void)
{
    if (!config)
        configure();
    return config;
}

kh_status kh_contract_open(
    struct kh_backend **out, kh_open_mode mode, struct kh_error *err)
{
    return kh_backend_open(out, kh_contract.backend, kh_contract.plugin_dir,
        kh_contract_config(), mode, err);
}

struct kh_backend *kh_contract_backend(void)
{
    struct kh_error err = {0};

    if (!current && kh_contract_open(&current, KH_OPEN_SERVE, &err) != KH_OK)
        die(&err);
    return current;
}

void kh_contract_close(void)
{
    kh_backend_close(current);
    current = NULL;
}

bool kh_contract_has(uint32_t capability)
{
    return (kh_contract.capabilities & capability) == capability;
}

const char *kh_contract_name(const char *word)
{
    static char names[64][KH_NAME_MAX + 1];
    static unsigned serial;
    char *name = names[serial % 64];

    /* The pid keeps a place that is used again from refusing what an earlier run left. */
    snprintf(name, KH_NAME_MAX + 1, "c%ld-%05u-%s", (long)getpid(), serial++, word);
    return name;
}

void kh_contract_make(struct kh_deposit *d, const char *name, uint32_t version,
    const void *data, size_t len)
{
    struct kh_error err = {0};

    memset(d, 0, sizeof *d);
    snprintf(d->name, sizeof d->name, "%s", name);
    d->version = version;
    d->created = KH_CONTRACT_CREATED;
    if (kh_buf_copy(&d->data, data, len, &err) != KH_OK)
        die(&err);
}

void kh_contract_put(
    const char *name, uint32_t version, const char *text, kh_put_mode mode)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_error err = {0};

    kh_contract_make(&d, name, version, text, strlen(text));
    KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &d, mode, &err), err);
}

bool kh_contract_holds(const struct kh_deposit *d)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit got = {0};
    struct kh_error err = {0};
    bool equal;

    if (kh_backend_get(kh_contract_backend(), d->name, d->version, true, &got, &err) !=
        KH_OK) {
        fprintf(stderr, "    get of %s version %" PRIu32 ": %s\n", d->name, d->version,
            err.message);
        return false;
    }
    equal = kh_deposit_equal(d, &got);
    if (!equal)
        fprintf(stderr, "    %s version %" PRIu32 " is not what was put\n", d->name,
            d->version);
    return equal;
}

kh_status kh_contract_get_status(const char *name, uint32_t version, bool with_deleted)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit got = {0};
    struct kh_error err = {0};

    return kh_backend_get(kh_contract_backend(), name, version, with_deleted, &got, &err);
}

bool kh_contract_is_zero(const void *memory, size_t len)
{
    const unsigned char *at = memory;

    for (size_t i = 0; i < len; i++) {
        if (at[i] != 0)
            return false;
    }
    return true;
}
