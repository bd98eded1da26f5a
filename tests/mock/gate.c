/*
 * A backend that can be made to hang or to give up, for tests of a daemon's limits. By
 * name:
 *
 *   held...   get makes the file GATE.NAME, and waits as long as the file of option
 * `gate` exists fatal     get answers KH_FATAL any other get answers the word "open"
 */
#include "tests/mock/stubs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct kh_option options[] = {
    {"gate", KH_OPT_PATH, NULL, KH_OPT_REQUIRED, NULL,
        "file that holds requests while it exists"},
};

static kh_status open_gate(const struct kh_host *host, void **ctx, struct kh_error *err)
{
    (void)err;
    memcpy(ctx, &host, sizeof host);
    return KH_OK;
}

/* The file tells the test that the request has reached the backend. */
static void hold(const char *gate, const char *name)
{
    char path[4096];
    FILE *sign;

    (void)snprintf(path, sizeof path, "%s.%s", gate, name);
    sign = fopen(path, "w");
    if (sign)
        (void)fclose(sign);
    while (access(gate, F_OK) == 0)
        (void)usleep(5000);
}

static kh_status get(void *ctx, const char *name, uint32_t version, bool with_deleted,
    struct kh_deposit *deposit, struct kh_error *err)
{
    const struct kh_host *host = ctx;
    kh_status st;

    (void)version;
    (void)with_deleted;
    if (strcmp(name, "fatal") == 0)
        return kh_fail(err, KH_FATAL, "the mock gives up");
    if (strncmp(name, "held", 4) == 0)
        hold(host->option_string(host, "gate"), name);
    st = host->buf_alloc(host, &deposit->data, 4, err);
    if (st == KH_OK) {
        memcpy(deposit->data.data, "open", 4);
        (void)snprintf(deposit->name, sizeof deposit->name, "%s", name);
    }
    return st;
}

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "gate",
    .version = "1",
    .description = "a mock that hangs on demand",
    .capabilities = KH_CAP_READ | KH_CAP_THREADSAFE,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .open = open_gate,
    .close = stub_close,
    .probe = stub_probe,
    .info = stub_info,
    .get = get,
};
