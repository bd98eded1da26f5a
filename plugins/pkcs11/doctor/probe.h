/*
 * keyhsm-doctor-probe: one stage of an examination of a PKCS#11 module, in a process that
 * may hang or die with it. What it finds goes to descriptor 3, a line each:
 *
 *     >C_Login        a call into the module begins
 *     <               it came back
 *     {"fact": "login.works", "value": true, "detail": "..."}
 *     .               still at work
 *
 * A fact's value is a boolean, an integer or a string. The words of facts are listed in
 * docs/doctor.md; what they mean is not judged here.
 */
#ifndef KH_PKCS11_DOCTOR_PROBE_H
#define KH_PKCS11_DOCTOR_PROBE_H

#include "plugins/pkcs11/challenge.h"
#include "plugins/pkcs11/module.h"
#include "plugins/pkcs11/slot.h"

#include <jansson.h>

/* The label of every object that is made on the token: by it they are found again. */
#define KH_PROBE_LABEL "keyhsm doctor: may be destroyed"

struct kh_probe {
    struct kh_module module;   /* its function list says which call is under way */
    CK_FUNCTION_LIST_PTR bare; /* the module's own: for measurements */
    struct kh_slot_choice choice;
    struct kh_slot slot;
    const char *path;
    int pin_fd;          /* -1: none */
    bool quick;          /* the short form of everything */
    unsigned threads;    /* of the bench */
    unsigned seconds;    /* of each measurement of the bench */
    struct kh_call call; /* on the first session; `what` names the call that failed */
    struct kh_error err;
};

/* One stage; LOGIN says whether it is run with a session that is logged in. */
struct kh_stage {
    const char *name;
    bool login;
    void (*run)(struct kh_probe *probe);
};

void kh_stage_token(struct kh_probe *probe);    /* module, token, PIN state, clock */
void kh_stage_login(struct kh_probe *probe);    /* the login, what is on the token */
void kh_stage_keys(struct kh_probe *probe);     /* key pairs and their use, random */
void kh_stage_others(struct kh_probe *probe);   /* AES and signatures */
void kh_stage_secrecy(struct kh_probe *probe);  /* does a private key stay inside */
void kh_stage_objects(struct kh_probe *probe);  /* what many keys cost */
void kh_stage_sessions(struct kh_probe *probe); /* how many, and a new start */
void kh_stage_threads(struct kh_probe *probe);  /* right answers in parallel */
void kh_stage_fork(struct kh_probe *probe);     /* a child of this process */
void kh_stage_clean(struct kh_probe *probe);    /* destroys what is marked */
void kh_stage_bench(struct kh_probe *probe);    /* operations per second */

/* ---- telling (report.c); thread safe ---- */

KH_PRINTF(3, 4)
void kh_fact_bool(const char *fact, bool value, const char *detail, ...);
KH_PRINTF(3, 4)
void kh_fact_int(const char *fact, long long value, const char *detail, ...);
void kh_fact_text(const char *fact, const char *value);
/* A word that is explained. */
void kh_fact_detailed(const char *fact, const char *value, const char *detail);
/* "C_Call: CKR_NAME", or what a verdict says, for RV of the last call. Overwritten by the
 * next call of it in this thread. */
const char *kh_probe_why(const struct kh_call *call, CK_RV rv);
/* FACT is whether RV is CKR_OK, with the reason. */
void kh_fact_rv(const char *fact, const struct kh_call *call, CK_RV rv);
void kh_probe_enter(const char *function);
void kh_probe_leave(void);
void kh_probe_alive(void);

/* The function list that tells each call, around REAL; one per process. */
CK_FUNCTION_LIST_PTR kh_probe_trace(CK_FUNCTION_LIST_PTR real);

/* ---- shared by stages (common.c) ---- */

/* Microseconds of a monotonic clock. */
long long kh_probe_now(void);
/* Logs in on a new session, which becomes that of probe->call. CKR_OK also when no PIN is
 * wanted. */
CK_RV kh_probe_login(struct kh_probe *probe);
/* Another session; close it with C_CloseSession. */
CK_RV kh_probe_session(struct kh_probe *probe, CK_SESSION_HANDLE *session);
/* The kinds of keys tried, best first; NULL after the last. */
const struct kh_trial *kh_probe_trial(size_t i);
/* A marked key pair of TRIAL's kind with a random CKA_ID, which goes to ID (may be NULL).
 * HALF is malloc'd. */
CK_RV kh_probe_make(struct kh_call *call, const struct kh_trial *trial, bool on_token,
    struct kh_key_id *id, CK_OBJECT_HANDLE *key, struct kh_public_half *half);
/* The first kind of which a pair can be made and used here; NULL: none. */
const struct kh_trial *kh_probe_kind(struct kh_probe *probe);
/* Destroys KEY if there is one. */
void kh_probe_drop(struct kh_call *call, CK_OBJECT_HANDLE key);

#endif
