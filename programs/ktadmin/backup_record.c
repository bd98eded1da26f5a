#include "programs/ktadmin/backup_record.h"

#include "core/backup/digest.h"
#include "core/fileio.h"
#include "core/secmem.h"
#include "programs/ktadmin/confdir.h"

#include <string.h>
#include <time.h>

enum { RECORD_MAX = 8192 };

#define LAST "last-backup"
#define CONFIRMED "backup-confirmed" /* plugins/pkcs11/confirmed.c reads it */

/* Durable, and readable for the daemon. */
static kh_status put(
    const char *state_dir, const char *name, const char *text, struct kh_error *err)
{
    char path[PATH_MAX];
    kh_status st = kh_confdir_path(path, state_dir, name, err);

    if (st == KH_OK)
        st = kh_file_write(path, text, strlen(text), 0600, false, err);
    return st == KH_OK ? kh_confdir_give(state_dir, path, err) : st;
}

/* The first line is what the plugin compares; the path comes last, it may have blanks. */
static void put_record(char text[RECORD_MAX], const struct kh_backup_record *r)
{
    (void)snprintf(text, RECORD_MAX,
        "catalog %s contents %s generation %llu time %lld\nfile %s %s\n", r->tag,
        r->contents, (unsigned long long)r->generation, (long long)r->created, r->sha256,
        r->path);
}

kh_status kh_backup_record_write(const char *state_dir, const char *path,
    const struct kh_backup_manifest *manifest, struct kh_error *err)
{
    const struct kh_backup_facts *f = &manifest->facts;
    struct kh_backup_record r = {
        .generation = f->generation, .created = manifest->created};
    char text[RECORD_MAX];
    kh_status st;

    /* A catalog that never stored anything has no tag. */
    if (!state_dir || !f->catalog || !f->tag[0])
        return KH_OK;
    memcpy(r.tag, f->tag, sizeof r.tag);
    memcpy(r.contents, f->contents, sizeof r.contents);
    (void)snprintf(r.path, sizeof r.path, "%s", path);
    st = kh_digest_file(path, r.sha256, err);
    if (st != KH_OK)
        return st;
    put_record(text, &r);
    return put(state_dir, LAST, text, err);
}

kh_status kh_backup_record_read(
    struct kh_backup_record *record, const char *state_dir, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    char line[RECORD_MAX];
    char path[PATH_MAX];
    unsigned long long generation = 0;
    long long created = 0;
    kh_status st = kh_confdir_path(path, state_dir, LAST, err);

    memset(record, 0, sizeof *record);
    if (st == KH_OK)
        st = kh_file_read(path, RECORD_MAX - 1, &text, err);
    if (st != KH_OK)
        return st;
    memcpy(line, text.data, text.len);
    line[text.len] = '\0';
    if (sscanf(line,
            "catalog %8[0-9a-f] contents %64[0-9a-f] generation %19llu time %19lld\n"
            "file %64[0-9a-f] %4096[^\n]",
            record->tag, record->contents, &generation, &created, record->sha256,
            record->path) != 6)
        return kh_fail(err, KH_CORRUPT, "%s: not what ktadmin backup writes there", path);
    record->generation = generation;
    record->created = created;
    return KH_OK;
}

kh_status kh_backup_record_confirm(const char *state_dir,
    const struct kh_backup_record *record, const char *who, struct kh_error *err)
{
    char text[RECORD_MAX];
    size_t len;

    put_record(text, record);
    len = strlen(text);
    (void)snprintf(text + len, sizeof text - len,
        "confirmed %lld by %s\ntoken backed up\n", (long long)time(NULL), who);
    return put(state_dir, CONFIRMED, text, err);
}
