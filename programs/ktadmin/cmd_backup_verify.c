#include "core/backup/facts.h"
#include "programs/ktadmin/backup_open.h"
#include "programs/ktadmin/commands.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/restore.h"
#include "programs/ktadmin/task.h"

#include <string.h>

static const char program[] = "ktadmin backup verify";

struct verify {
    struct kh_backup_open_args open;
    struct kh_backup_opened opened;
    struct kh_backup_manifest manifest;
    struct kh_staging staging;
};

/* The catalog itself is looked at in a copy, once all of it is known to be authentic. */
static kh_status check_catalog(struct verify *v, struct kh_error *err)
{
    kh_status st;

    if (!v->manifest.facts.catalog)
        return KH_OK;
    st = kh_staging_make(&v->staging, NULL, err);
    if (st == KH_OK)
        st = kh_staging_fill(&v->staging, &v->opened, err);
    return st == KH_OK ? kh_staging_check(&v->staging, &v->manifest.facts, err) : st;
}

static kh_status run(struct verify *v, const char *file, struct kh_error *err)
{
    kh_status st = kh_backup_bare_setup(err);

    if (st == KH_OK)
        st = kh_backup_open(&v->opened, file, &v->open, err);
    if (st == KH_OK)
        st = kh_backup_pass(&v->opened, &v->manifest, NULL, err);
    if (st == KH_OK)
        st = check_catalog(v, err);
    if (st == KH_OK) {
        kh_backup_print(&v->manifest);
        printf("%s: sound\n", file);
        st = kh_output_flush(err);
    }
    kh_staging_free(&v->staging);
    kh_backup_manifest_free(&v->manifest);
    kh_backup_opened_free(&v->opened);
    return st;
}

int kh_cmd_backup_verify(int argc, char **argv)
{
    struct verify v = {0};
    const struct kh_cli_option options[] = {KH_BACKUP_OPEN_OPTIONS(v.open)};
    const struct kh_cli cli = {.program = program,
        .arguments = "FILE",
        .summary = "Checks every byte of a backup, and its catalog; says what is in it.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more =
            "Needs $TMPDIR (/tmp) to have room for the catalog, which is no secret.\n\n"
            "Exit codes: 0 sound, 1 damaged or altered, 2 usage or no backup, 4 no "
            "such file,\n"
            "5 unavailable, 7 refused: another recipient, a wrong passphrase."};
    struct kh_task task = {.program = program};
    struct kh_error err = {0};
    int first = kh_cli_parse(&cli, argc, argv, false);

    if (argc - first != 1)
        kh_cli_die(&cli, KH_EXIT_USAGE, "give one FILE");
    return kh_task_end(&task, run(&v, argv[first], &err), &err);
}
