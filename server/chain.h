/*
 * The links of the chain from a client to the token, as a daemon sees them: each one's
 * state, since when, and the last thing that was wrong with it. Nothing here looks; it
 * remembers what others found.
 */
#ifndef KH_SERVER_CHAIN_H
#define KH_SERVER_CHAIN_H

#include <keyhsm/types.h>

enum kh_link_state { KH_LINK_UNKNOWN, KH_LINK_OK, KH_LINK_FAILED };

/* What stands behind the daemon. */
enum kh_link_place {
    KH_LINK_NEAR, /* what it talks to: keyhsmd, the catalog */
    KH_LINK_FAR,  /* what does the work: the token, the file store */
    KH_LINKS
};

struct kh_link {
    enum kh_link_state state;
    int64_t since;   /* of this state, as far as somebody noticed; 0: not known */
    char error[512]; /* the last failure in words, also when it is over; "" none */
    int64_t error_at;
};

struct kh_chain;

/* NULL: no memory. */
struct kh_chain *kh_chain_new(void);
/* NULL is fine. */
void kh_chain_free(struct kh_chain *chain);

/* PLACE was looked at, at NOW (seconds since 1970): it works (ERROR NULL), or does not,
 * for ERROR. Thread safe. */
void kh_chain_note(
    struct kh_chain *chain, enum kh_link_place place, const char *error, int64_t now);
/* PLACE could not be looked at, for what stands before it does not work. Thread safe. */
void kh_chain_unknown(struct kh_chain *chain, enum kh_link_place place, int64_t now);

/* A request that needed the backend got what it wanted, or found it unusable. Which link
 * it was nobody knows then; but a failure that a look finds later began here. Thread
 * safe. */
void kh_chain_hint(struct kh_chain *chain, bool works, int64_t now);

/* Another backend: nothing is known any more. Thread safe. */
void kh_chain_forget(struct kh_chain *chain);

/* Thread safe. */
void kh_chain_read(struct kh_chain *chain, struct kh_link out[KH_LINKS]);

#endif
