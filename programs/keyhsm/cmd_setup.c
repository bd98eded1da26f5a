/* keyhsm setup: a configuration that works, or none. */
#include "core/log.h"
#include "programs/keyhsm/apply.h"
#include "programs/keyhsm/commands.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 3 };

/* ---- the questions
 * --------------------------------------------------------------------- */

static kh_status ask_preset(struct kh_wizard *w, struct kh_error *err)
{
    char line[80];

    if (w->unattended || w->preset || w->given[KH_A_MODULE])
        return KH_OK;
    for (unsigned i = 0; i < TRIES; i++) {
        printf("HSM: %s; empty: as it is, or another one []: ", kh_preset_names());
        (void)fflush(stdout);
        if (!kh_wizard_line(line, sizeof line))
            break;
        if (!*line)
            return KH_OK;
        if (kh_preset_find(line))
            return kh_wizard_choose(w, line, err);
        printf("There is no preset '%s'\n", line);
    }
    return kh_fail(err, KH_REFUSED, "not answered; nothing was changed");
}

static void print_notes(const struct kh_preset *preset)
{
    if (!preset)
        return;
    printf("%s\n", preset->device);
    for (size_t i = 0; i < KH_PRESET_NOTES && preset->notes[i]; i++)
        printf("  - %s\n", preset->notes[i]);
}

static kh_status ask_server(struct kh_wizard *w, struct kh_error *err)
{
    kh_status st =
        kh_wizard_ask(w, KH_A_LISTEN, "Name or address to listen on (* for all)", err);

    return st == KH_OK ? kh_wizard_ask(w, KH_A_PORT, "Port to listen on", err) : st;
}

static kh_status ask_tls(struct kh_wizard *w, struct kh_error *err)
{
    kh_status st = kh_wizard_ask(
        w, KH_A_CERTIFICATE, "Certificate of keyhsmd (made when it is not there)", err);

    if (st == KH_OK)
        st = kh_wizard_ask(w, KH_A_KEY, "Its private key", err);
    if (st == KH_OK)
        st = kh_wizard_ask(
            w, KH_A_TRUST_DIR, "Directory of the clients' certificates", err);
    return st;
}

/* ---- the order
 * --------------------------------------------------------------------------- */

/* Secrets are read from here on. */
static kh_status set_up_memory(const struct kh_wizard *w, struct kh_error *err)
{
    const char *chosen = w->args.log_level;
    kh_log_level level = KH_LOG_ERROR;
    struct kh_setup trial = {0};
    kh_status st = kh_wizard_configure(w, NULL, &trial, err);

    if (st == KH_OK)
        st = kh_setup_memory(&trial, err);
    kh_setup_free(&trial);
    if (st == KH_OK && chosen && kh_log_level_parse(chosen, &level) != KH_OK)
        st = kh_fail(err, KH_INVALID,
            "--log-level: '%.64s' is not one of error|warning|notice|info|debug", chosen);
    return st == KH_OK ? kh_log_open("keyhsm", "stderr", level, err) : st;
}

/* A daemon that runs with just this configuration is proof enough. */
static kh_status sign_in(
    struct kh_wizard *w, struct kh_signin *signin, struct kh_error *err)
{
    struct kh_error why = {0};
    bool pending = true;
    kh_status st = kh_signin_try(w, signin, &why);

    if (st == KH_OK) {
        printf("Signed in: %s, keys %s\n", signin->info.place, signin->info.profile);
        return KH_OK;
    }
    if (st == KH_BUSY && !signin->pin_missing &&
        kh_apply_pending(w, &pending, err) == KH_OK && !pending) {
        printf("Not signed in: %s, and the configuration stays as it is\n", why.message);
        return KH_OK;
    }
    return kh_fail(err, st, "cannot sign in: %s; %s", why.message,
        st == KH_BUSY  ? "stop it first (keyhsm stop). Nothing was changed"
        : signin->made ? "nothing was changed but the token that was made"
                       : "nothing was changed");
}

static kh_status run(struct kh_wizard *w, struct kh_signin *signin, struct kh_error *err)
{
    kh_status st = kh_wizard_begin(w, err);

    if (st == KH_OK)
        st = set_up_memory(w, err);
    if (st == KH_OK && !w->unattended)
        printf("Configuring keyhsm: %s\n", kh_wizard_file(w));
    if (st == KH_OK)
        st = ask_server(w, err);
    if (st == KH_OK)
        st = ask_preset(w, err);
    if (st == KH_OK) {
        print_notes(w->preset);
        st = ask_tls(w, err);
    }
    if (st == KH_OK)
        st = kh_apply_check(w, err);
    if (st == KH_OK)
        st = kh_signin_choose(w, signin, err);
    if (st == KH_OK)
        st = kh_signin_pin(w, signin, err);
    if (st == KH_OK)
        st = sign_in(w, signin, err);
    return st == KH_OK ? kh_apply(w, signin, err) : st;
}

