#include "server/gate.h"

#include "core/log.h"
#include "core/name.h"
#include "server/authn.h"
#include "server/internal_name.h"
#include "server/reply.h"

#include <pthread.h>
#include <stdlib.h>

struct kh_gate {
    pthread_rwlock_t lock; /* of `rules` */
    struct kh_acl *rules;
    struct kh_audit *audit;
    bool reads;
    atomic_bool deaf; /* the last record could not be written */
    atomic_ullong denied;
    atomic_ullong entries;
    atomic_ullong failures;
};

kh_status kh_gate_new(struct kh_gate **out, struct kh_acl *rules, struct kh_audit *audit,
    bool reads, struct kh_error *err)
{
    struct kh_gate *gate = calloc(1, sizeof *gate);

    *out = gate;
    if (!gate) {
        kh_acl_free(rules);
        kh_audit_close(audit);
        return kh_fail(err, KH_FATAL, "no memory for the rules");
    }
    pthread_rwlock_init(&gate->lock, NULL);
    gate->rules = rules;
    gate->audit = audit;
    gate->reads = reads;
    return KH_OK;
}

void kh_gate_free(struct kh_gate *gate)
{
    if (!gate)
        return;
    kh_acl_free(gate->rules);
    kh_audit_close(gate->audit);
    pthread_rwlock_destroy(&gate->lock);
    free(gate);
}

void kh_gate_rules(struct kh_gate *gate, struct kh_acl *rules)
{
    struct kh_acl *old;

    pthread_rwlock_wrlock(&gate->lock);
    old = gate->rules;
    gate->rules = rules;
    pthread_rwlock_unlock(&gate->lock);
    kh_acl_free(old);
}

kh_status kh_gate_reopen(struct kh_gate *gate, struct kh_error *err)
{
    return gate->audit ? kh_audit_reopen(gate->audit, err) : KH_OK;
}

struct kh_gate_counts kh_gate_count(const struct kh_gate *gate)
{
    if (!gate)
        return (struct kh_gate_counts){0};
    return (struct kh_gate_counts){atomic_load(&gate->denied),
        atomic_load(&gate->entries), atomic_load(&gate->failures),
        atomic_load(&gate->deaf)};
}

kh_status kh_gate_recent(struct kh_gate *gate, unsigned max, kh_audit_line_fn fn,
    void *arg, struct kh_error *err)
{
    if (!gate || !gate->audit)
        return kh_fail(err, KH_NOT_FOUND, "there is no audit log");
    return kh_audit_tail(gate->audit, max, fn, arg, err);
}

static unsigned needed(const struct kh_request *request)
{
    const struct kh_route_needs *needs = &request->route->needs;

    switch (request->method) {
    case KH_METHOD_GET:
    case KH_METHOD_HEAD:
        return needs->read;
    case KH_METHOD_PUT:
        return needs->put;
    case KH_METHOD_POST:
        return needs->post;
    case KH_METHOD_DELETE:
        return needs->remove;
    default:
        return 0;
    }
}

/* What is recorded always, and not done when it cannot be: a use of a key is one, for it
 * leaves no other trace. */
static bool changes(unsigned operation)
{
    return (operation & (KH_OP_PUT | KH_OP_DELETE | KH_OP_PURGE | KH_OP_USE)) != 0;
}

static bool is_change(const struct kh_request *request, unsigned operation)
{
    return request->operation ? request->changes : changes(operation);
}

static const char *key_operation(const struct kh_request *request, unsigned operation)
{
    switch (operation) {
    case KH_OP_GET:
        return "key.get";
    case KH_OP_LIST:
        return "key.list";
    case KH_OP_PUT:
        return "key.create";
    case KH_OP_DELETE:
        return request->method == KH_METHOD_DELETE ? "key.delete" : "key.undelete";
    case KH_OP_PURGE:
        return "key.purge";
    default:
        return "key.use";
    }
}

static const char *operation_name(const struct kh_request *request, unsigned operation)
{
    if (request->operation)
        return request->operation;
    if (request->route->flags & KH_ROUTE_KEYS)
        return key_operation(request, operation);
    switch (operation) {
    case KH_OP_GET:
        return "get";
    case KH_OP_LIST:
        return "list";
    case KH_OP_PUT:
        return "put";
    case KH_OP_STATUS:
        return "status";
    case KH_OP_DELETE:
        return request->method == KH_METHOD_DELETE ? "delete" : "undelete";
    default:
        return "purge";
    }
}

