#include "core/migrate/progress.h"

#include "core/migrate/json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Always as long: a reader between two writes sees the one or the other, whole. */
enum { SIZE = 1024 };

static bool path_of(const struct kh_migration *m, char *out, size_t size)
{
    static const char end[] = ".journal";
    size_t len = strlen(m->journal_path);

    if (len < sizeof end || strcmp(m->journal_path + len - (sizeof end - 1), end) != 0)
        return false;
    return (size_t)snprintf(out, size, "%.*s.progress", (int)(len - (sizeof end - 1)),
               m->journal_path) < size;
}

static char *compose(
    const struct kh_migration *m, const struct kh_migration_event *event, size_t *len)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, len);

    if (!to)
        return NULL;
    fprintf(to, "{\"pid\":%ld", (long)getpid());
    kh_json_member(to, "phase", kh_migration_phase_name(event->phase));
    kh_json_number(to, "done", event->done);
    kh_json_number(to, "total", event->total);
    kh_json_member(to, "source", m->source.place);
    kh_json_member(to, "destination", m->destination.place);
    fputc('}', to);
    if (fclose(to) == 0 && *len < SIZE)
        return text;
    free(text);
    return NULL;
}

void kh_progress_write(struct kh_migration *m, const struct kh_migration_event *event)
{
    char block[SIZE];
    char path[sizeof m->journal_path + 16];
    size_t len = 0;
    char *text;
    int fd;

    if (!m->journal || m->o.dry_run || !path_of(m, path, sizeof path))
        return;
    text = compose(m, event, &len);
    if (!text)
        return;
    memset(block, ' ', sizeof block);
    memcpy(block, text, len);
    block[SIZE - 1] = '\n';
    free(text);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return;
    (void)!pwrite(fd, block, sizeof block, 0);
    (void)close(fd);
    m->progress_made = true;
}

void kh_progress_end(struct kh_migration *m)
{
    char path[sizeof m->journal_path + 16];

    if (m->progress_made && path_of(m, path, sizeof path))
        (void)unlink(path);
}
