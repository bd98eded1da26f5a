/*
 * How the parts of the lower half hang together: struct kh_token and what passes between
 * its files. Private to this folder's token files.
 *
 * Locks, in the order they are taken: the gate (everybody is inside, or one who mends),
 * then one of the pool's or the cache's mutexes, which are leaves.
 */
#ifndef KH_PKCS11_PARTS_H
#define KH_PKCS11_PARTS_H

#include "plugins/pkcs11/cache.h"
#include "plugins/pkcs11/gate.h"
#include "plugins/pkcs11/login.h"
#include "plugins/pkcs11/rv.h"
#include "plugins/pkcs11/session.h"
#include "plugins/pkcs11/softhsm.h"
#include "plugins/pkcs11/token.h"
#include "plugins/pkcs11/turn.h"

#include <stdatomic.h>
#include <sys/types.h>

struct kh_token {
    const struct kh_host *host;
    pid_t
        pid; /* of the process that opened it: a forked child must not touch the module */
    uint64_t patience; /* option call_deadline, in nanoseconds */
    struct kh_module module;
    struct kh_slot slot;
    struct kh_login login;
    struct kh_softhsm softhsm;
    struct kh_sessions sessions;
    struct kh_cache cache;
    struct kh_gate gate;
    struct kh_turn turn;         /* before the gate, never inside it */
    struct kh_token_facts facts; /* fixed once kh_token_open has returned */
    atomic_uint
        doubts; /* operations in a row that failed while the token said it is well */
    atomic_ullong doubted_at; /* when doubts last led to a re-initialisation */
    atomic_bool tidy;         /* the last pass over the token met no debris */
};

#endif
