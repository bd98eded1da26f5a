/*
 * Who may do what, and the record of it: the rules (acl.h) and the audit log (audit.h) of
 * a daemon whose callers are many. A daemon without a gate lets everybody who may connect
 * do everything.
 *
 * kh_gate_enter and kh_gate_leave stand around a route's handler, on its worker: both may
 * wait for the disk.
 */
#ifndef KH_SERVER_GATE_H
#define KH_SERVER_GATE_H

#include "server/acl.h"
#include "server/audit.h"
#include "server/router.h"

struct kh_gate;

/* RULES and AUDIT become the gate's (also when it fails). AUDIT may be NULL: nothing is
 * recorded. READS: successful reads are recorded too. */
KH_CHECK kh_status kh_gate_new(struct kh_gate **out, struct kh_acl *rules,
    struct kh_audit *audit, bool reads, struct kh_error *err);
/* NULL is fine. No request may be under way. */
void kh_gate_free(struct kh_gate *gate);

/* New rules in place of the old ones, which are freed; RULES becomes the gate's. Requests
 * under way finish by the rule that let them in. Thread safe. */
void kh_gate_rules(struct kh_gate *gate, struct kh_acl *rules);
/* The audit log was moved away: goes on in a new file (audit.h). Thread safe. */
KH_CHECK kh_status kh_gate_reopen(struct kh_gate *gate, struct kh_error *err);

/* kh_audit_tail of the gate's log; KH_NOT_FOUND when it has none. GATE may be NULL.
 * Thread safe. */
KH_CHECK kh_status kh_gate_recent(struct kh_gate *gate, unsigned max, kh_audit_line_fn fn,
    void *arg, struct kh_error *err);

/*
 * False: the caller may not, and REQUEST is answered: 401 without an identity, 403
 * without the right, 503 when a change could not be recorded. GATE may be NULL: true.
 * A listing is entered by whoever may see some name; what it may show is asked name by
 * name. Thread safe.
 */
KH_CHECK bool kh_gate_enter(struct kh_gate *gate, struct kh_request *request);

/* Records what was answered, before it is sent (but no status that was shown). When it
 * cannot be recorded the answer is replaced by a 503. GATE may be NULL. Thread safe. */
void kh_gate_leave(struct kh_gate *gate, struct kh_request *request);

struct kh_gate_counts {
    uint64_t denied;   /* requests that no rule allowed */
    uint64_t entries;  /* written to the audit log */
    uint64_t failures; /* that could not be written */
    bool deaf;         /* the last one could not */
};

/* Since the gate was made. GATE may be NULL: all zero. Thread safe. */
struct kh_gate_counts kh_gate_count(const struct kh_gate *gate);

/* For a handler that says itself what the request is (request->operation), before it
 * changes anything. False: the audit log cannot be written, and REQUEST is answered with
 * 503. GATE may be NULL: true. Thread safe. */
KH_CHECK bool kh_gate_hears(struct kh_gate *gate, struct kh_request *request);

/* For a handler that finds the name in the body: whether the caller may do OPERATION on
 * REQUEST->name. False: REQUEST is answered with 403, and kh_gate_leave records it. GATE
 * may be NULL: true. Thread safe. */
KH_CHECK bool kh_gate_admits(
    struct kh_gate *gate, struct kh_request *request, unsigned operation);

/* Whether the caller of REQUEST may do OPERATION (KH_OP_*) on NAME: nobody may on the
 * daemon's own names (internal_name.h). GATE may be NULL: true. Thread safe. */
bool kh_gate_allows(struct kh_gate *gate, const struct kh_request *request,
    unsigned operation, const char *name);

#endif