static void print_next(const struct kh_wizard *w)
{
    printf("Next:\n");
    if (!w->trust)
        printf("  keyhsm trust FILE    with the key server's certificate\n");
    printf("  keyhsm validate      checks all of it\n"
           "  keyhsm start         or: service keyhsm start\n");
}

/* ---- the command line
 * ---------------------------------------------------------------------- */

/* PRESET may be NULL: then the wizard asks for it. */
static kh_status set_up(struct kh_wizard *w, const char *preset, struct kh_error *err)
{
    struct kh_signin signin = {.made = false};
    kh_status st = KH_OK;

    signal(SIGPIPE, SIG_IGN);
    if (preset)
        st = kh_wizard_choose(w, preset, err);
    if (st == KH_OK)
        st = run(w, &signin, err);
    kh_signin_free(&signin);
    if (st == KH_OK)
        print_next(w);
    if (fflush(stdout) != 0 && st == KH_OK)
        st = kh_fail(err, KH_UNAVAILABLE, "standard output cannot be written: %m");
    return st;
}

int kh_cmd_setup(int argc, char **argv)
{
    struct kh_wizard w = {.preset = NULL};
    const char *preset = NULL;
    bool yes = false;
    const struct kh_cli_option options[] = {
        {"preset", 0, "NAME", "as the operand", &preset, NULL, 0},
        {"module", 0, "FILE", "the vendor's PKCS#11 module", &w.given[KH_A_MODULE], NULL,
            0},
        {"token-label", 0, "LABEL", "use the token with this label", &w.given[KH_A_LABEL],
            NULL, 0},
        {"token-serial", 0, "SERIAL", "use the token with this serial number",
            &w.given[KH_A_SERIAL], NULL, 0},
        {"slot", 0, "N", "use the token in this slot", &w.given[KH_A_SLOT], NULL, 0},
        {"init-token", 0, NULL, "make a SoftHSM token when there is none", &w.init_token,
            NULL, 0},
        {"pin-source", 0, "SOURCE", "where the daemon gets the PIN from",
            &w.given[KH_A_PIN_SOURCE], NULL, 0},
        {"pin-from", 0, "SOURCE", "where this run gets it from, to put it there",
            &w.pin_from, NULL, 0},
        {"so-pin-from", 0, "SOURCE", "the security officer's, for --init-token",
            &w.so_pin_from, NULL, 0},
        {"softhsm2-conf", 0, "FILE", "configuration of SoftHSM",
            &w.given[KH_A_SOFTHSM2_CONF], NULL, 0},
        {"state-dir", 0, "DIR", "directory of the catalog", &w.given[KH_A_STATE_DIR],
            NULL, 0},
        {"listen", 0, "ADDRESS", "name or address to listen on; * for all",
            &w.given[KH_A_LISTEN], NULL, 0},
        {"port", 'p', "PORT", "TCP port to listen on", &w.given[KH_A_PORT], NULL, 0},
        {"certificate", 0, "FILE", "the daemon's; made when it is not there",
            &w.given[KH_A_CERTIFICATE], NULL, 0},
        {"private-key", 0, "FILE", "its key", &w.given[KH_A_KEY], NULL, 0},
        {"host", 0, "NAME", "whom a new certificate is for (this machine)", &w.host, NULL,
            0},
        {"trust-dir", 0, "DIR", "directory of the clients' certificates",
            &w.given[KH_A_TRUST_DIR], NULL, 0},
        {"trust", 0, "FILE", "let this client in: as keyhsm trust", &w.trust, NULL, 0},
        {"non-interactive", 'n', NULL, "ask nothing", &w.unattended, NULL, 0},
        {"yes", 'y', NULL, "as --non-interactive", &yes, NULL, 0},
        KH_SETUP_OPTIONS(w.args),
    };
    const struct kh_cli cli = {.program = "keyhsm setup",
        .arguments = "[PRESET]",
        .summary = "Writes a configuration, once the token has let it in.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "PRESET: softhsm, luna, nshield, cloudhsm, yubihsm or utimaco. --set is "
                "written, too.\n"
                "SOURCE: prompt, file:/PATH, credential:NAME or fd:N.\n"
                "What is there is kept: a second run changes only what it is told.\n"
                "Exit codes: 0 done, 1 failed and nothing was changed unless it says so, "
                "2 usage or configuration."};
    struct kh_error err = {0};
    int first = kh_cli_parse(&cli, argc, argv, false);
    kh_status st;

    w.unattended = w.unattended || yes;
    if (first + 1 < argc || (first < argc && preset))
        kh_cli_die(&cli, KH_EXIT_USAGE, "give one PRESET");
    if (!w.unattended && !isatty(STDIN_FILENO))
        kh_cli_die(&cli, KH_EXIT_USAGE,
            "standard input is no terminal: give --non-interactive and what is not the "
            "default");
    st = set_up(&w, first < argc ? argv[first] : preset, &err);
    kh_wizard_free(&w);
    if (st != KH_OK)
        kh_cli_die(&cli, kh_exit_code(st), "%s", err.message);
    return KH_EXIT_OK;
}
