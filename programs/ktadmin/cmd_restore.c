#include "core/fileio.h"
#include "programs/common/ini_edit.h"
#include "programs/ktadmin/commands.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/restore.h"
#include "programs/ktadmin/task.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char program[] = "ktadmin restore";

struct restore {
    struct kh_backup_open_args open;
    struct kh_setup_args setup_args;
    struct kh_restore work;
    struct kh_backup_opened opened;
    char config[PATH_MAX];     /* read from here */
    char keyhsm_ini[PATH_MAX]; /* where it is in the end */
};

/* All of it is authentic before anything is written, even to a scratch directory. */
static kh_status read_backup(struct restore *r, const char *file, struct kh_error *err)
{
    KH_CLEANUP_MANIFEST struct kh_backup_manifest manifest = {0};
    kh_status st = kh_backup_open(&r->opened, file, &r->open, err);

    if (st == KH_OK)
        st = kh_backup_pass(&r->opened, &manifest, NULL, err);
    if (st == KH_OK)
        st = kh_staging_make(&r->work.staging, NULL, err);
    if (st == KH_OK)
        st = kh_staging_fill(&r->work.staging, &r->opened, err);
    if (st == KH_OK && manifest.facts.catalog)
        st = kh_staging_check(&r->work.staging, &manifest.facts, err);
    if (st == KH_OK)
        kh_backup_print(&r->work.staging.manifest);
    return st;
}

/* ---- the configuration
 * -------------------------------------------------------------------- */

static const struct kh_backup_member *backed_up_ini(const struct restore *r)
{
    const struct kh_backup_manifest *manifest = &r->work.staging.manifest;

    for (size_t i = 0; i < manifest->count; i++) {
        const struct kh_backup_member *m = &manifest->members[i];

        /* keyhsm.ini comes first where there is a catalog. */
        if (m->role == KH_ROLE_CONFIGURATION)
            return m;
    }
    return NULL;
}

/* That which is in place when it stays, else the backup's. */
static kh_status choose_config(struct restore *r, struct kh_error *err)
{
    const struct kh_backup_member *m = backed_up_ini(r);
    const char *place = r->setup_args.config ? r->setup_args.config
                        : m                  ? m->path
                                             : KH_DEFAULT_CONFIG;
    bool stays =
        r->setup_args.config || !m || (!r->work.replace && access(place, F_OK) == 0);

    (void)snprintf(r->keyhsm_ini, sizeof r->keyhsm_ini, "%s", place);
    if (stays) {
        (void)snprintf(r->config, sizeof r->config, "%s", place);
        return KH_OK;
    }
    if (snprintf(r->config, sizeof r->config, "%s/keyhsm.ini",
            r->work.staging.directory) >= PATH_MAX)
        return kh_fail(err, KH_INVALID, "%.64s...: the path is too long", r->config);
    return kh_file_write(r->config, m->data.data, m->data.len, 0600, true, err);
}

static kh_status find_state_dir(struct restore *r, struct kh_error *err)
{
    const struct kh_setup_wish wish = {.program = program,
        .args = &r->setup_args,
        .backends = "pkcs11",
        .sections = kh_tool_sections,
        .section_count = KH_DAEMON_SECTION_COUNT};
    struct kh_setup setup = {0};
    kh_status st = choose_config(r, err);

    if (st != KH_OK)
        return st;
    r->setup_args.config = r->config;
    st = kh_setup_configure(&setup, &wish, err);
    if (st == KH_OK)
        st = kh_setup_log(&setup, &wish, err);
    if (st == KH_OK)
        (void)snprintf(r->work.state_dir, sizeof r->work.state_dir, "%s",
            kh_config_string(setup.config, "backend.pkcs11", "state_dir"));
    kh_setup_free(&setup);
    return st;
}

/* ---- checking
 * --------------------------------------------------------------------------- */

static kh_status check_into(struct restore *r, struct kh_error *err)
{
    const char *into = r->work.into;
    const struct dirent *entry;
    DIR *dir = opendir(into);
    bool empty = true;

    while (dir && (entry = readdir(dir)))
        empty = empty && entry->d_name[0] == '.' && strlen(entry->d_name) < 3;
    if (dir)
        (void)closedir(dir);
    if (into[0] != '/')
        return kh_fail(err, KH_INVALID, "--into %s: give an absolute path", into);
    if (!empty)
        return kh_fail(err, KH_EXISTS, "--into %s: it is not empty", into);
    if (!r->work.staging.manifest.facts.catalog)
        return KH_OK;
    return kh_restore_place(
        &r->work, r->work.staging.manifest.facts.state_dir, r->work.state_dir, err);
}

