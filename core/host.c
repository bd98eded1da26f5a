#include "core/host.h"

#include "core/catalog/catalog.h"
#include "core/deposit.h"
#include "core/fileio.h"
#include "core/log.h"
#include "core/record.h"
#include "core/secmem.h"
#include "core/secret.h"

#include <string.h>
#include <time.h>

KH_PRINTF(3, 4)
static void host_log(
    const struct kh_host *host, kh_log_level level, const char *format, ...)
{
    char line[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    kh_log(level, "%s: %s", host->instance, line);
}

static kh_status host_buf_alloc(
    const struct kh_host *host, struct kh_buf *buf, size_t len, struct kh_error *err)
{
    (void)host;
    return kh_buf_alloc(buf, len, err);
}

static void host_buf_free(const struct kh_host *host, struct kh_buf *buf)
{
    (void)host;
    kh_buf_free(buf);
}

static kh_status host_attrs_set(const struct kh_host *host, struct kh_attrs *attrs,
    const char *name, const char *value, struct kh_error *err)
{
    (void)host;
    return kh_attrs_set(attrs, name, value, err);
}

static void host_attrs_free(const struct kh_host *host, struct kh_attrs *attrs)
{
    (void)host;
    kh_attrs_free(attrs);
}

static void host_deposit_free(const struct kh_host *host, struct kh_deposit *deposit)
{
    (void)host;
    kh_deposit_free(deposit);
}

static kh_status host_record_encode(const struct kh_host *host,
    const struct kh_deposit *deposit, struct kh_buf *out, struct kh_error *err)
{
    (void)host;
    return kh_record_encode(deposit, out, err);
}

static kh_status host_record_decode(const struct kh_host *host, const unsigned char *text,
    size_t len, struct kh_deposit *out, struct kh_error *err)
{
    (void)host;
    return kh_record_decode(text, len, out, err);
}

static const char *host_option_string(const struct kh_host *host, const char *name)
{
    const struct kh_host_origin *origin = host->priv;

    return kh_config_string(origin->config, origin->section, name);
}

static int64_t host_option_int(const struct kh_host *host, const char *name)
{
    const struct kh_host_origin *origin = host->priv;

    return kh_config_int(origin->config, origin->section, name);
}

static bool host_option_bool(const struct kh_host *host, const char *name)
{
    const struct kh_host_origin *origin = host->priv;

    return kh_config_bool(origin->config, origin->section, name);
}

static kh_status host_secret(const struct kh_host *host, const char *source,
    const char *prompt, struct kh_buf *out, struct kh_error *err)
{
    (void)host;
    return kh_secret_read(source, prompt, out, err);
}

static int64_t host_now(const struct kh_host *host)
{
    (void)host;
    return (int64_t)time(NULL);
}

static uint64_t host_monotonic(const struct kh_host *host)
{
    struct timespec t;

    (void)host;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static kh_status host_file_write(const struct kh_host *host, const char *path,
    const void *data, size_t len, unsigned mode, bool exclusive, struct kh_error *err)
{
    (void)host;
    return kh_file_write(path, data, len, (mode_t)mode, exclusive, err);
}

static kh_status host_lock(const struct kh_host *host, const char *path, const char *what,
    int *lock, struct kh_error *err)
{
    (void)host;
    return kh_lock(path, what, lock, err);
}

static void host_unlock(const struct kh_host *host, int lock)
{
    (void)host;
    kh_unlock(lock);
}

static kh_status host_catalog_open(const struct kh_host *host, const char *path,
    struct kh_catalog **catalog, struct kh_error *err)
{
    (void)host;
    return kh_catalog_open_sqlite(path, catalog, err);
}

static const char *host_request_id(const struct kh_host *host)
{
    (void)host;
    return kh_log_request_id();
}

void kh_host_init(struct kh_host *host, const char *instance, kh_open_mode mode,
    struct kh_host_origin *origin)
{
    *host = (struct kh_host){
        .abi = KH_PLUGIN_ABI,
        .size = sizeof *host,
        .instance = instance,
        .mode = mode,
        .priv = origin,
        .log = host_log,
        .buf_alloc = host_buf_alloc,
        .buf_free = host_buf_free,
        .attrs_set = host_attrs_set,
        .attrs_free = host_attrs_free,
        .deposit_free = host_deposit_free,
        .record_encode = host_record_encode,
        .record_decode = host_record_decode,
        .option_string = host_option_string,
        .option_int = host_option_int,
        .option_bool = host_option_bool,
        .secret = host_secret,
        .now = host_now,
        .monotonic = host_monotonic,
        .file_write = host_file_write,
        .lock = host_lock,
        .unlock = host_unlock,
        .catalog_open = host_catalog_open,
        .request_id = host_request_id,
    };
}

void kh_host_guise(const struct kh_host_origin *origin, const struct kh_plugin *plugin,
    struct kh_guise *guise)
{
    const char *place = NULL;

    for (size_t i = 0; !place && i < plugin->option_count; i++) {
        if (plugin->options[i].flags & KH_OPT_PLACE)
            place = kh_config_string(
                origin->config, origin->section, plugin->options[i].name);
    }
    kh_guise_of(guise, place);
}
