/*
 * The template of a vendor with one fault, which the option `fault` names: for the suite
 * of conformance/, which has to find each of them.
 */
/* The template as it is, without its table. */
#include "methods.c"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

static bool fault_is(const char *name)
{
    return strcmp(host->option_string(host, "fault"), name) == 0;
}

/* ---- faults of open and close ---- */

static volatile sig_atomic_t forked;

static void note_fork(void)
{
    forked = 1;
}

static kh_status broken_open(const struct kh_host *h, void **ctx, struct kh_error *err)
{
    kh_status st = example_open(h, ctx, err);

    if (st != KH_OK)
        return st;
    if (fault_is("prints"))
        puts("Vendor Middleware 4.2 (c) Vendor");
    if (fault_is("signals"))
        (void)signal(SIGTERM, SIG_IGN);
    if (fault_is("fork") && pthread_atfork(NULL, note_fork, NULL) != 0)
        return kh_fail(err, KH_FATAL, "no memory");
    return KH_OK;
}

static void broken_close(void *ctx)
{
    struct kh_error err = {0};
    struct kh_buf lost = {0};

    /* Ten bytes that nobody frees, each time. */
    if (fault_is("leaks") && host->buf_alloc(host, &lost, 10, &err) != KH_OK)
        abort();
    example_close(ctx);
}

/* ---- faults of deposits ---- */

static kh_status broken_put(
    void *ctx, const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err)
{
    static char *kept;
    kh_status st;

    if (fault_is("lies")) /* says WRITE and stores nothing */
        return KH_OK;
    if (fault_is("writes_inputs"))
        ((struct kh_deposit *)(size_t)deposit)->created = 0;
    if (fault_is("keeps_secrets") && deposit->data.len > 0) {
        free(kept);
        kept = malloc(deposit->data.len);
        if (kept)
            memcpy(kept, deposit->data.data, deposit->data.len);
    }
    /* Looks, takes its time, and believes that nothing has happened meanwhile. */
    if (fault_is("races") && !example_find(ctx, deposit->name, KH_LATEST, NULL)) {
        (void)usleep(2000);
        (void)example_change(ctx, deposit->name, KH_ALL_VERSIONS, DESTROY, err);
    }
    st = example_put(ctx, deposit, mode, err);
    if (st == KH_EXISTS && fault_is("tells_secrets"))
        return kh_fail(err, KH_EXISTS, "%s: there is '%.*s' already", deposit->name,
            (int)deposit->data.len, deposit->data.data);
    return st;
}

static kh_status broken_get(void *ctx, const char *name, uint32_t version,
    bool with_deleted, struct kh_deposit *deposit, struct kh_error *err)
{
    if (fault_is("crashes"))
        (void)raise(SIGSEGV);
    if (fault_is("files") && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
        return kh_fail(err, KH_FATAL, "no descriptor");
    if (fault_is("exits"))
        exit(0);
    if (fault_is("fork") && forked)
        return kh_fail(err, KH_UNAVAILABLE, "the connection to the device is gone");
    return example_get(ctx, name, version, with_deleted, deposit, err);
}

static kh_status broken_stat(void *ctx, const char *name, uint32_t version,
    struct kh_stat *stat, struct kh_error *err)
{
    kh_status st = example_stat(ctx, name, version, stat, err);

    if (st != KH_OK && fault_is("silent"))
        *err->message = 0;
    if (fault_is("overwrites"))
        ((volatile char *)stat)[sizeof *stat] = 1;
    if (st != KH_OK && fault_is("spoils_outputs"))
        stat->versions = 7;
    return st;
}

static kh_status broken_list(void *ctx, const struct kh_cursor *after,
    struct kh_item *items, size_t max, size_t *count, struct kh_error *err)
{
    if (fault_is("hangs")) {
        for (;;)
            (void)pause();
    }
    if (fault_is("list_overflows"))
        max++;
    return example_list(ctx, after, items, max, count, err);
}

static kh_status broken_purge(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    if (fault_is("keeps_purged"))
        return example_remove(ctx, name, version, err);
    return example_purge(ctx, name, version, err);
}

static kh_status broken_attest(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return fault_is("attests_anything") ? KH_OK : example_attest(ctx, name, version, err);
}

static const struct kh_option broken_options[] = {
    {"may_forget", KH_OPT_BOOL, "no", 0, NULL, "as in the template"},
    {"fault", KH_OPT_ENUM, "none", 0,
        "none|attests_anything|crashes|exits|fork|hangs|keeps_purged|keeps_secrets|leaks|"
        "files|lies|list_overflows|overwrites|prints|races|signals|silent|spoils_"
        "outputs|"
        "tells_secrets|writes_inputs",
        "what it does wrong"},
};

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = BROKEN_NAME,
    .version = "1",
    .description = "the template with a fault, for tests",
    .capabilities =
        KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST | KH_CAP_HARDWARE | BROKEN_CAPABILITIES,
    .options = broken_options,
    .option_count = sizeof broken_options / sizeof broken_options[0],
    .open = broken_open,
    .close = broken_close,
    .probe = example_probe,
    .info = example_info,
    .put = broken_put,
    .get = broken_get,
    .stat = broken_stat,
    .list = broken_list,
    .remove = example_remove,
    .restore = example_restore,
    .purge = broken_purge,
    .fingerprint = example_fingerprint,
    .attest = broken_attest,
};
