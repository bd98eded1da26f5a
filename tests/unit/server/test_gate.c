/* The gate with real rules and a real audit log: who enters, and what is recorded. */
#include "server/gate.h"

#include "core/config.h"
#include "server/reply.h"

#include "tests/lib/testlib.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/keyhsm-gate-XXXXXX";
static char path[64];
static struct kh_gate *gate;
static struct kh_request request;

static void run(struct kh_app *app, struct kh_request *r)
{
    (void)app, (void)r;
}

enum {
    ONE,
    LIST,
    ROLL,
    UNDELETE,
    PURGE,
    OPEN,
    KNOWN,
    STATUS,
    KEYS,
    KEY,
    SIGN,
    KEY_BACK,
    KEY_PURGE
};
#define GET_PUT_DELETE (KH_METHOD_GET | KH_METHOD_PUT | KH_METHOD_DELETE)
static const struct kh_route routes[] = {
    [ONE] = {GET_PUT_DELETE, "/one/{name}", run, 0,
        {.read = KH_OP_GET, .put = KH_OP_PUT, .remove = KH_OP_DELETE}},
    [LIST] = {KH_METHOD_GET, "/list", run, 0, {.read = KH_OP_LIST}},
    [ROLL] = {KH_METHOD_POST, "/one/{name}/roll", run, 0, {.post = KH_OP_PUT}},
    [UNDELETE] = {KH_METHOD_POST, "/one/{name}/back", run, 0, {.post = KH_OP_DELETE}},
    [PURGE] = {KH_METHOD_POST, "/one/{name}/purge", run, 0, {.post = KH_OP_PURGE}},
    [OPEN] = {KH_METHOD_GET, "/open", run, 0, {0}},
    [KNOWN] = {KH_METHOD_GET, "/known", run, KH_ROUTE_KNOWN, {0}},
    [STATUS] = {KH_METHOD_GET, "/status", run, 0, {.read = KH_OP_STATUS}},
    [KEYS] = {KH_METHOD_GET | KH_METHOD_POST, "/keys", run, KH_ROUTE_KEYS,
        {.read = KH_OP_LIST, .post = KH_OP_PUT}},
    [KEY] = {KH_METHOD_GET | KH_METHOD_DELETE, "/keys/{name}", run, KH_ROUTE_KEYS,
        {.read = KH_OP_GET, .remove = KH_OP_DELETE}},
    [SIGN] = {KH_METHOD_POST, "/keys/{name}/sign", run, KH_ROUTE_KEYS,
        {.post = KH_OP_USE}},
    [KEY_BACK] = {KH_METHOD_POST, "/keys/{name}/back", run, KH_ROUTE_KEYS,
        {.post = KH_OP_DELETE}},
    [KEY_PURGE] = {KH_METHOD_POST, "/keys/{name}/purge", run, KH_ROUTE_KEYS,
        {.post = KH_OP_PURGE}},
};

static struct kh_acl *rules(const char *const *lines)
{
    struct kh_config *config = NULL;
    struct kh_acl *acl = NULL;
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_config_load(&config, NULL, &err), err);
    for (; *lines; lines++)
        KH_ASSERT_OK_FATAL(kh_config_override(config, *lines, &err), err);
    KH_ASSERT_OK_FATAL(kh_config_claim_free(config, "acl", &err), err);
    KH_ASSERT_OK_FATAL(kh_acl_new(&acl, config, &err), err);
    kh_config_free(config);
    return acl;
}

static void open_gate(bool reads)
{
    static const char *const lines[] = {"acl.owner=allow all on app-* to CN=owner",
        "acl.reader=allow get on app-1 to CN=reader",
        "acl.watcher=allow status on * to CN=watcher", NULL};
    struct kh_audit *audit = NULL;
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_audit_open(&audit, path, &err), err);
    KH_ASSERT_OK_FATAL(kh_gate_new(&gate, rules(lines), audit, reads, &err), err);
}

static void close_gate(void)
{
    kh_gate_free(gate);
    gate = NULL;
    kh_response_clear(&request.response);
    unlink(path);
}

