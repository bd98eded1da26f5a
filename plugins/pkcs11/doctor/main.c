#include "plugins/pkcs11/doctor/probe.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct kh_stage stages[] = {
    {"token", false, kh_stage_token},
    {"login", false, kh_stage_login},
    {"keys", true, kh_stage_keys},
    {"others", true, kh_stage_others},
    {"secrecy", true, kh_stage_secrecy},
    {"objects", true, kh_stage_objects},
    {"sessions", true, kh_stage_sessions},
    {"threads", true, kh_stage_threads},
    {"fork", true, kh_stage_fork},
    {"clean", true, kh_stage_clean},
    {"bench", true, kh_stage_bench},
};

/* Exit statuses: 0 the stage has told all it found, 3 the module or the token is not
 * there, 2 a wrong command line. */
enum { DONE = 0, USAGE = 2, NOTHING = 3 };

static bool take(struct kh_probe *probe, const char *word)
{
    const char *value = strchr(word, '=');

    if (!value)
        return false;
    value++;
    if (strncmp(word, "module=", 7) == 0)
        probe->path = value;
    else if (strncmp(word, "init-args=", 10) == 0)
        probe->module.init_args = value;
    else if (strncmp(word, "label=", 6) == 0)
        probe->choice.label = value;
    else if (strncmp(word, "serial=", 7) == 0)
        probe->choice.serial = value;
    else if (strncmp(word, "pin-fd=", 7) == 0)
        probe->pin_fd = (int)strtol(value, NULL, 10);
    else if (strncmp(word, "threads=", 8) == 0)
        probe->threads = (unsigned)strtoul(value, NULL, 10);
    else if (strncmp(word, "seconds=", 8) == 0)
        probe->seconds = (unsigned)strtoul(value, NULL, 10);
    else if (strncmp(word, "quick=", 6) == 0)
        probe->quick = *value == '1';
    else if (strncmp(word, "slot=", 5) == 0) {
        probe->choice.has_slot = true;
        probe->choice.slot = strtoul(value, NULL, 10);
    } else {
        return false;
    }
    return true;
}

static bool load(struct kh_probe *probe)
{
    kh_status st;

    kh_probe_enter("the loading of the module");
    st = kh_module_load(&probe->module, probe->path, &probe->err);
    kh_probe_leave();
    kh_fact_bool(
        "module.loads", st == KH_OK, "%s", st == KH_OK ? "" : probe->err.message);
    if (st != KH_OK)
        return false;
    probe->bare = probe->module.p11;
    probe->module.p11 = kh_probe_trace(probe->bare);
    probe->call =
        (struct kh_call){.p11 = probe->module.p11, .what = "?", .err = &probe->err};
    st = kh_module_init(&probe->module, &probe->err);
    kh_fact_bool(
        "module.initialises", st == KH_OK, "%s", st == KH_OK ? "" : probe->err.message);
    probe->call.quirks = probe->module.quirks.flags;
    return st == KH_OK;
}

static bool find(struct kh_probe *probe)
{
    kh_status st =
        kh_slot_find(&probe->module, &probe->choice, &probe->slot, &probe->err);

    kh_fact_bool("token.found", st == KH_OK, "%s", st == KH_OK ? "" : probe->err.message);
    return st == KH_OK;
}

static int run(struct kh_probe *probe, const struct kh_stage *stage)
{
    CK_RV rv;

    if (!load(probe))
        return NOTHING;
    if (!find(probe)) {
        kh_module_fini(&probe->module);
        return NOTHING;
    }
    if (stage->login) {
        rv = kh_probe_login(probe);
        if (rv != CKR_OK) {
            kh_fact_rv("login.again", &probe->call, rv);
            return NOTHING;
        }
    }
    stage->run(probe);
    kh_module_fini(&probe->module);
    return DONE;
}

int main(int argc, char **argv)
{
    struct kh_probe probe = {.pin_fd = -1, .threads = 1, .seconds = 1};
    const struct kh_stage *stage = NULL;
    bool good = argc > 1 && fcntl(3, F_GETFD) >= 0;

    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; good && i < sizeof stages / sizeof stages[0]; i++) {
        if (strcmp(stages[i].name, argv[1]) == 0)
            stage = &stages[i];
    }
    for (int i = 2; good && i < argc; i++)
        good = take(&probe, argv[i]);
    if (!good || !stage || !probe.path) {
        (void)fprintf(stderr, "keyhsm-doctor-probe: a part of keyhsm doctor and keyhsm "
                              "bench, not to be called by hand\n");
        return USAGE;
    }
    return run(&probe, stage);
}
