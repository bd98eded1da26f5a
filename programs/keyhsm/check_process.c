/* keyhsm validate: what a daemon needs of the system. */
#include "core/log.h"
#include "core/secmem.h"
#include "programs/keyhsm/checks.h"

static void check_log(struct kh_validation *v, const struct kh_setup_wish *wish)
{
    struct kh_error why = {0};

    if (kh_setup_log(&v->setup, wish, &why) == KH_OK)
        kh_check_ok(
            v->list, "log", "%s", kh_config_string(v->setup.config, "log", "target"));
    else
        kh_check_failed(v->list, "log", &why, "make its directory, or set [log] target");
}

/* What this program has to say meanwhile goes to the operator, not into the log. */
static kh_status quiet_log(const struct kh_setup_wish *wish, struct kh_error *err)
{
    const char *chosen = wish->args->log_level;
    kh_log_level level = KH_LOG_ERROR;

    if (chosen && kh_log_level_parse(chosen, &level) != KH_OK)
        return kh_fail(err, KH_INVALID,
            "--log-level: '%.64s' is not one of error|warning|notice|info|debug", chosen);
    return kh_log_open(wish->program, "stderr", level, err);
}

kh_status kh_check_process(
    struct kh_validation *v, const struct kh_setup_wish *wish, struct kh_error *err)
{
    struct kh_error why = {0};
    kh_status st = kh_setup_memory(&v->setup, &why);

    if (st != KH_OK)
        kh_check_failed(v->list, "memory", &why,
            "the unit keyhsmd.service raises the limit (LimitMEMLOCK=); in a shell: "
            "ulimit -l");
    else if (!kh_secmem_locked())
        kh_check_warning(v->list, "memory", "memory for secrets cannot be locked",
            "raise RLIMIT_MEMLOCK: secrets may be written to swap");
    else
        kh_check_ok(v->list, "memory", "locked");
    /* The rest is looked at all the same. */
    st = kh_secmem_init(0, KH_LOCK_PREFERRED, err);
    if (st != KH_OK)
        return st;
    check_log(v, wish);
    return quiet_log(wish, err);
}