/* The request of CALLER (NULL: anonymous); true when it enters. */
static bool enter(const char *caller, int route, kh_method method, const char *name)
{
    kh_response_clear(&request.response);
    request = (struct kh_request){.method = method, .route = &routes[route], .id = "id"};
    snprintf(request.name, sizeof request.name, "%s", name);
    if (caller) {
        snprintf(
            request.principal.subject, sizeof request.principal.subject, "%s", caller);
        memset(request.principal.fingerprint, 'a', 64);
    }
    return kh_gate_enter(gate, &request);
}

static void leave(int status)
{
    request.response.status = status;
    kh_gate_leave(gate, &request);
}

/* The last line of the log, without its newline. */
static const char *last_line(void)
{
    static char line[2048];
    char next[2048];
    FILE *log = fopen(path, "re");

    CU_ASSERT_PTR_NOT_NULL_FATAL(log);
    line[0] = '\0';
    while (fgets(next, sizeof next, log))
        snprintf(line, sizeof line, "%s", next);
    fclose(log);
    return line;
}

static unsigned entries(void)
{
    struct kh_audit_report report = {0};
    struct kh_error err = {0};
    const char *files[] = {path};

    KH_ASSERT_OK(kh_audit_verify(files, 1, NULL, &report, &err), err);
    return (unsigned)report.entries;
}

static bool recorded(const char *operation, const char *deposit, int status)
{
    char want[256];

    snprintf(
        want, sizeof want, "\"operation\":\"%s\",\"deposit\":\"%s\"", operation, deposit);
    if (!strstr(last_line(), want))
        return false;
    snprintf(want, sizeof want, "\"status\":%d,", status);
    return strstr(last_line(), want) != NULL;
}

static void without_a_gate_everybody_does_everything(void)
{
    CU_ASSERT_PTR_NULL(gate);
    CU_ASSERT_TRUE(enter(NULL, PURGE, KH_METHOD_POST, "app-1"));
    CU_ASSERT_TRUE(kh_gate_allows(NULL, &request, KH_OP_PURGE, "app-1"));
    leave(200);
    CU_ASSERT_EQUAL(request.response.status, 200);
}

static void strangers_are_told_to_come_with_a_certificate(void)
{
    unsigned before;

    open_gate(true);
    before = entries();
    CU_ASSERT_TRUE(enter(NULL, OPEN, KH_METHOD_GET, ""));
    CU_ASSERT_FALSE(enter(NULL, KNOWN, KH_METHOD_GET, ""));
    CU_ASSERT_EQUAL(request.response.status, 401);
    CU_ASSERT_FALSE(enter(NULL, ONE, KH_METHOD_GET, "app-1"));
    CU_ASSERT_EQUAL(request.response.status, 401);
    CU_ASSERT_EQUAL(request.response.header_count, 1);
    CU_ASSERT_STRING_EQUAL(request.response.headers[0].name, "WWW-Authenticate");
    CU_ASSERT_FALSE(enter(NULL, LIST, KH_METHOD_GET, ""));
    CU_ASSERT_EQUAL(request.response.status, 401);
    CU_ASSERT_EQUAL(entries(), before);
    close_gate();
}

static void rules_decide_by_operation_and_name(void)
{
    open_gate(true);
    CU_ASSERT_TRUE(enter("CN=owner", ONE, KH_METHOD_PUT, "app-2"));
    CU_ASSERT_TRUE(enter("CN=owner", ROLL, KH_METHOD_POST, "app-2"));
    CU_ASSERT_TRUE(enter("CN=owner", PURGE, KH_METHOD_POST, "app-2"));
    CU_ASSERT_FALSE(enter("CN=owner", ONE, KH_METHOD_GET, "sys-1"));
    CU_ASSERT_EQUAL(request.response.status, 403);
    CU_ASSERT_TRUE(enter("CN=reader", ONE, KH_METHOD_GET, "app-1"));
    CU_ASSERT_FALSE(enter("CN=reader", ONE, KH_METHOD_PUT, "app-1"));
    CU_ASSERT_FALSE(enter("CN=reader", ONE, KH_METHOD_DELETE, "app-1"));
    CU_ASSERT_FALSE(enter("CN=reader", ROLL, KH_METHOD_POST, "app-1"));
    CU_ASSERT_FALSE(enter("CN=reader", UNDELETE, KH_METHOD_POST, "app-1"));
    CU_ASSERT_FALSE(enter("CN=reader", PURGE, KH_METHOD_POST, "app-1"));
    CU_ASSERT_TRUE(enter("CN=reader", KNOWN, KH_METHOD_GET, ""));
    CU_ASSERT_EQUAL(kh_gate_count(gate).denied, 6);
    CU_ASSERT_EQUAL(kh_gate_count(gate).entries, 6);
    CU_ASSERT_EQUAL(kh_gate_count(NULL).denied, 0);
    close_gate();
}

