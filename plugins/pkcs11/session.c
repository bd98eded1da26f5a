#include "plugins/pkcs11/session.h"

#include "plugins/pkcs11/clock.h"

/* How long a token that ran out of sessions is not asked for more. */
#define LIMITED_FOR (30 * KH_SECOND)

int kh_sessions_init(
    struct kh_sessions *sessions, const struct kh_module *module, unsigned max)
{
    int rc = kh_cond_init(&sessions->freed);

    if (rc != 0)
        return rc;
    (void)pthread_mutex_init(&sessions->mutex, NULL);
    (void)pthread_mutex_init(&sessions->serial, NULL);
    sessions->module = module;
    sessions->max = max < 1 ? 1 : max > KH_SESSIONS_MAX ? KH_SESSIONS_MAX : max;
    sessions->limit = sessions->max;
    return 0;
}

void kh_sessions_free(struct kh_sessions *sessions)
{
    (void)pthread_cond_destroy(&sessions->freed);
    (void)pthread_mutex_destroy(&sessions->mutex);
    (void)pthread_mutex_destroy(&sessions->serial);
}

CK_RV kh_session_logged_in(const struct kh_module *module, CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info = {0};
    CK_RV rv = module->p11->C_GetSessionInfo(session, &info);

    if (rv != CKR_OK)
        return rv;
    return info.state == CKS_RW_USER_FUNCTIONS ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
}

static CK_RV open_session(struct kh_sessions *sessions, CK_SESSION_HANDLE *session)
{
    CK_RV rv;

    (void)pthread_mutex_lock(&sessions->serial);
    rv = sessions->module->p11->C_OpenSession(
        sessions->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, session);
    (void)pthread_mutex_unlock(&sessions->serial);
    return rv;
}

static void close_session(struct kh_sessions *sessions, CK_SESSION_HANDLE session)
{
    (void)pthread_mutex_lock(&sessions->serial);
    (void)sessions->module->p11->C_CloseSession(session);
    (void)pthread_mutex_unlock(&sessions->serial);
}

CK_RV kh_sessions_start(struct kh_sessions *sessions, CK_SLOT_ID slot)
{
    sessions->slot = slot;
    return open_session(sessions, &sessions->keeper);
}

void kh_sessions_drop_idle(struct kh_sessions *sessions)
{
    for (;;) {
        CK_SESSION_HANDLE session;

        (void)pthread_mutex_lock(&sessions->mutex);
        if (sessions->idle_count == 0) {
            (void)pthread_mutex_unlock(&sessions->mutex);
            return;
        }
        session = sessions->idle[--sessions->idle_count];
        sessions->open--;
        (void)pthread_mutex_unlock(&sessions->mutex);
        close_session(sessions, session);
    }
}

void kh_sessions_stop(struct kh_sessions *sessions)
{
    kh_sessions_drop_idle(sessions);
    if (sessions->keeper != CK_INVALID_HANDLE)
        close_session(sessions, sessions->keeper);
    sessions->keeper = CK_INVALID_HANDLE;
}

/* Takes an idle session, or the right to open one. With the mutex held; waits. False: too
 * late. */
static bool reserve(
    struct kh_sessions *sessions, uint64_t deadline, CK_SESSION_HANDLE *session)
{
    for (;;) {
        if (sessions->limit < sessions->max && kh_clock_now() >= sessions->limited_until)
            sessions->limit = sessions->max;
        if (sessions->idle_count > 0) {
            *session = sessions->idle[--sessions->idle_count];
            return true;
        }
        if (sessions->open < sessions->limit) {
            sessions->open++;
            *session = CK_INVALID_HANDLE;
            return true;
        }
        if (!kh_cond_wait(&sessions->freed, &sessions->mutex, deadline) &&
            sessions->idle_count == 0 && sessions->open >= sessions->limit)
            return false;
    }
}

/* The right to open was of no use. True: others have sessions, so waiting for one makes
 * sense. */
static bool give_up_opening(struct kh_sessions *sessions, CK_RV rv)
{
    bool wait = false;

    (void)pthread_mutex_lock(&sessions->mutex);
    sessions->open--;
    if (rv == CKR_SESSION_COUNT && sessions->open > 0) {
        sessions->limit = sessions->open;
        sessions->limited_until = kh_clock_now() + LIMITED_FOR;
        wait = true;
    }
    (void)pthread_cond_signal(&sessions->freed);
    (void)pthread_mutex_unlock(&sessions->mutex);
    return wait;
}

CK_RV kh_session_borrow(
    struct kh_sessions *sessions, uint64_t deadline, CK_SESSION_HANDLE *session)
{
    for (;;) {
        bool got;
        CK_RV rv;

        (void)pthread_mutex_lock(&sessions->mutex);
        got = reserve(sessions, deadline, session);
        (void)pthread_mutex_unlock(&sessions->mutex);
        if (!got)
            return CKR_CANCEL;
        if (*session != CK_INVALID_HANDLE)
            return CKR_OK;
        rv = open_session(sessions, session);
        if (rv == CKR_OK) {
            rv = kh_session_logged_in(sessions->module, *session);
            if (rv == CKR_OK)
                return CKR_OK;
            kh_session_return(sessions, *session, false);
            return rv;
        }
        if (!give_up_opening(sessions, rv))
            return rv;
    }
}

void kh_session_return(
    struct kh_sessions *sessions, CK_SESSION_HANDLE session, bool clean)
{
    if (!clean)
        close_session(sessions, session);
    (void)pthread_mutex_lock(&sessions->mutex);
    if (clean && sessions->open <= sessions->limit) {
        sessions->idle[sessions->idle_count++] = session;
        clean = false;
        session = CK_INVALID_HANDLE;
    } else {
        sessions->open--;
    }
    (void)pthread_cond_signal(&sessions->freed);
    (void)pthread_mutex_unlock(&sessions->mutex);
    /* Clean, but one more than the token allows now. */
    if (clean && session != CK_INVALID_HANDLE)
        close_session(sessions, session);
}