static kh_status check(struct restore *r, struct kh_error *err)
{
    bool catalog = r->work.staging.manifest.facts.catalog;
    kh_status st = KH_OK;

    if (r->work.into)
        st = check_into(r, err);
    else if (catalog)
        st = find_state_dir(r, err);
    if (st == KH_OK)
        st = kh_restore_files_check(&r->work, err);
    if (st == KH_OK && catalog)
        st = kh_restore_catalog_check(&r->work, err);
    if (st == KH_OK && catalog && !r->work.into)
        st = kh_restore_token_check(&r->work, &r->setup_args, err);
    if (st == KH_OK && r->work.findings > 0)
        st = kh_fail(
            err, KH_REFUSED, "%u finding(s); nothing was changed", r->work.findings);
    return st;
}

/* ---- doing it
 * --------------------------------------------------------------------------- */

/* The keys that the catalog does not know are not a reason to refuse any more. */
static kh_status allow_unknown(const struct restore *r, struct kh_error *err)
{
    char number[24];
    char kept[PATH_MAX] = "";
    const struct kh_ini_change change = {"backend.pkcs11", "unknown_keys", number};
    kh_status st;

    if (r->work.unknown == 0 || r->work.into)
        return KH_OK;
    (void)snprintf(number, sizeof number, "%" PRIu64, r->work.unknown);
    st = kh_ini_edit(r->keyhsm_ini, &change, 1, kept, sizeof kept, err);
    if (st == KH_OK)
        printf("changed  %s: unknown_keys = %s\n", r->keyhsm_ini, number);
    return st;
}

static kh_status restore(struct restore *r, struct kh_error *err)
{
    bool catalog = r->work.staging.manifest.facts.catalog;
    kh_status st = check(r, err);

    if (st == KH_OK && r->work.dry_run) {
        printf("dry run: nothing is in the way; nothing was changed\n");
        return KH_OK;
    }
    if (st == KH_OK)
        st = kh_restore_files(&r->work, err);
    if (st == KH_OK && catalog)
        st = allow_unknown(r, err);
    if (st == KH_OK && catalog)
        st = kh_restore_catalog(&r->work, err);
    if (st == KH_OK)
        printf("Restored. %s\n", r->work.into ? "Nothing outside of that directory was "
                                                "changed."
                                              : "Now start the daemons, and read a "
                                                "deposit: keyhsm start, keyhsm validate");
    return st;
}

static kh_status run(struct restore *r, const char *file, struct kh_error *err)
{
    time_t now = time(NULL);
    struct tm tm;
    kh_status st = kh_backup_bare_setup(err);

    (void)gmtime_r(&now, &tm);
    (void)strftime(r->work.stamp, sizeof r->work.stamp, "%Y%m%dT%H%M%SZ", &tm);
    r->work.lock = -1;
    if (st == KH_OK)
        st = read_backup(r, file, err);
    if (st == KH_OK)
        st = restore(r, err);
    if (st == KH_OK)
        st = kh_output_flush(err);
    kh_unlock(r->work.lock);
    kh_staging_free(&r->work.staging);
    kh_backup_opened_free(&r->opened);
    return st;
}

int kh_cmd_restore(int argc, char **argv)
{
    struct restore r = {.work.lock = -1};
    const struct kh_cli_option options[] = {
        KH_BACKUP_OPEN_OPTIONS(r.open),
        {"dry-run", 'n', NULL, "check everything, change nothing", &r.work.dry_run, NULL,
            0},
        {"replace", 0, NULL, "move what is in the way aside", &r.work.replace, NULL, 0},
        {"keep-configuration", 0, NULL,
            "leave configuration and trust that are there as they are", &r.work.keep,
            NULL, 0},
        {"accept-loss", 0, NULL,
            "go on without what is newer than the backup, or has no key",
            &r.work.accept_loss, NULL, 0},
        {"into", 0, "DIR", "write everything below DIR, and ask no token", &r.work.into,
            NULL, 0},
        KH_SETUP_OPTIONS(r.setup_args),
    };
    const struct kh_cli cli = {.program = program,
        .arguments = "FILE",
        .summary = "Puts a backup back, when token and host are as they must be.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "First the whole backup is verified, every key is looked up on the "
                "token, and "
                "all that is in\n"
                "the way is printed. keyhsmd must be stopped. --config names the "
                "keyhsm.ini to "
                "use; without it,\n"
                "that in place, else the backup's.\n\n"
                "Exit codes: 0 done, 1 damaged or failed, 2 usage, no backup, or "
                "configuration, 4 no such file,\n"
                "5 unavailable (token, disk), 6 --into is not empty, 7 refused or busy."};
    struct kh_task task = {.program = program};
    struct kh_error err = {0};
    int first = kh_cli_parse(&cli, argc, argv, false);

    if (argc - first != 1)
        kh_cli_die(&cli, KH_EXIT_USAGE, "give one FILE");
    if (r.work.replace && r.work.keep)
        kh_cli_die(&cli, KH_EXIT_USAGE, "--replace or --keep-configuration, not both");
    return kh_task_end(&task, run(&r, argv[first], &err), &err);
}
