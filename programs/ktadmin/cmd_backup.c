#include "core/secmem.h"
#include "core/secret.h"
#include "core/version.h"
#include "programs/ktadmin/backup.h"
#include "programs/ktadmin/backup_record.h"
#include "programs/ktadmin/commands.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char program[] = "ktadmin backup";

struct backup {
    struct kh_backup_place_args place_args;
    const char *file;
    const char *directory;
    const char *keep_text;
    const char *recipient;
    const char *passphrase_source;
    bool passphrase;
    bool without_keys;
    bool clear;
    bool clear_sure;

    unsigned keep;
    struct kh_backup_place place;
    struct kh_backup_manifest manifest;
    struct kh_backup_output output;
    struct kh_buf secret;
    struct kh_backup_lock lock;
};

/* ---- what is wished
 * ---------------------------------------------------------------------- */

static kh_status check_clear(const struct backup *b, struct kh_error *err)
{
    char answer[32] = "";

    if (b->clear_sure)
        return KH_OK;
    if (!isatty(STDIN_FILENO))
        return kh_fail(err, KH_INVALID,
            "--cleartext alone is not enough: whoever reads the file learns the names of "
            "all deposits and the configuration. Encrypt it (--recipient, --passphrase), "
            "or say --yes-in-clear-text as well");
    fputs("The backup will not be encrypted: whoever reads it learns the names of all "
          "deposits and\nthe configuration. Type 'clear text' to go on: ",
        stderr);
    if (!fgets(answer, sizeof answer, stdin) || strcmp(answer, "clear text\n") != 0)
        return kh_fail(err, KH_REFUSED, "nothing was written");
    return KH_OK;
}

static kh_status read_passphrase(struct backup *b, struct kh_error *err)
{
    const char *source = b->passphrase_source ? b->passphrase_source : "prompt";
    KH_CLEANUP_BUF struct kh_buf again = {0};
    kh_status st = kh_secret_read(source, "Passphrase for the backup: ", &b->secret, err);

    if (st == KH_OK && b->secret.len < KH_PASSPHRASE_MIN)
        return kh_fail(err, KH_INVALID,
            "the passphrase has %zu bytes: take %d or more, it is all that protects the "
            "backup",
            b->secret.len, KH_PASSPHRASE_MIN);
    if (st == KH_OK && strcmp(source, "prompt") == 0) {
        st = kh_secret_read(source, "The same again: ", &again, err);
        if (st == KH_OK && !kh_buf_equal(&b->secret, &again))
            st = kh_fail(err, KH_INVALID, "the two are not the same");
    }
    b->lock.passphrase = &b->secret;
    return st;
}

/* One way of encryption; what the command line says counts more than [backup]. */
static kh_status choose_lock(struct backup *b, struct kh_error *err)
{
    bool passphrase = b->passphrase || b->passphrase_source;

    if ((b->recipient != NULL) + passphrase + b->clear > 1)
        return kh_fail(err, KH_INVALID,
            "--recipient, --passphrase and --cleartext are three ways: choose one");
    if (passphrase)
        return read_passphrase(b, err);
    if (b->clear)
        return check_clear(b, err);
    b->lock.recipient = b->recipient;
    if (!b->recipient)
        b->lock.recipient =
            kh_config_string(kh_backup_config(&b->place), "backup", "recipient");
    return b->lock.recipient
               ? KH_OK
               : kh_fail(err, KH_INVALID,
                     "for whom? --recipient CERT (or recipient of [backup]) encrypts the "
                     "backup to a certificate, --passphrase to a passphrase");
}

static kh_status choose_output(struct backup *b, struct kh_error *err)
{
    const struct kh_config *config = kh_backup_config(&b->place);
    char *end = NULL;
    unsigned long keep;

    if (b->file && b->directory)
        return kh_fail(err, KH_INVALID, "--output or --output-dir, not both");
    if (!b->file && !b->directory)
        b->directory = kh_config_string(config, "backup", "directory");
    if (!b->file && !b->directory)
        return kh_fail(err, KH_INVALID,
            "where to? --output FILE, --output-dir DIR or directory of [backup]");
    b->keep = b->file ? 0 : (unsigned)kh_config_int(config, "backup", "keep");
    if (!b->keep_text)
        return KH_OK;
    keep = strtoul(b->keep_text, &end, 10);
    if (*b->keep_text < '1' || *b->keep_text > '9' || *end || keep > 100000)
        return kh_fail(err, KH_INVALID, "--keep %.32s: give 1 to 100000", b->keep_text);
    if (b->file)
        return kh_fail(err, KH_INVALID, "--keep goes with --output-dir");
    b->keep = (unsigned)keep;
    return KH_OK;
}

/* ---- doing it
 * ---------------------------------------------------------------------------- */

static void describe(struct backup *b)
{
    struct kh_backup_manifest *m = &b->manifest;

    m->created = (int64_t)time(NULL);
    (void)snprintf(m->program, sizeof m->program, "keyhsm %s", kh_version);
    if (gethostname(m->host, sizeof m->host - 1) != 0)
        m->host[0] = '\0';
}

