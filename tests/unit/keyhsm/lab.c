#include "tests/unit/keyhsm/lab.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

void lab_prepare(struct lab *lab, const char *backend)
{
    memset(lab, 0, sizeof *lab);
    lab->dir = kh_test_dir();
    kh_test_keyhsmd_make(&lab->daemon, lab->dir, backend);
}

void lab_start(struct lab *lab)
{
    kh_test_keyhsmd_start(&lab->daemon);
    lab->proxy = proxy_start(lab->daemon.port);
}

void lab_open(struct lab *lab)
{
    lab_prepare(lab, "softfile");
    kh_test_keyhsmd_add(&lab->daemon, "directory = %s/store", lab->dir);
    kh_test_keyhsmd_add(&lab->daemon, "create = yes");
    lab_start(lab);
}

void lab_close(struct lab *lab)
{
    proxy_stop(lab->proxy);
    kh_test_keyhsmd_stop(&lab->daemon, SIGTERM);
}

static void set(struct client *client, const char *format, ...) KH_PRINTF(2, 3);
static void set(struct client *client, const char *format, ...)
{
    struct kh_error err = {0};
    char text[1200];
    va_list args;
    int used = snprintf(text, sizeof text, "backend.keyhsm.");

    va_start(args, format);
    (void)vsnprintf(text + used, sizeof text - (size_t)used, format, args);
    va_end(args);
    KH_ASSERT_OK_FATAL(kh_config_override(client->config, text, &err), err);
}

static void configure(struct client *client, const struct lab *lab, const char *more)
{
    struct kh_error err = {0};
    char *copy = strdup(more ? more : "");
    char *rest = copy;

    KH_ASSERT_OK_FATAL(kh_config_load(&client->config, NULL, &err), err);
    set(client, "server=https://localhost:%u", proxy_port(lab->proxy));
    set(client, "client_certificate=%s/client.crt", lab->dir);
    set(client, "client_key=%s/client.key", lab->dir);
    if (!more || !strstr(more, "nopin"))
        set(client, "server_certificate=%s/server.crt", lab->dir);
    for (char *one = strsep(&rest, " "); one; one = strsep(&rest, " ")) {
        if (*one && strcmp(one, "nopin") != 0)
            set(client, "%s", one);
    }
    free(copy);
    KH_ASSERT_OK_FATAL(kh_config_claim(client->config, "backend.keyhsm",
                           kh_remote_options, KH_REMOTE_OPTION_COUNT, true, &err),
        err);
}

kh_status client_open(
    struct client *client, const struct lab *lab, const char *more, struct kh_error *err)
{
    kh_status st;

    memset(client, 0, sizeof *client);
    configure(client, lab, more);
    client->origin = (struct kh_host_origin){client->config, "backend.keyhsm"};
    kh_host_init(&client->host, "keyhsm", KH_OPEN_TOOL, &client->origin);
    st = kh_remote_open(&client->remote, &client->host, err);
    if (st != KH_OK)
        client_close(client);
    return st;
}

void client_must_open(struct client *client, const struct lab *lab)
{
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(client_open(client, lab, NULL, &err), err);
}

void client_close(struct client *client)
{
    kh_remote_close(client->remote);
    kh_config_free(client->config);
    memset(client, 0, sizeof *client);
}

struct kh_deposit lab_deposit(const char *name, const char *text)
{
    struct kh_deposit d = {.created = 1464937648};
    struct kh_error err = {0};

    snprintf(d.name, sizeof d.name, "%s", name);
    KH_ASSERT_OK_FATAL(kh_buf_copy(&d.data, text, strlen(text), &err), err);
    KH_ASSERT_OK_FATAL(kh_attrs_set(&d.attrs, "k", "v", &err), err);
    return d;
}

bool lab_holds(struct client *client, const struct kh_deposit *deposit)
{
    const struct kh_path path = {
        .name = deposit->name, .below = "", .version = deposit->version, .deleted = true};
    KH_CLEANUP_DEPOSIT struct kh_deposit there = {0};
    struct kh_error err = {0};

    return kh_remote_get(client->remote, &path, &there, &err) == KH_OK &&
           kh_deposit_equal(deposit, &there);
}

int lab_log_lines(const struct lab *lab, const char *pattern)
{
    char *path = kh_test_path(lab->dir, "keyhsmd.log");
    char *count = kh_test_path(lab->dir, "count");
    FILE *file;
    int lines = -1;

    (void)kh_test_shell("grep -cE '%s' '%s' >'%s'", pattern, path, count);
    file = fopen(count, "r");
    if (!file || fscanf(file, "%d", &lines) != 1)
        lines = -1;
    if (file)
        (void)fclose(file);
    free(count);
    free(path);
    return lines;
}
