#include "server/status_migration.h"

#include "server/status_json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 1000, READ_MAX = 65536 };

struct newest {
    char name[256];
    bool report;
    struct timespec when;
};

static bool ends(const char *name, const char *end)
{
    size_t len = strlen(name);
    size_t end_len = strlen(end);

    return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static bool later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* The newest report, or progress of one that runs or was killed. */
static void find(DIR *dir, struct newest *newest)
{
    const struct dirent *entry;

    for (unsigned n = 0; n < FILES_MAX && (entry = readdir(dir)) != NULL; n++) {
        bool report = ends(entry->d_name, ".report.json");
        struct stat sb;

        if ((!report && !ends(entry->d_name, ".progress")) ||
            fstatat(dirfd(dir), entry->d_name, &sb, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(sb.st_mode) || (*newest->name && !later(&sb.st_mtim, &newest->when)))
            continue;
        snprintf(newest->name, sizeof newest->name, "%s", entry->d_name);
        newest->report = report;
        newest->when = sb.st_mtim;
    }
}

/* A report may be long; what is wanted of it stands at its beginning, before its events.
 */
static json_t *read_object(int dir, const char *name)
{
    static const char events[] = ",\n\"events\":[";
    char *text = calloc(1, READ_MAX + 2);
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = text && fd >= 0 ? read(fd, text, READ_MAX) : -1;
    json_t *object = NULL;
    char *end;

    if (fd >= 0)
        (void)close(fd);
    if (n > 0) {
        end = strstr(text, events);
        if (end)
            memcpy(end, "}", 2);
        object = json_loads(text, 0, NULL);
    }
    free(text);
    return object;
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "";
}

static bool lives(json_int_t pid)
{
    return pid > 1 && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static json_t *progress_json(const json_t *found, const struct newest *newest)
{
    bool running = lives(json_integer_value(json_object_get(found, "pid")));

    return json_pack("{s:s,s:s,s:o,s:I,s:I,s:o,s:o,s:o,s:n}", "state",
        running ? "running" : "interrupted", "text",
        running ? "Running" : "Interrupted: run it again to go on", "phase",
        kh_status_text(text_of(found, "phase")), "done",
        json_integer_value(json_object_get(found, "done")), "total",
        json_integer_value(json_object_get(found, "total")), "from",
        kh_status_text(text_of(found, "source")), "to",
        kh_status_text(text_of(found, "destination")), "at",
        kh_status_time(newest->when.tv_sec), "problem");
}

static const struct {
    const char *outcome;
    const char *state;
    const char *text;
} outcomes[] = {
    {"committed", "committed", "Complete"},
    {"findings", "failed", "Stopped before it began, with findings"},
    {"interrupted", "interrupted", "Interrupted: run it again to go on"},
    {"unavailable", "interrupted", "The destination went away: run it again to go on"},
    {"", "failed", "Failed"},
};

static json_t *report_json(const json_t *found, const struct newest *newest)
{
    const char *outcome = text_of(found, "outcome");
    size_t i = 0;

    while (*outcomes[i].outcome && strcmp(outcomes[i].outcome, outcome) != 0)
        i++;
    return json_pack("{s:s,s:s,s:n,s:I,s:I,s:o,s:o,s:o,s:n}", "state", outcomes[i].state,
        "text", outcomes[i].text, "phase", "done",
        json_integer_value(json_object_get(found, "verified")), "total",
        json_integer_value(json_object_get(found, "versions")), "from",
        kh_status_text(text_of(found, "source")), "to",
        kh_status_text(text_of(found, "destination")), "at",
        kh_status_time(newest->when.tv_sec), "problem");
}

static json_t *not_known(const char *dir, const char *why)
{
    return json_pack("{s:s,s:s,s:o}", "state", "unknown", "text", "Not known", "problem",
        json_sprintf("%s: %s", dir, why));
}

json_t *kh_status_migration(const char *dir)
{
    DIR *open_dir = opendir(dir);
    struct newest newest = {.name = ""};
    json_t *found = NULL;
    json_t *out;

    if (!open_dir)
        return errno == ENOENT ? json_null() : not_known(dir, strerror(errno));
    find(open_dir, &newest);
    if (*newest.name)
        found = read_object(dirfd(open_dir), newest.name);
    if (!*newest.name)
        out = json_null();
    else if (!json_is_object(found))
        out = not_known(dir, "what the last one left cannot be read");
    else
        out = newest.report ? report_json(found, &newest) : progress_json(found, &newest);
    json_decref(found);
    (void)closedir(open_dir);
    return out;
}
