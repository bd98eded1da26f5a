#include "core/backup/digest.h"
#include "core/record.h"
#include "programs/common/migration_ask.h"
#include "programs/ktadmin/backup.h"
#include "programs/ktadmin/backup_record.h"
#include "programs/ktadmin/commands.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char program[] = "ktadmin backup confirm";

struct confirm {
    struct kh_backup_place_args place_args;
    struct kh_backup_place place;
    bool token; /* the second half is confirmed on the command line */
};

/* The person behind sudo, else the user. */
static void name_operator(char out[80])
{
    const struct passwd *user = getpwuid(getuid());
    const char *sudo = getenv("SUDO_USER");
    const char *name = sudo && *sudo ? sudo : user ? user->pw_name : "?";

    (void)snprintf(out, 80, "%.64s", name);
    for (char *c = out; *c; c++) {
        if (*c <= ' ' || *c > '~')
            *c = '_';
    }
}

/* The file is there, as it was written. */
static kh_status check_file(
    const struct kh_backup_record *record, const char *file, struct kh_error *err)
{
    char sha256[KH_SHA256_TEXT];
    kh_status st = kh_digest_file(file, sha256, err);

    if (st == KH_OK && strcmp(sha256, record->sha256) != 0)
        return kh_fail(err, KH_REFUSED,
            "%s is not the last backup that was made here, or was altered: make a new "
            "one",
            file);
    return st;
}

static kh_status ask_for_token(struct confirm *c, struct kh_error *err)
{
    char answer[32] = "";

    if (c->token)
        return KH_OK;
    if (!isatty(STDIN_FILENO))
        return kh_fail(err, KH_INVALID,
            "was the token backed up as well, after this file was made? Say so with "
            "--token-backed-up");
    fputs(
        "Was the token backed up as well, by its vendor's procedure, after this file was "
        "made?\n[y/N]: ",
        stdout);
    (void)fflush(stdout);
    if (!fgets(answer, sizeof answer, stdin) || !kh_migration_is_yes(answer))
        return kh_fail(err, KH_REFUSED, "nothing was confirmed");
    return KH_OK;
}

static kh_status confirm(struct confirm *c, const char *file, struct kh_error *err)
{
    const char *state_dir = kh_backup_state_dir(&c->place);
    struct kh_backup_record record;
    char made[KH_TIME_LEN];
    char who[80];
    kh_status st;

    if (!state_dir)
        return kh_fail(err, KH_INVALID, "there is no keyhsmd on this host");
    st = kh_backup_record_read(&record, state_dir, err);
    if (st == KH_NOT_FOUND)
        return kh_fail(err, KH_NOT_FOUND,
            "no backup of the catalog in %s was made yet: ktadmin backup", state_dir);
    if (st == KH_OK)
        st = check_file(&record, file ? file : record.path, err);
    if (st != KH_OK)
        return st;
    kh_time_format(record.created, made);
    printf("%s, made %s, catalog generation %" PRIu64 "\n", file ? file : record.path,
        made, record.generation);
    name_operator(who);
    st = ask_for_token(c, err);
    if (st == KH_OK)
        st = kh_backup_record_confirm(state_dir, &record, who, err);
    if (st == KH_OK) {
        printf("Confirmed by %s. A migration that waited for it goes on: run it again.\n",
            who);
        st = kh_output_flush(err);
    }
    return st;
}

int kh_cmd_backup_confirm(int argc, char **argv)
{
    struct confirm c = {0};
    const struct kh_cli_option options[] = {
        {"token-backed-up", 0, NULL, "the token was backed up, too; do not ask", &c.token,
            NULL, 0},
        KH_BACKUP_PLACE_OPTIONS(c.place_args),
    };
    const struct kh_cli cli = {.program = program,
        .arguments = "[FILE]",
        .summary = "Confirms that catalog and token were backed up, for require_backup.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more =
            "FILE is where the last backup that was made here is now; without it, where "
            "it was written.\n\n"
            "Exit codes: 0 confirmed, 2 usage or configuration, 4 no such file, 7 "
            "refused: another file,\n"
            "or not confirmed."};
    struct kh_task task = {.program = program};
    struct kh_error err = {0};
    int first = kh_cli_parse(&cli, argc, argv, false);
    kh_status st;

    if (argc - first > 1)
        kh_cli_die(&cli, KH_EXIT_USAGE, "give one FILE");
    st = kh_backup_place_read(&c.place, &c.place_args, &err);
    if (st == KH_OK)
        st = confirm(&c, first < argc ? argv[first] : NULL, &err);
    kh_backup_place_free(&c.place);
    return kh_task_end(&task, st, &err);
}
