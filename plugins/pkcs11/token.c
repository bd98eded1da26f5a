#include "plugins/pkcs11/token.h"

#include "plugins/pkcs11/clock.h"
#include "plugins/pkcs11/profile.h"
#include "plugins/pkcs11/recover.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A module has one C_Initialize and one login for the whole process. */
static atomic_flag taken = ATOMIC_FLAG_INIT;

static kh_status init_parts(struct kh_token *token, struct kh_error *err)
{
    const struct kh_host *host = token->host;
    int64_t sessions = host->option_int(host, "sessions");
    int64_t deadline = host->option_int(host, "call_deadline");

    if (sessions < 1 || sessions > KH_SESSIONS_MAX)
        return kh_fail(err, KH_INVALID, "option sessions is %lld; 1 to %d are possible",
            (long long)sessions, KH_SESSIONS_MAX);
    if (deadline < 1)
        return kh_fail(
            err, KH_INVALID, "option call_deadline must be at least one second");
    token->patience = (uint64_t)deadline * KH_SECOND;
    if (kh_turn_init(&token->turn) != 0 || kh_gate_init(&token->gate) != 0 ||
        kh_cache_init(&token->cache) != 0 ||
        kh_sessions_init(&token->sessions, &token->module, (unsigned)sessions) != 0)
        return kh_fail(err, KH_FATAL, "no memory for the token");
    return KH_OK;
}

static void copy_facts(struct kh_token *token)
{
    struct kh_token_facts *facts = &token->facts;

    memcpy(facts->label, token->slot.label, sizeof facts->label);
    memcpy(facts->serial, token->slot.serial, sizeof facts->serial);
    facts->key_limit = token->module.quirks.key_limit;
    memcpy(facts->manufacturer, token->slot.manufacturer, sizeof facts->manufacturer);
}

static kh_status bring_up(struct kh_token *token, struct kh_error *err)
{
    const struct kh_host *host = token->host;
    struct kh_slot_choice choice;
    kh_status st = init_parts(token, err);

    token->module.init_args = kh_option_given(host, "init_args");
    if (st == KH_OK)
        st = kh_module_load(&token->module, host->option_string(host, "module"), err);
    kh_slot_choice_read(host, &choice);
    if (st == KH_OK)
        st = kh_bring_up(token, &choice, err);
    if (st != KH_OK)
        return st;
    copy_facts(token);
    st = kh_profile_find(token, host->option_string(host, "key_type"), err);
    if (st == KH_OK)
        host->log(host, KH_LOG_INFO, "token '%s' (serial %s, %s): %s, keys of %u bits",
            token->facts.label, token->facts.serial, token->facts.manufacturer,
            token->facts.profile, token->facts.key_bits);
    return st;
}

kh_status kh_token_open(
    struct kh_token **out, const struct kh_host *host, struct kh_error *err)
{
    struct kh_token *token;
    kh_status st;

    if (atomic_flag_test_and_set(&taken))
        return kh_fail(err, KH_BUSY,
            "this process has a token open already; a module can be used once in a "
            "process");
    token = calloc(1, sizeof *token);
    if (!token) {
        atomic_flag_clear(&taken);
        return kh_fail(err, KH_FATAL, "no memory for the token");
    }
    token->host = host;
    token->pid = getpid();
    st = bring_up(token, err);
    if (st != KH_OK) {
        kh_token_close(token);
        return st;
    }
    *out = token;
    return KH_OK;
}

/* False: a thread is stuck in the module. It would die, and we with it, in C_Finalize, so
 * all of it stays as it is. */
static bool shut_down(struct kh_token *token)
{
    if (token->gate.generation == 0) /* not even the gate was made */
        return true;
    if (!kh_gate_drain(&token->gate, kh_clock_now() + token->patience))
        return false;
    if (token->module.initialised)
        kh_sessions_stop(&token->sessions);
    kh_module_fini(&token->module);
    kh_sessions_free(&token->sessions);
    kh_cache_free(&token->cache);
    kh_gate_free(&token->gate);
    kh_turn_free(&token->turn);
    return true;
}

void kh_token_close(struct kh_token *token)
{
    if (!token)
        return;
    kh_login_wipe(&token->login, token->host);
    /* In a forked child the module is the parent's. */
    if (token->pid == getpid()) {
        if (!shut_down(token)) {
            token->host->log(token->host, KH_LOG_ERROR,
                "a call has not come back from the module: it is left without "
                "C_Finalize");
            return;
        }
        atomic_flag_clear(&taken);
    }
    free(token);
}

void kh_token_facts(const struct kh_token *token, struct kh_token_facts *facts)
{
    *facts = token->facts;
}
