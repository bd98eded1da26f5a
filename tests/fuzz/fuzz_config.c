/* The INI file: whatever it holds, it is read, or refused with one line that names it. */
#include "core/config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct kh_option options[] = {
    {"text", KH_OPT_STRING, "x", 0, NULL, "h"},
    {"number", KH_OPT_INT, "1", 0, NULL, "h"},
    {"size", KH_OPT_SIZE, "1K", 0, NULL, "h"},
    {"time", KH_OPT_SECONDS, "1m", 0, NULL, "h"},
    {"switch", KH_OPT_BOOL, "no", 0, NULL, "h"},
    {"path", KH_OPT_PATH, NULL, KH_OPT_REQUIRED, NULL, "h"},
    {"word", KH_OPT_ENUM, "a", 0, "a|b", "h"},
    {"pin", KH_OPT_STRING, NULL, KH_OPT_SECRET, NULL, "h"},
};

/* A refusal has its status and one line that begins with the file. */
static void check(kh_status st, const struct kh_error *err, const char *path)
{
    if (st == KH_OK)
        return;
    if (st != KH_INVALID || err->status != KH_INVALID ||
        strncmp(err->message, path, strlen(path)) != 0 || strchr(err->message, '\n'))
        abort();
}

static kh_status use(struct kh_config *config, struct kh_error *err)
{
    size_t count = sizeof options / sizeof options[0];
    kh_status st = kh_config_claim(config, "a", options, count, true, err);

    if (st == KH_OK)
        st = kh_config_claim(config, "b", options, count, false, err);
    if (st == KH_OK)
        st = kh_config_finish(config, err);
    /* What was accepted can be read. */
    if (st == KH_OK && (*kh_config_string(config, "a", "path") != '/' ||
                           kh_config_int(config, "a", "number") < 0 ||
                           kh_config_int(config, "b", "size") < 0 ||
                           kh_config_int(config, "b", "time") < 0))
        abort();
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[64];
    struct kh_config *config = NULL;
    struct kh_error err = {0};
    kh_status st;

    if (fd < 0)
        fd = memfd_create("config", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    st = kh_config_load(&config, path, &err);
    if (st == KH_OK)
        st = use(config, &err);
    check(st, &err, path);
    kh_config_free(config);
    return 0;
}
