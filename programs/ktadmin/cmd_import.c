#include "programs/ktadmin/commands.h"

#include "core/secmem.h"
#include "programs/common/cli.h"
#include "programs/ktadmin/kmsimport.h"
#include "programs/ktadmin/target.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

struct import {
    const char *config;
    bool dry_run;
    const char *acls;
    const char *site; /* or NULL */
};

static void print_lines(const char *head, const struct kh_lines *lines)
{
    if (lines->count > 0)
        printf("%s\n", head);
    for (size_t i = 0; i < lines->count; i++)
        printf("    %s\n", lines->list[i]);
}

static void print_changes(const struct kh_kms_import *plan)
{
    for (size_t i = 0; i < plan->change_count; i++) {
        const struct kh_ini_change *change = &plan->changes[i];

        if (change->value)
            printf("set     [%s] %s = %s\n", change->section, change->key, change->value);
        else
            printf("remove  [%s] %s\n", change->section, change->key);
    }
}

static kh_status read_files(
    const struct import *import, struct kh_kms_import *plan, struct kh_error *err)
{
    struct kh_hadoop acls = {0};
    struct kh_hadoop site = {0};
    kh_status st = kh_hadoop_read(&acls, import->acls, err);

    if (st == KH_OK && import->site)
        st = kh_hadoop_read(&site, import->site, err);
    if (st == KH_OK)
        st = kh_kms_import_plan(plan, &acls, import->site ? &site : NULL, err);
    kh_hadoop_free(&acls);
    kh_hadoop_free(&site);
    return st;
}

/* A file that is not there yet is an empty one. */
static kh_status compare(
    const struct import *import, struct kh_kms_import *plan, struct kh_error *err)
{
    const char *path = access(import->config, F_OK) == 0 ? import->config : NULL;
    struct kh_config *config = NULL;
    kh_status st = kh_config_load(&config, path, err);

    if (st == KH_OK)
        st = kh_kms_import_compare(plan, config, err);
    kh_config_free(config);
    return st;
}

static kh_status write_changes(
    const struct import *import, const struct kh_kms_import *plan, struct kh_error *err)
{
    char kept[PATH_MAX] = "";
    kh_status st;

    if (plan->change_count == 0) {
        printf("%s says so already; nothing is changed.\n", import->config);
        return KH_OK;
    }
    if (import->dry_run) {
        printf("Nothing was written (--dry-run).\n");
        return KH_OK;
    }
    st = kh_ini_edit(
        import->config, plan->changes, plan->change_count, kept, sizeof kept, err);
    if (st != KH_OK)
        return st;
    printf("Wrote %s.\n", import->config);
    if (*kept)
        printf("The file as it was: %s\n", kept);
    printf("A running keytrusteed takes the lists and proxy users at `ktadmin service "
           "reload`, the rest when it is started again.\n");
    return KH_OK;
}

static kh_status run(
    const struct import *import, struct kh_kms_import *plan, struct kh_error *err)
{
    /* The file to change may hold what is to be kept from swap. */
    kh_status st = kh_secmem_init(0, KH_LOCK_PREFERRED, err);

    if (st == KH_OK)
        st = read_files(import, plan, err);
    if (st == KH_OK)
        st = compare(import, plan, err);
    if (st != KH_OK)
        return st;
    print_changes(plan);
    print_lines("Note:", &plan->notes);
    print_lines("Not imported, because they mean nothing here:", &plan->unknown);
    if (plan->problems.count > 0) {
        fflush(stdout);
        for (size_t i = 0; i < plan->problems.count; i++)
            fprintf(stderr, "ktadmin import-kms-acls: %s\n", plan->problems.list[i]);
        return kh_fail(err, KH_REFUSED,
            "nothing was written: %zu of the properties "
            "cannot be imported",
            plan->problems.count);
    }
    return write_changes(import, plan, err);
}

int kh_cmd_import_kms_acls(int argc, char **argv)
{
    struct import import = {.config = KH_KEYTRUSTEE_CONFIG};
    const struct kh_cli_option options[] = {
        {"config", 'c', "FILE", "the configuration file to change", &import.config, NULL,
            0},
        {"dry-run", 'n', NULL, "only say what would be changed", &import.dry_run, NULL,
            0},
    };
    const struct kh_cli cli = {.program = "ktadmin import-kms-acls",
        .arguments = "KMS-ACLS.XML [KMS-SITE.XML]",
        .summary = "Takes the lists of an existing Hadoop KMS into keytrustee.ini.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more =
            "From kms-site.xml come proxy users, name rules and lifetimes of tokens."};
    int first = kh_cli_parse(&cli, argc, argv, false);
    struct kh_kms_import plan = {0};
    struct kh_error err = {0};
    kh_status st;

    if (argc - first < 1 || argc - first > 2)
        kh_cli_die(&cli, KH_EXIT_USAGE, "give kms-acls.xml, and kms-site.xml or not");
    import.acls = argv[first];
    import.site = argv[first + 1];
    st = run(&import, &plan, &err);
    kh_kms_import_free(&plan);
    if (st != KH_OK)
        kh_cli_die(&cli, kh_exit_code(st), "%s", err.message);
    return KH_EXIT_OK;
}
