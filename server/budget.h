/*
 * How much body text may be in secret memory at once. Parsing one takes several times its
 * size, and a plugin that finds the secret heap used up must end the daemon: so large
 * bodies wait here, not there.
 */
#ifndef KH_SERVER_BUDGET_H
#define KH_SERVER_BUDGET_H

#include <stddef.h>

struct kh_budget;

/* NULL: no memory. */
struct kh_budget *kh_budget_new(size_t bytes);
void kh_budget_free(struct kh_budget *budget);

/* Waits until BYTES fit (one that never fits goes when it is alone). Give the same back.
 */
void kh_budget_take(struct kh_budget *budget, size_t bytes);
void kh_budget_give(struct kh_budget *budget, size_t bytes);

#endif
