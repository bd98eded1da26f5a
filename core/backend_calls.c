#include "core/backend_calls.h"

/* A token needs 0.2 ms for a get, 14 ms and more for a put; a remote one a network more.
 */
const double kh_call_bounds[KH_CALL_BOUNDS] = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30};

const char *kh_call_name(kh_call call)
{
    static const char *const names[KH_CALLS] = {
        [KH_CALL_OPEN] = "open",
        [KH_CALL_PROBE] = "probe",
        [KH_CALL_INFO] = "info",
        [KH_CALL_RESERVE] = "reserve",
        [KH_CALL_CHECK] = "check",
        [KH_CALL_RANDOM] = "random",
        [KH_CALL_SEAL] = "seal",
        [KH_CALL_PUT] = "put",
        [KH_CALL_GET] = "get",
        [KH_CALL_STAT] = "stat",
        [KH_CALL_LIST] = "list",
        [KH_CALL_REMOVE] = "remove",
        [KH_CALL_RESTORE] = "restore",
        [KH_CALL_PURGE] = "purge",
        [KH_CALL_FINGERPRINT] = "fingerprint",
        [KH_CALL_ATTEST] = "attest",
        [KH_CALL_ATTEST_ROUND] = "attest_round",
        [KH_CALL_USAGE] = "usage",
        [KH_CALL_BACKED_UP] = "backed_up",
        [KH_CALL_KEY_CREATE] = "key_create",
        [KH_CALL_KEY_STAT] = "key_stat",
        [KH_CALL_KEY_LIST] = "key_list",
        [KH_CALL_KEY_USE] = "key_use",
        [KH_CALL_KEY_CHANGE] = "key_change",
    };

    return names[call];
}

void kh_call_count(struct kh_call_counts *counts, kh_status status, uint64_t ns)
{
    unsigned at = (unsigned)status < KH_CALL_STATUSES ? (unsigned)status : KH_FATAL;
    int bound = 0;

    while (bound < KH_CALL_BOUNDS && (double)ns / 1e9 > kh_call_bounds[bound])
        bound++;
    atomic_fetch_add(&counts->by_status[at], 1);
    atomic_fetch_add(&counts->by_duration[bound], 1);
    atomic_fetch_add(&counts->sum_us, ns / 1000);
}
