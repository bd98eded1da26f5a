/* What a plugin leaves in the process it is a guest of. */
#ifndef KH_CONFORMANCE_TRACES_H
#define KH_CONFORMANCE_TRACES_H

#include <stdbool.h>
#include <stddef.h>

struct kh_traces {
    long descriptors; /* open files */
    long threads;
    size_t secret; /* bytes of secret memory in use */
    size_t heap;   /* bytes of malloc in use */
};
/* Counts them. */
struct kh_traces kh_traces_now(void);

/* A secret of 32 random bytes that this process keeps masked, so that it can look for
 * copies of it without finding its own. */
struct kh_marked {
    unsigned char masked[32];
};
/* A new one. */
void kh_marked_new(struct kh_marked *mark);
/* The secret itself into OUT. The caller wipes it. */
void kh_marked_reveal(const struct kh_marked *mark, unsigned char out[32]);
/*
 * How many copies of the secret stand in memory this process can read and write: heap,
 * stacks, data. WHERE gets the name of the first place, "" without one.
 */
size_t kh_marked_copies(const struct kh_marked *mark, char *where, size_t size);

#endif
