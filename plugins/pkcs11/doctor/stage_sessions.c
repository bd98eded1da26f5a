/* How many sessions, and whether the module can be left and entered again: what a daemon
 * does when the device was lost. */
#include "plugins/pkcs11/doctor/probe.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { MOST = 1024, MOST_QUICK = 64 };

static void open_many(struct kh_probe *probe)
{
    static CK_SESSION_HANDLE sessions[MOST];
    size_t most = probe->quick ? MOST_QUICK : MOST;
    size_t count = 0;
    CK_RV rv = CKR_OK;

    while (count < most) {
        rv = kh_probe_session(probe, &sessions[count]);
        if (rv != CKR_OK)
            break;
        count++;
    }
    kh_fact_int(
        "sessions.opened", (long long)count, "%s", kh_probe_why(&probe->call, rv));
    while (count > 0)
        (void)probe->module.p11->C_CloseSession(sessions[--count]);
}

static void again(struct kh_probe *probe)
{
    kh_status st;
    CK_RV rv;

    kh_module_fini(&probe->module);
    st = kh_module_init(&probe->module, &probe->err);
    if (st == KH_OK)
        st = kh_slot_find(&probe->module, &probe->choice, &probe->slot, &probe->err);
    if (st != KH_OK) {
        kh_fact_bool("module.again", false, "%s", probe->err.message);
        return;
    }
    rv = kh_probe_login(probe);
    kh_fact_rv("module.again", &probe->call, rv);
}

void kh_stage_sessions(struct kh_probe *probe)
{
    open_many(probe);
    again(probe);
}