static void a_listing_is_entered_by_whoever_may_see_some_name(void)
{
    open_gate(true);
    CU_ASSERT_TRUE(enter("CN=owner", LIST, KH_METHOD_GET, ""));
    CU_ASSERT_TRUE(kh_gate_allows(gate, &request, KH_OP_LIST, "app-7"));
    CU_ASSERT_FALSE(kh_gate_allows(gate, &request, KH_OP_LIST, "sys-7"));
    CU_ASSERT_FALSE(enter("CN=reader", LIST, KH_METHOD_GET, ""));
    CU_ASSERT_EQUAL(request.response.status, 403);
    CU_ASSERT_TRUE(recorded("list", "", 403));
    close_gate();
}

static void each_answer_is_recorded_with_its_operation(void)
{
    static const struct {
        int route;
        kh_method method;
        const char *operation;
    } cases[] = {
        {ONE, KH_METHOD_GET, "get"},
        {ONE, KH_METHOD_PUT, "put"},
        {ONE, KH_METHOD_DELETE, "delete"},
        {ROLL, KH_METHOD_POST, "put"},
        {UNDELETE, KH_METHOD_POST, "undelete"},
        {PURGE, KH_METHOD_POST, "purge"},
    };

    open_gate(true);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CU_ASSERT_TRUE(enter("CN=owner", cases[i].route, cases[i].method, "app-1"));
        request.version = 3;
        request.has_version = i % 2 == 0;
        leave(200 + (int)i);
        CU_ASSERT_TRUE(recorded(cases[i].operation, "app-1", 200 + (int)i));
        CU_ASSERT_PTR_NOT_NULL(strstr(last_line(), "\"principal\":\"CN=owner\""));
        CU_ASSERT_PTR_NOT_NULL(
            strstr(last_line(), i % 2 == 0 ? "\"version\":\"3\"" : "\"version\":\"\""));
    }
    CU_ASSERT_FALSE(enter("CN=reader", PURGE, KH_METHOD_POST, "app-1"));
    CU_ASSERT_TRUE(recorded("purge", "app-1", 403));
    close_gate();
}

static void what_is_done_with_keys_is_told_from_deposits(void)
{
    static const struct {
        int route;
        kh_method method;
        const char *name;
        const char *operation;
    } cases[] = {
        {KEYS, KH_METHOD_GET, "", "key.list"},
        {KEYS, KH_METHOD_POST, "", "key.create"},
        {KEY, KH_METHOD_GET, "app-1", "key.get"},
        {KEY, KH_METHOD_DELETE, "app-1", "key.delete"},
        {SIGN, KH_METHOD_POST, "app-1", "key.use"},
        {KEY_BACK, KH_METHOD_POST, "app-1", "key.undelete"},
        {KEY_PURGE, KH_METHOD_POST, "app-1", "key.purge"},
    };

    open_gate(true);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CU_ASSERT_TRUE(enter("CN=owner", cases[i].route, cases[i].method, cases[i].name));
        leave(200 + (int)i);
        CU_ASSERT_TRUE(recorded(cases[i].operation, cases[i].name, 200 + (int)i));
    }
    CU_ASSERT_FALSE(enter("CN=reader", SIGN, KH_METHOD_POST, "app-1"));
    CU_ASSERT_TRUE(recorded("key.use", "app-1", 403));
    close_gate();
}

/* Reads are not recorded here: a use is none, for it leaves no other trace. */
static void every_use_of_a_key_is_recorded_with_its_scheme(void)
{
    unsigned before;

    open_gate(false);
    before = entries();
    CU_ASSERT_TRUE(enter("CN=owner", KEY, KH_METHOD_GET, "app-1"));
    leave(200);
    CU_ASSERT_EQUAL(entries(), before);
    CU_ASSERT_TRUE(enter("CN=owner", SIGN, KH_METHOD_POST, "app-1"));
    request.operation = "key.use.ecdsa"; /* as the handler finds it in the body */
    request.changes = true;
    leave(200);
    CU_ASSERT_EQUAL(entries(), before + 1);
    CU_ASSERT_TRUE(recorded("key.use.ecdsa", "app-1", 200));
    close_gate();
}

