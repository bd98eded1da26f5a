#include "programs/ktadmin/commands.h"

#include "programs/common/cli.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"
#include "provider/module/uri.h"

#include <string.h>

static kh_status write_uri(
    const char *name, const char *file, bool force, struct kh_error *err)
{
    char pem[KH_URI_PEM_SIZE];
    struct kh_buf data = {.data = (unsigned char *)pem};
    kh_status status = kh_uri_write_pem(pem, name, KH_LATEST, err);

    if (status != KH_OK)
        return status;
    data.len = data.cap = strlen(pem);
    return kh_output_data(file, &data, force, err);
}

int kh_cmd_key_uri(int argc, char **argv)
{
    const char *output = NULL;
    bool force = false;
    const struct kh_cli_option options[] = {
        {"output", 'o', "FILE", "write to a new FILE; else to standard output", &output,
            NULL, 0},
        {"force", 'f', NULL, "replace FILE", &force, NULL, 0},
    };
    const struct kh_cli cli = {.program = "ktadmin key uri",
        .arguments = "NAME",
        .summary = "Writes a PEM file that names a key, for programs that read keys from "
                   "files only.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "OpenSSL's provider keyhsm reads it as the key itself. It holds the URI "
                "keyhsm:NAME and\n"
                "nothing secret. No daemon is asked whether there is such a key."};
    struct kh_error err = {0};
    int first = kh_cli_parse(&cli, argc, argv, false);
    kh_status status;

    if (argc - first != 1)
        kh_cli_die(&cli, KH_EXIT_USAGE, "one NAME is needed");
    status = write_uri(argv[first], output, force, &err);
    if (status != KH_OK) {
        fprintf(stderr, "%s: ", cli.program);
        kh_print_text(stderr, err.message);
        fputc('\n', stderr);
    }
    return kh_task_exit_code(status);
}