bool kh_gate_allows(struct kh_gate *gate, const struct kh_request *request,
    unsigned operation, const char *name)
{
    bool allowed;

    if (!gate)
        return true;
    if (kh_name_internal(name))
        return false;
    pthread_rwlock_rdlock(&gate->lock);
    allowed = kh_acl_allows(gate->rules, &request->principal, operation, name);
    pthread_rwlock_unlock(&gate->lock);
    return allowed;
}

/* False: it could not be written. */
static bool record(struct kh_gate *gate, struct kh_request *request, unsigned operation)
{
    char version[16] = "";
    struct kh_error err = {0};
    kh_status st;

    if (!gate->audit)
        return true;
    if (request->has_version)
        snprintf(version, sizeof version, "%u", request->version);
    st = kh_audit_write(gate->audit,
        &(struct kh_audit_entry){.id = request->id,
            .principal = kh_principal_name(&request->principal),
            .user = request->principal.user,
            .real_user = request->principal.real_user,
            .certificate = request->principal.fingerprint,
            .operation = operation_name(request, operation),
            .deposit = request->name,
            .version = version,
            .status = request->response.status},
        &err);
    if (st != KH_OK)
        kh_log(KH_LOG_ERROR, "request %s is not in the audit log: %s", request->id,
            err.message);
    atomic_store(&gate->deaf, st != KH_OK);
    atomic_fetch_add(st == KH_OK ? &gate->entries : &gate->failures, 1);
    request->fatal =
        request->fatal || st == KH_FATAL; /* what is on the disk is not known */
    return st == KH_OK;
}

static void refuse_unheard(struct kh_request *request, const char *what)
{
    kh_response_clear(&request->response);
    kh_reply_later(request, 503, what, 5);
}

/* A change that could not be recorded is not made. The refusal itself is the try that
 * finds out whether the log can be written again. */
static bool heard(struct kh_gate *gate, struct kh_request *request, unsigned operation)
{
    if (!atomic_load(&gate->deaf))
        return true;
    refuse_unheard(request,
        "nothing is changed while the audit log cannot be written; see the server's log");
    (void)record(gate, request, operation);
    return false;
}

/* A listing is for whoever may see some name; what it may show is asked name by name. */
static bool may_enter(
    struct kh_gate *gate, const struct kh_request *request, unsigned operation)
{
    bool allowed;

    if (*request->name || operation == KH_OP_STATUS)
        return kh_gate_allows(gate, request, operation, request->name);
    pthread_rwlock_rdlock(&gate->lock);
    allowed = kh_acl_allows_some(gate->rules, &request->principal, operation);
    pthread_rwlock_unlock(&gate->lock);
    return allowed;
}

static void forbid(struct kh_gate *gate, struct kh_request *request)
{
    atomic_fetch_add(&gate->denied, 1);
    kh_response_refuse(&request->response, request, 403, "forbidden",
        "no rule in [acl] allows this to you");
}

bool kh_gate_admits(struct kh_gate *gate, struct kh_request *request, unsigned operation)
{
    if (kh_gate_allows(gate, request, operation, request->name))
        return true;
    forbid(gate, request);
    return false;
}

bool kh_gate_enter(struct kh_gate *gate, struct kh_request *request)
{
    unsigned operation = gate ? needed(request) : 0;

    if (!gate || !kh_route_identity(request->route))
        return true;
    if (!kh_principal_known(&request->principal)) {
        kh_authn_refuse(request, NULL);
        return false;
    }
    if (operation == 0)
        return true;
    if (!may_enter(gate, request, operation)) {
        forbid(gate, request);
        if (!record(gate, request, operation))
            refuse_unheard(request, "the audit log cannot be written");
        return false;
    }
    return !changes(operation) || heard(gate, request, operation);
}

/* A page that asks for the status every few seconds says nothing about deposits that an
 * audit wants to know. */
static bool worth_a_record(
    const struct kh_gate *gate, const struct kh_request *request, unsigned operation)
{
    return request->response.status >= 400 || is_change(request, operation) ||
           (gate->reads && operation != KH_OP_STATUS);
}

bool kh_gate_hears(struct kh_gate *gate, struct kh_request *request)
{
    return !gate || heard(gate, request, 0);
}

void kh_gate_leave(struct kh_gate *gate, struct kh_request *request)
{
    unsigned operation = gate ? needed(request) : 0;
    bool known = gate && (request->operation || operation != 0);

    if (!known || !worth_a_record(gate, request, operation))
        return;
    if (!record(gate, request, operation))
        refuse_unheard(request,
            is_change(request, operation)
                ? "the audit log cannot be written; the change may have been made"
                : "the audit log cannot be written");
}
