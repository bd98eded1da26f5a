/*
 * The session pool. A session is in one thread at a time, and one that has seen an error
 * is closed, never returned: an operation may be stuck inside it.
 */
#ifndef KH_PKCS11_SESSION_H
#define KH_PKCS11_SESSION_H

#include "plugins/pkcs11/module.h"

#include <pthread.h>

#define KH_SESSIONS_MAX 256

struct kh_sessions {
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t freed;
    /* Opening and closing are serial: there are modules that cannot take two at once.
     * Taken before `mutex`, never inside it. */
    pthread_mutex_t serial;
    const struct kh_module *module;
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE
    keeper; /* carries the login while no other session is open; does nothing else */
    CK_SESSION_HANDLE idle[KH_SESSIONS_MAX];
    unsigned idle_count;
    unsigned open;          /* idle and borrowed, without the keeper */
    unsigned max;           /* as configured */
    unsigned limit;         /* as the token allows now */
    uint64_t limited_until; /* then `limit` grows back to `max` */
};

/* 0, or an errno value. MAX is cut to 1 .. KH_SESSIONS_MAX. */
int kh_sessions_init(
    struct kh_sessions *sessions, const struct kh_module *module, unsigned max);
void kh_sessions_free(struct kh_sessions *sessions);

/* Opens the keeper on SLOT. The pool must be empty. */
CK_RV kh_sessions_start(struct kh_sessions *sessions, CK_SLOT_ID slot);
/* Closes everything; what the module answers does not matter. No session may be
 * borrowed. */
void kh_sessions_stop(struct kh_sessions *sessions);

/*
 * A session for the calling thread: an idle one, else a new one, else the next that comes
 * back. CKR_CANCEL: none came back until DEADLINE (kh_clock_now). CKR_USER_NOT_LOGGED_IN:
 * a new session says that the login is lost. Else what C_OpenSession said;
 * CKR_SESSION_COUNT only when there is no session at all to wait for.
 */
CK_RV kh_session_borrow(
    struct kh_sessions *sessions, uint64_t deadline, CK_SESSION_HANDLE *session);
/* Gives it back; CLEAN is false after any error. */
void kh_session_return(
    struct kh_sessions *sessions, CK_SESSION_HANDLE session, bool clean);
/* Closes the idle ones: what broke one has often broken all. */
void kh_sessions_drop_idle(struct kh_sessions *sessions);

/* CKR_OK when SESSION is logged in as user, CKR_USER_NOT_LOGGED_IN when not. */
CK_RV kh_session_logged_in(const struct kh_module *module, CK_SESSION_HANDLE session);

#endif
