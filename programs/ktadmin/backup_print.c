#include "programs/ktadmin/backup_open.h"

#include "core/record.h"
#include "programs/ktadmin/output.h"

#include <inttypes.h>
#include <time.h>

void kh_backup_age(int64_t then, char out[64])
{
    static const struct {
        int64_t seconds;
        const char *word;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    int64_t age = (int64_t)time(NULL) - then;
    size_t i = 0;

    if (age < 0) {
        (void)snprintf(out, 64, "made in the future: look at the clocks");
        return;
    }
    while (i < 3 && age < 2 * units[i].seconds)
        i++;
    (void)snprintf(out, 64, "%" PRId64 " %s%s old", age / units[i].seconds, units[i].word,
        age / units[i].seconds == 1 ? "" : "s");
}

static void line(const char *name, const char *value)
{
    printf("%-14s ", name);
    kh_print_text(stdout, value);
    putchar('\n');
}

static void print_catalog(const struct kh_backup_facts *f)
{
    char text[1600];

    (void)snprintf(text, sizeof text,
        "generation %" PRIu64 ", %" PRIu64 " deposits, %" PRIu64 " versions (%" PRIu64
        " deleted), of %s",
        f->generation, f->deposits, f->versions, f->deleted, f->state_dir);
    line("catalog", text);
    (void)snprintf(text, sizeof text,
        "%" PRIu64 " keys (%" PRIu64 " pending, %" PRIu64 " doomed), ids beginning %s",
        f->keys[1], f->keys[0], f->keys[2], f->tag);
    line("needs", text);
    (void)snprintf(text, sizeof text, "%s%s%s, identity key %s",
        f->token_label[0] ? "'" : "", f->token_label[0] ? f->token_label : "no label set",
        f->token_label[0] ? "'" : "", f->identity[0] ? f->identity : "none yet");
    line("token", text);
    for (size_t i = 0; i < f->serial_count; i++)
        line("serial", f->serials[i]);
}

void kh_backup_print(const struct kh_backup_manifest *manifest)
{
    char created[KH_TIME_LEN];
    char age[64];
    char text[512];

    kh_time_format(manifest->created, created);
    kh_backup_age(manifest->created, age);
    (void)snprintf(text, sizeof text, "%s, %s", created, age);
    line("made", text);
    (void)snprintf(text, sizeof text, "%s on %s", manifest->program, manifest->host);
    line("by", text);
    if (manifest->facts.catalog)
        print_catalog(&manifest->facts);
    else
        line("catalog", "none: there was no keyhsmd on that host");
    line("audit head", manifest->audit[0] ? manifest->audit : "none");
    for (size_t i = 0; i < manifest->count; i++) {
        const struct kh_backup_member *m = &manifest->members[i];

        if (m->path)
            line(kh_backup_role_name(m->role), m->path);
    }
}