static void a_name_of_the_body_is_asked_for_by_the_handler(void)
{
    unsigned before;

    open_gate(false);
    before = entries();
    CU_ASSERT_TRUE(enter("CN=owner", KEYS, KH_METHOD_POST, ""));
    snprintf(request.name, sizeof request.name, "app-2");
    CU_ASSERT_TRUE(kh_gate_admits(gate, &request, KH_OP_PUT));
    snprintf(request.name, sizeof request.name, "web");
    CU_ASSERT_FALSE(kh_gate_admits(gate, &request, KH_OP_PUT));
    CU_ASSERT_EQUAL(request.response.status, 403);
    CU_ASSERT_EQUAL(kh_gate_count(gate).denied, 1);
    kh_gate_leave(gate, &request);
    CU_ASSERT_EQUAL(entries(), before + 1);
    CU_ASSERT_TRUE(recorded("key.create", "web", 403));
    CU_ASSERT_TRUE(kh_gate_admits(NULL, &request, KH_OP_PUT));
    CU_ASSERT_FALSE(enter("CN=reader", KEYS, KH_METHOD_POST, "")); /* no name at all */
    close_gate();
}

/* A page asks every few seconds: the log has who was refused, and not each look. */
static void the_status_is_for_all_names_and_recorded_when_refused(void)
{
    unsigned before;

    open_gate(true);
    before = entries();
    CU_ASSERT_FALSE(enter(NULL, STATUS, KH_METHOD_GET, ""));
    CU_ASSERT_EQUAL(request.response.status, 401);
    CU_ASSERT_TRUE(enter("CN=watcher", STATUS, KH_METHOD_GET, ""));
    leave(200);
    CU_ASSERT_EQUAL(entries(), before);
    CU_ASSERT_FALSE(enter("CN=owner", STATUS, KH_METHOD_GET, ""));
    CU_ASSERT_EQUAL(request.response.status, 403);
    CU_ASSERT_TRUE(recorded("status", "", 403));
    CU_ASSERT_TRUE(enter("CN=watcher", STATUS, KH_METHOD_GET, ""));
    leave(503);
    CU_ASSERT_TRUE(recorded("status", "", 503));
    CU_ASSERT_FALSE(kh_gate_allows(gate, &request, KH_OP_LIST, "app-1"));
    close_gate();
}

static void reads_that_went_well_may_be_left_out(void)
{
    unsigned before;

    open_gate(false);
    before = entries();
    CU_ASSERT_TRUE(enter("CN=owner", ONE, KH_METHOD_GET, "app-1"));
    leave(200);
    CU_ASSERT_EQUAL(entries(), before);
    leave(404);
    CU_ASSERT_EQUAL(entries(), before + 1);
    CU_ASSERT_TRUE(enter("CN=owner", ONE, KH_METHOD_PUT, "app-1"));
    leave(201);
    CU_ASSERT_EQUAL(entries(), before + 2);
    close_gate();
}

