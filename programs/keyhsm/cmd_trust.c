#include "programs/common/setup.h"
#include "programs/keyhsm/clientcert.h"
#include "programs/keyhsm/commands.h"
#include "programs/keyhsm/pins.h"
#include "server/trust.h"

struct trust {
    struct kh_setup_args setup;
    const char *file;
    const char *remove;
    bool list;
};

/* A subject comes from a stranger; kh_cert_subject has escaped what a terminal obeys. */
static kh_status add(const char *dir, const char *file, struct kh_error *err)
{
    char subject[512];
    char hex[65];
    const char *warning;
    unsigned more = 0;
    bool fresh = false;
    X509 *certificate;
    kh_status st = kh_client_certificate(&certificate, file, &more, err);

    if (st != KH_OK)
        return st;
    if (more)
        fprintf(stderr, "keyhsm trust: %s: only the first of %u certificates is taken\n",
            file, more + 1);
    warning = kh_client_certificate_warning(certificate);
    if (warning)
        fprintf(stderr, "keyhsm trust: %s: warning: %s\n", file, warning);
    st = kh_pin_add(dir, certificate, &fresh, err);
    if (st == KH_OK) {
        kh_cert_subject(certificate, subject, sizeof subject);
        kh_cert_fingerprint(certificate, hex);
        /* Standard output is that of the procedure, which has no line here. */
        fprintf(stderr, "%s: %s\nSHA-256 %s\n", fresh ? "trusted" : "trusted already",
            subject, hex);
    }
    X509_free(certificate);
    return st;
}

static kh_status run(const struct trust *trust, struct kh_error *err)
{
    const struct kh_setup_wish wish = {.program = "keyhsm",
        .args = &trust->setup,
        .default_config = KH_KEYHSM_CONFIG,
        .sections = kh_keytrusteed_sections, /* --config may name that file, too */
        .section_count = KH_KEYTRUSTEED_SECTION_COUNT};
    struct kh_setup setup = {0};
    kh_status st = kh_setup(&setup, &wish, err);
    const char *dir;

    if (st != KH_OK)
        return st;
    dir = kh_config_string(setup.config, "tls", "trust_dir");
    if (!dir)
        st = kh_fail(err, KH_INVALID,
            "[tls] trust_dir is not set, the daemon would look for pins nowhere; set it, "
            "for example to /var/lib/keyhsm/trust, and restart the daemon");
    else if (trust->list)
        st = kh_pin_list(dir, err);
    else if (trust->remove)
        st = kh_pin_remove(dir, trust->remove, err);
    else
        st = add(dir, trust->file, err);
    kh_setup_free(&setup);
    if (st == KH_OK && fflush(stdout) != 0)
        st = kh_fail(err, KH_UNAVAILABLE, "standard output cannot be written: %m");
    return st;
}

int kh_cmd_trust(int argc, char **argv)
{
    struct trust trust = {0};
    const struct kh_cli_option options[] = {
        {"list", 'l', NULL, "list the certificates that are pinned", &trust.list, NULL,
            0},
        {"remove", 0, "SHA256", "take the pin with this fingerprint away", &trust.remove,
            NULL, 0},
        KH_SETUP_OPTIONS(trust.setup),
    };
    const struct kh_cli cli = {.program = "keyhsm trust",
        .arguments = "[FILE]",
        .summary = "Pins the client certificate in PEM file FILE, at once.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "Exit codes: 0 done, 1 failed, 2 usage, configuration or a file that "
                "cannot be trusted."};
    struct kh_error err = {0};
    int first = kh_cli_parse(&cli, argc, argv, false);
    kh_status st;

    trust.file = first < argc ? argv[first] : NULL;
    if (first + 1 < argc || trust.list + !!trust.remove + !!trust.file != 1)
        kh_cli_die(&cli, KH_EXIT_USAGE, "give one of FILE, --list and --remove");
    st = run(&trust, &err);
    if (st != KH_OK)
        kh_cli_die(&cli, kh_exit_code(st), "%s", err.message);
    return KH_EXIT_OK;
}
