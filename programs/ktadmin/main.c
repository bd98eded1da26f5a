/* ktadmin: the administrator's tool for deposits. */
#include "core/loader.h"
#include "programs/common/cli.h"
#include "programs/ktadmin/commands.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static const struct kh_command deposit_commands[] = {
    {"put", "store a new deposit from a file or standard input", kh_cmd_put},
    {"get", "write a deposit's data to a file or standard output", kh_cmd_get},
    {"list", "list deposits", kh_cmd_list},
    {"show", "show what is known of a deposit, but not its data", kh_cmd_show},
    {"roll", "store the next version of a deposit", kh_cmd_roll},
    {"delete", "delete a deposit or a version; can be undone", kh_cmd_delete},
    {"undelete", "undo a delete", kh_cmd_undelete},
    {"purge", "destroy a deposit or a version for ever", kh_cmd_purge},
};

static int run_deposit(int argc, char **argv)
{
    return kh_command_run("ktadmin deposit",
        "Works on deposits, in a backend or in a daemon.", deposit_commands,
        COUNT(deposit_commands), argc - 1, argv + 1);
}

static const struct kh_command key_commands[] = {
    {"create", "make a key on the device", kh_cmd_key_create},
    {"list", "list keys", kh_cmd_key_list},
    {"show", "show what is known of a key", kh_cmd_key_show},
    {"public", "write the public half of a key, PEM", kh_cmd_key_public},
    {"sign", "sign a file or standard input with a key", kh_cmd_key_sign},
    {"uri", "write a PEM file that names a key", kh_cmd_key_uri},
    {"delete", "delete a key; can be undone", kh_cmd_key_delete},
    {"undelete", "undo a delete", kh_cmd_key_undelete},
    {"purge", "destroy a key for ever", kh_cmd_key_purge},
};

static int run_key(int argc, char **argv)
{
    return kh_command_run("ktadmin key",
        "Works on keys that stay on the device, in a backend or in a daemon.",
        key_commands, COUNT(key_commands), argc - 1, argv + 1);
}

static const struct kh_command audit_commands[] = {
    {"verify", "check that an audit log is as it was written", kh_cmd_audit_verify},
};

static int run_audit(int argc, char **argv)
{
    return kh_command_run("ktadmin audit", "Works on audit logs.", audit_commands,
        COUNT(audit_commands), argc - 1, argv + 1);
}

static const struct kh_command backup_commands[] = {
    {"verify", "check a backup, and say what is in it", kh_cmd_backup_verify},
    {"confirm", "confirm that catalog and token were backed up", kh_cmd_backup_confirm},
};

/* Without a word it makes one. */
static int run_backup(int argc, char **argv)
{
    (void)kh_command_tables(backup_commands, COUNT(backup_commands), argc, argv);
    if (argc < 2 || argv[1][0] == '-')
        return kh_cmd_backup(argc, argv);
    return kh_command_run("ktadmin backup", "Works on backups; alone it makes one.",
        backup_commands, COUNT(backup_commands), argc - 1, argv + 1);
}

static const struct kh_command commands[] = {
    {"init", "make a legacy store, and its server's certificate", kh_cmd_init},
    {"keyhsm", "integrate this server with keyhsmd, or leave it", kh_cmd_keyhsm},
    {"import-kms-acls", "take the lists of a Hadoop KMS into keytrustee.ini",
        kh_cmd_import_kms_acls},
    {"status", "show what the server stands on", kh_cmd_status},
    {"service", "start, stop, shutdown, restart, reload, status of the server",
        kh_cmd_service},
    {"deposit", "put, get, list, show, roll, delete, undelete, purge", run_deposit},
    {"key", "create, list, show, public, sign, uri, delete, undelete, purge", run_key},
    {"audit", "verify", run_audit},
    {"backup", "make a backup; verify or confirm one", run_backup},
    {"restore", "put a backup back", kh_cmd_restore},
};

int main(int argc, char **argv)
{
    /* Its package may be the only one on this host. */
    kh_loader_search(kh_trustee_plugin_dir, kh_plugin_dir);
    return kh_command_run("ktadmin", "Administers key stores and their deposits.",
        commands, COUNT(commands), argc - 1, argv + 1);
}
