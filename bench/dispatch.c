/*
 * What the loader and the layer between a program and a plugin cost: one call of a method
 * that does nothing, by three ways, in one run.
 *
 *   dispatch PLUGIN_DIR NAME
 *
 * NAME is a plugin whose probe does nothing and does not look at its context (`example`).
 * Each figure is the best of ROUNDS: what disturbs makes a call longer, never shorter.
 */
#include "core/backend.h"
#include "core/loader.h"
#include "core/secmem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CALLS = 1000000, ROUNDS = 15 };

struct subject {
    const struct kh_plugin *plugin;
    struct kh_backend *backend;
};

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

__attribute__((noinline)) static kh_status nothing(void *ctx, struct kh_error *err)
{
    /* The compiler is not to see that nothing comes of it. */
    __asm__ volatile("" : : "r"(ctx), "r"(err) : "memory");
    return KH_OK;
}

static kh_status by_function(const struct subject *s, struct kh_error *err)
{
    return nothing(s->backend, err);
}

static kh_status by_table(const struct subject *s, struct kh_error *err)
{
    return s->plugin->probe(NULL, err);
}

static kh_status by_layer(const struct subject *s, struct kh_error *err)
{
    return kh_backend_probe(s->backend, err);
}

/* Nanoseconds of one call; the caller's loop is the same for each way. */
static double cost(
    kh_status (*way)(const struct subject *s, struct kh_error *err), struct subject *s)
{
    double best = 1e18;

    for (int round = 0; round < ROUNDS; round++) {
        struct kh_error err = {0};
        double began = now();

        for (int i = 0; i < CALLS; i++) {
            if (way(s, &err) != KH_OK)
                abort();
        }
        if (now() - began < best)
            best = now() - began;
    }
    return best / CALLS;
}

static bool open_it(struct subject *s, const char *dir, const char *name)
{
    struct kh_error err = {0};
    struct kh_config *config = NULL;
    double began;
    double first;

    if (kh_secmem_init(0, KH_LOCK_PREFERRED, &err) != KH_OK ||
        kh_config_load(&config, NULL, &err) != KH_OK)
        goto failed;
    began = now();
    if (kh_loader_load(dir, name, &s->plugin, &err) != KH_OK)
        goto failed;
    first = now() - began;
    began = now();
    if (kh_loader_load(dir, name, &s->plugin, &err) != KH_OK)
        goto failed;
    printf("loading it             %10.0f ns, once a process\n", first);
    printf("loading it again       %10.0f ns\n", now() - began);
    if (kh_backend_claim(config, dir, name, &err) != KH_OK ||
        kh_backend_open(&s->backend, name, dir, config, KH_OPEN_TOOL, &err) != KH_OK)
        goto failed;
    return true;
failed:
    fprintf(stderr, "dispatch: %s\n", err.message);
    return false;
}

int main(int argc, char **argv)
{
    struct subject subject = {0};
    double function;
    double table;
    double layer;

    if (argc != 3) {
        fprintf(stderr, "usage: dispatch PLUGIN_DIR NAME\n");
        return 2;
    }
    if (!open_it(&subject, argv[1], argv[2]))
        return 1;
    function = cost(by_function, &subject);
    table = cost(by_table, &subject);
    layer = cost(by_layer, &subject);
    printf("a function             %10.1f ns a call\n", function);
    printf("the plugin's method    %10.1f ns, %.1f more\n", table, table - function);
    printf("through core/backend   %10.1f ns, %.1f more: lock, limits, clock, counters\n",
        layer, layer - function);
    kh_backend_close(subject.backend);
    return 0;
}