static void limit_files(rlim_t size)
{
    struct rlimit limit = {0};

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = size;
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The disk is full: nothing is shown, nothing is changed, until it can be recorded. */
static void without_a_record_nothing_is_shown_or_changed(void)
{
    struct stat st = {0};

    open_gate(true);
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    limit_files((rlim_t)st.st_size);
    CU_ASSERT_TRUE(enter("CN=owner", ONE, KH_METHOD_GET, "app-1"));
    leave(200);
    CU_ASSERT_EQUAL(request.response.status, 503);
    CU_ASSERT_FALSE(enter("CN=owner", ONE, KH_METHOD_PUT, "app-1"));
    CU_ASSERT_EQUAL(request.response.status, 503);
    CU_ASSERT_FALSE(enter("CN=reader", PURGE, KH_METHOD_POST, "app-1"));
    CU_ASSERT_EQUAL(request.response.status, 503);
    CU_ASSERT_TRUE(kh_gate_count(gate).deaf);
    CU_ASSERT_EQUAL(kh_gate_count(gate).failures, 3);
    CU_ASSERT_EQUAL(kh_gate_count(gate).entries, 0);
    limit_files(RLIM_INFINITY);
    CU_ASSERT_FALSE(enter("CN=owner", ONE, KH_METHOD_PUT, "app-1")); /* finds out */
    CU_ASSERT_EQUAL(request.response.status, 503);
    CU_ASSERT_TRUE(recorded("put", "app-1", 503));
    CU_ASSERT_TRUE(enter("CN=owner", ONE, KH_METHOD_PUT, "app-1"));
    leave(201);
    CU_ASSERT_EQUAL(request.response.status, 201);
    CU_ASSERT_TRUE(recorded("put", "app-1", 201));
    CU_ASSERT_FALSE(kh_gate_count(gate).deaf);
    CU_ASSERT_EQUAL(kh_gate_count(gate).entries, 2);
    close_gate();
}

/* Whatever the rules say. */
static void names_of_the_daemons_own_are_nobodys(void)
{
    static const char *const all[] = {"acl.all=allow all on * to *", NULL};

    open_gate(true);
    kh_gate_rules(gate, rules(all));
    CU_ASSERT_TRUE(enter("CN=owner", ONE, KH_METHOD_GET, "kt-internal"));
    CU_ASSERT_FALSE(enter("CN=owner", ONE, KH_METHOD_GET, "kt-internal.kms-key.1"));
    CU_ASSERT_EQUAL(request.response.status, 403);
    CU_ASSERT_FALSE(enter("CN=owner", ONE, KH_METHOD_PUT, "kt-internal.x"));
    CU_ASSERT_FALSE(enter("CN=owner", ONE, KH_METHOD_DELETE, "kt-internal.x"));
    CU_ASSERT_FALSE(enter("CN=owner", PURGE, KH_METHOD_POST, "kt-internal.x"));
    CU_ASSERT_TRUE(enter("CN=owner", LIST, KH_METHOD_GET, ""));
    CU_ASSERT_FALSE(kh_gate_allows(gate, &request, KH_OP_LIST, "kt-internal.x"));
    CU_ASSERT_TRUE(kh_gate_allows(gate, &request, KH_OP_LIST, "other"));
    close_gate();
}

static void new_rules_hold_at_once(void)
{
    static const char *const other[] = {"acl.x=allow purge on app-1 to CN=reader", NULL};

    open_gate(true);
    CU_ASSERT_FALSE(enter("CN=reader", PURGE, KH_METHOD_POST, "app-1"));
    kh_gate_rules(gate, rules(other));
    CU_ASSERT_TRUE(enter("CN=reader", PURGE, KH_METHOD_POST, "app-1"));
    CU_ASSERT_FALSE(enter("CN=owner", PURGE, KH_METHOD_POST, "app-1"));
    close_gate();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"without a gate everybody does everything",
            without_a_gate_everybody_does_everything},
        {"strangers are told to come with a certificate",
            strangers_are_told_to_come_with_a_certificate},
        {"rules decide by operation and name", rules_decide_by_operation_and_name},
        {"a listing is entered by whoever may see some name",
            a_listing_is_entered_by_whoever_may_see_some_name},
        {"each answer is recorded with its operation",
            each_answer_is_recorded_with_its_operation},
        {"what is done with keys is told from deposits",
            what_is_done_with_keys_is_told_from_deposits},
        {"every use of a key is recorded with its scheme",
            every_use_of_a_key_is_recorded_with_its_scheme},
        {"a name of the body is asked for by the handler",
            a_name_of_the_body_is_asked_for_by_the_handler},
        {"the status is for all names, and recorded when refused",
            the_status_is_for_all_names_and_recorded_when_refused},
        {"reads that went well may be left out", reads_that_went_well_may_be_left_out},
        {"without a record nothing is shown or changed",
            without_a_record_nothing_is_shown_or_changed},
        {"names of the daemon's own are nobody's", names_of_the_daemons_own_are_nobodys},
        {"new rules hold at once", new_rules_hold_at_once},
    };
    char command[64];
    int status;

    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s/audit.log", dir);
    status = kh_test_main("server gate", tests, sizeof tests / sizeof tests[0]);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) == 0 ? status : 1;
}
