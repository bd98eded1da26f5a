/*
 * What was learned of deposits when they were opened: whether each is a Hadoop key, and
 * then its metadata. No secret. So names are listed, and metadata is told, without the
 * token, once a version was opened here or was made here.
 *
 * A version never changes, so what is known of one is true as long as it is there. A fact
 * therefore stands under name, number and time of creation, which every listing has, and
 * is good for that version only. Where the place does not know the time (0), a name that
 * was changed by another way is forgotten with kh_kms_facts_drop.
 */
#ifndef KH_KMS_FACTS_H
#define KH_KMS_FACTS_H

#include <keyhsm/types.h>

#include <stdatomic.h>

/* Which version a fact is of. */
struct kh_kms_place {
    const char *name;
    uint32_t version;
    int64_t created; /* as the listing has it */
};

/* Does not change while somebody has it. */
struct kh_kms_fact {
    atomic_uint refs;
    const char *metadata; /* JSON; NULL: no Hadoop key */
    char acl[];           /* the name its rules stand under */
};

/* With one reference, the caller's. METADATA, of LEN bytes, may be NULL. NULL: no memory.
 */
struct kh_kms_fact *kh_kms_fact_new(const char *metadata, size_t len, const char *acl);
/* Gives a reference back. NULL is fine. Thread safe. */
void kh_kms_fact_release(struct kh_kms_fact *fact);
/* For __attribute__((cleanup())). */
void kh_kms_fact_cleanup(struct kh_kms_fact **fact);
#define KH_CLEANUP_FACT __attribute__((cleanup(kh_kms_fact_cleanup)))

struct kh_kms_facts;

/* At most MAX facts, and BYTES bytes of them; what does not fit is not remembered. NULL:
 * no memory. */
struct kh_kms_facts *kh_kms_facts_new(size_t max, size_t bytes);
/* NULL is fine. */
void kh_kms_facts_free(struct kh_kms_facts *facts);

/* All of these are thread safe. */

/* With a reference for the caller; NULL: not known. */
struct kh_kms_fact *kh_kms_facts_get(
    struct kh_kms_facts *facts, const struct kh_kms_place *place);
/* To take before the deposit is opened, or made. */
uint64_t kh_kms_facts_ticket(struct kh_kms_facts *facts);
/* Keeps FACT, with a reference of its own, in place of what was known of that name;
 * unless a name was dropped since TICKET, for it may have been this one. */
void kh_kms_facts_put(struct kh_kms_facts *facts, const struct kh_kms_place *place,
    struct kh_kms_fact *fact, uint64_t ticket);
/* What is known of NAME. NULL: of all that nobody asked for since the last time, and that
 * has no time of creation. */
void kh_kms_facts_drop(struct kh_kms_facts *facts, const char *name);
size_t kh_kms_facts_count(struct kh_kms_facts *facts);

#endif