static kh_status write_file(struct backup *b, struct kh_error *err)
{
    struct kh_backup_sink *sink = NULL;
    kh_status st = kh_backup_sink_open(&sink, b->output.fd, &b->lock, err);

    if (st == KH_OK)
        st = kh_backup_pack(&b->manifest, sink, err);
    if (st == KH_OK)
        st = kh_backup_sink_finish(sink, err);
    if (st == KH_OK)
        st = kh_backup_sink_check(sink, err);
    kh_backup_sink_free(sink);
    return st;
}

static void report(const struct backup *b)
{
    const struct kh_backup_facts *f = &b->manifest.facts;
    struct stat sb = {0};

    (void)stat(b->output.path, &sb);
    printf("Wrote %s (%jd bytes, %s)\n", b->output.path, (intmax_t)sb.st_size,
        b->lock.recipient    ? "encrypted to a certificate"
        : b->lock.passphrase ? "encrypted to a passphrase"
                             : "IN CLEAR TEXT");
    if (f->catalog)
        printf("catalog generation %" PRIu64 ": %" PRIu64 " deposits, %" PRIu64
               " versions, %" PRIu64 " keys on token %s\n",
            f->generation, f->deposits, f->versions, f->keys[1],
            f->serial_count > 0 ? f->serials[0] : f->token_label);
    printf("It opens nothing without the token: back that up, too, by the vendor's "
           "procedure.\n");
}

static kh_status make(struct backup *b, struct kh_error *err)
{
    kh_status st = kh_backup_output_begin(&b->output, b->file, b->directory, err);

    describe(b);
    if (st == KH_OK)
        st = kh_backup_snapshot(&b->manifest, &b->place, b->output.scratch, err);
    /* In clear text only what is no secret. */
    if (st == KH_OK)
        st = kh_backup_collect(
            &b->manifest, &b->place, !b->without_keys && !b->clear, err);
    if (st == KH_OK)
        st = write_file(b, err);
    if (st == KH_OK)
        st = kh_backup_output_keep(&b->output, err);
    if (st == KH_OK)
        st = kh_backup_record_write(
            kh_backup_state_dir(&b->place), b->output.path, &b->manifest, err);
    if (st == KH_OK)
        st = kh_backup_output_rotate(&b->output, b->keep, err);
    if (st == KH_OK)
        report(b);
    return st == KH_OK ? kh_output_flush(err) : st;
}

static kh_status run(struct backup *b, struct kh_error *err)
{
    kh_status st = kh_backup_place_read(&b->place, &b->place_args, err);

    b->output.lock = b->output.fd = -1;
    if (st == KH_OK)
        st = choose_output(b, err);
    if (st == KH_OK)
        st = choose_lock(b, err);
    if (st == KH_OK)
        st = make(b, err);
    kh_backup_output_free(&b->output);
    kh_backup_manifest_free(&b->manifest);
    kh_buf_free(&b->secret);
    kh_backup_place_free(&b->place);
    return st;
}

int kh_cmd_backup(int argc, char **argv)
{
    struct backup b = {0};
    const struct kh_cli_option options[] = {
        {"output", 'o', "FILE", "write this file, which must not exist", &b.file, NULL,
            0},
        {"output-dir", 'd', "DIR", "write a file with host and date in its name there",
            &b.directory, NULL, 0},
        {"keep", 0, "N", "then remove the oldest of this host there but N", &b.keep_text,
            NULL, 0},
        {"recipient", 'r', "CERT", "encrypt to this certificate", &b.recipient, NULL, 0},
        {"passphrase", 0, NULL, "encrypt to a passphrase, and ask for it", &b.passphrase,
            NULL, 0},
        {"passphrase-source", 0, "SOURCE",
            "or take it from file:/PATH, credential:NAME or fd:N", &b.passphrase_source,
            NULL, 0},
        {"without-keys", 0, NULL, "leave the private keys of TLS out", &b.without_keys,
            NULL, 0},
        {"cleartext", 0, NULL, "do not encrypt; private keys are left out", &b.clear,
            NULL, 0},
        {"yes-in-clear-text", 0, NULL, "with --cleartext: do not ask again",
            &b.clear_sure, NULL, 0},
        KH_BACKUP_PLACE_OPTIONS(b.place_args),
    };
    const struct kh_cli cli = {.program = program,
        .arguments = "",
        .summary = "Backs up catalog, configuration and trust into one encrypted file.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more =
            "The daemons may run, and a migration may be under way. The PIN, passphrases "
            "and the token\n"
            "itself are never in a backup. --config names keyhsm.ini.\n\n"
            "Exit codes: 0 done, 1 failed, 2 usage or configuration, 5 unavailable (disk "
            "full), 6 exists\n"
            "already, 7 refused or busy. See also: ktadmin backup verify, ktadmin backup "
            "confirm,\n"
            "ktadmin restore."};
    struct kh_task task = {.program = program};
    struct kh_error err = {0};
    int first = kh_cli_parse(&cli, argc, argv, false);

    if (first < argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "no operand is expected: '%s'", argv[first]);
    return kh_task_end(&task, run(&b, &err), &err);
}
