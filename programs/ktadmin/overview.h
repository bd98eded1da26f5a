/* What `ktadmin status` knows: the store, the backend, keyhsmd, certificates. */
#ifndef KH_KTADMIN_OVERVIEW_H
#define KH_KTADMIN_OVERVIEW_H

#include "core/backend.h"
#include "programs/common/setup.h"
#include "programs/ktadmin/pin.h"

#include <limits.h>

#define KH_PROBLEM_SIZE 512 /* of struct kh_error.message */

/* Deposits and versions by state. A deposit with an active version is active; corrupt is
 * whatever cannot be trusted, and counts under its state, too. */
struct kh_counts {
    uint64_t active_deposits;
    uint64_t deleted_deposits;
    uint64_t corrupt_deposits;
    uint64_t active_versions;
    uint64_t deleted_versions;
    uint64_t corrupt_versions;
};

struct kh_certificate_facts {
    char path[PATH_MAX];
    bool there;
    char fingerprint[65];          /* SHA-256 */
    int days;                      /* left */
    char problem[KH_PROBLEM_SIZE]; /* "" or why nothing is known */
};

struct kh_overview {
    char directory[PATH_MAX]; /* of the store */
    char backend[64];         /* keytrusteed's, as configured */
    bool sealed;
    char sealed_for[256];
    char store_problem[KH_PROBLEM_SIZE];
    char server[1025]; /* keyhsmd's URL, or "": not configured */
    char place[256];   /* where keyhsmd keeps deposits, when it answers */
    char server_problem[KH_PROBLEM_SIZE];
    bool counted; /* from the backend that serves */
    struct kh_counts counts;
    struct kh_certificate_facts certificate; /* keytrusteed's */
    struct kh_certificate_facts pin;         /* keyhsmd's */
};

/* Counts everything in BACKEND, by pages. */
KH_CHECK kh_status kh_count_states(
    struct kh_backend *backend, struct kh_counts *counts, struct kh_error *err);

/* Reads keytrustee.ini, opens the store and, when it is configured, keyhsmd. What cannot
 * be found out is said in OUT; KH_INVALID is a configuration that cannot be read. */
KH_CHECK kh_status kh_overview(
    struct kh_overview *out, const struct kh_setup_args *args, struct kh_error *err);

/* Does the configured backend serve? "" or why not. */
const char *kh_overview_problem(const struct kh_overview *overview);

#endif
