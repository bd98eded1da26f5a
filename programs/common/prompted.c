#include "programs/common/prompted.h"

#include "core/secmem.h"
#include "core/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_prompted(const struct kh_config_value *v, const char *backend)
{
    static const char prefix[] = "backend.";
    size_t len = sizeof prefix - 1;

    if (strncmp(v->section, prefix, len) == 0 && strcmp(v->section + len, backend) != 0)
        return false;
    return v->value && (v->option->flags & KH_OPT_SECRET) &&
           strcmp(v->value, "prompt") == 0;
}

struct search {
    const char *backend;
    bool any;
};

static kh_status note(void *arg, const struct kh_config_value *v, struct kh_error *err)
{
    struct search *search = arg;

    (void)err;
    search->any = search->any || is_prompted(v, search->backend);
    return KH_OK;
}

bool kh_prompted_any(const struct kh_config *config, const char *backend)
{
    struct search search = {.backend = backend};

    return kh_config_values(config, note, &search, NULL) == KH_OK && search.any;
}

/* At most 1024 bytes, which a pipe holds. */
static kh_status into_pipe(const struct kh_buf *secret, int *fd, struct kh_error *err)
{
    int ends[2];
    ssize_t n;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "no pipe: %s", strerror(errno));
    n = write(ends[1], secret->data, secret->len);
    (void)close(ends[1]);
    if (n != (ssize_t)secret->len) {
        (void)close(ends[0]);
        return kh_fail(err, KH_UNAVAILABLE, "a pipe cannot be filled");
    }
    *fd = ends[0];
    return KH_OK;
}

static kh_status ask(void *arg, const struct kh_config_value *v, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf secret = {0};
    struct kh_prompted *p = arg;
    char prompt[160];
    kh_status st;

    if (!is_prompted(v, p->backend))
        return KH_OK;
    if (p->count == KH_PROMPTED_MAX)
        return kh_fail(err, KH_INVALID, "too many secrets to ask for");
    snprintf(prompt, sizeof prompt, "Secret for [%s] %s: ", v->section, v->option->name);
    st = kh_secret_read("prompt", prompt, &secret, err);
    if (st == KH_OK)
        st = into_pipe(&secret, &p->fds[p->count], err);
    if (st != KH_OK)
        return st;
    if (asprintf(&p->sets[p->count], "%s.%s=fd:%d", v->section, v->option->name,
            p->fds[p->count]) < 0) {
        (void)close(p->fds[p->count]);
        return kh_fail(err, KH_FATAL, "no memory");
    }
    p->count++;
    return KH_OK;
}

kh_status kh_prompted_read(struct kh_prompted *prompted, const struct kh_config *config,
    const char *backend, struct kh_error *err)
{
    kh_status st;

    prompted->backend = backend;
    st = kh_config_values(config, ask, prompted, err);
    if (st != KH_OK)
        kh_prompted_free(prompted);
    return st;
}

void kh_prompted_free(struct kh_prompted *prompted)
{
    for (size_t i = 0; i < prompted->count; i++) {
        (void)close(prompted->fds[i]);
        free(prompted->sets[i]);
    }
    *prompted = (struct kh_prompted){.count = 0};
}
