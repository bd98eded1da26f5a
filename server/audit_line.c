#include "server/audit_line.h"

#include "core/deposit.h"
#include "server/json.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#define HASH_MEMBER ",\"hash\":\""

enum {
    FIELD_MAX = 512,
    HASH_LEN = KH_AUDIT_HASH - 1,
    /* ,"hash":"HEX"} */
    TAIL_LEN = sizeof HASH_MEMBER - 1 + HASH_LEN + 2
};

/* A line that grows; OUT has room for KH_AUDIT_LINE_MAX, which the limits of the fields
 * respect. */
struct text {
    char *out;
    size_t len;
};

bool kh_audit_hash(const void *data, size_t len, char out[KH_AUDIT_HASH])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (EVP_Digest(data, len, digest, &n, EVP_sha256(), NULL) != 1)
        return false;
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(out + 2UL * i, 3, "%02x", digest[i]);
    return true;
}

KH_PRINTF(2, 3) static void put(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->out + t->len, KH_AUDIT_LINE_MAX - t->len, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < KH_AUDIT_LINE_MAX - t->len)
        t->len += (size_t)n;
}

/* Bytes of the UTF-8 character at S, 0 when there is none. */
static size_t character(const char *s, size_t left)
{
    for (size_t n = 1; n <= 4 && n <= left; n++) {
        if (kh_utf8_valid(s, n))
            return n;
    }
    return 0;
}

static void put_string(struct text *t, const char *name, const char *value)
{
    const char *s = value ? value : "";
    size_t left = strnlen(s, FIELD_MAX);
    size_t n;

    put(t, ",\"%s\":\"", name);
    for (; left > 0; s += n, left -= n) {
        n = character(s, left);
        if (n == 0) {
            put(t, "\\ufffd");
            n = 1;
        } else if (*s == '"' || *s == '\\')
            put(t, "\\%c", *s);
        else if ((unsigned char)*s < 0x20 || *s == 0x7f)
            put(t, "\\u%04x", (unsigned)(unsigned char)*s);
        else
            put(t, "%.*s", (int)n, s);
    }
    put(t, "\"");
}

static void put_time(struct text *t)
{
    struct timespec now = {0};
    struct tm utc = {0};
    char text[32] = "";

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &utc))
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    put(t, ",\"time\":\"%s.%03dZ\"", text, (int)(now.tv_nsec / 1000000));
}

size_t kh_audit_line_make(char out[KH_AUDIT_LINE_MAX], const struct kh_audit_entry *entry,
    const struct kh_audit_torn *torn, struct kh_audit_link *link)
{
    struct text t = {out, 0};
    char hash[KH_AUDIT_HASH];

    put(&t, "{\"seq\":%" PRIu64, link->seq + 1);
    put_time(&t);
    put_string(&t, "id", entry->id);
    put_string(&t, "principal", entry->principal);
    put_string(&t, "certificate", entry->certificate);
    put_string(&t, "operation", entry->operation);
    put_string(&t, "deposit", entry->deposit);
    put_string(&t, "version", entry->version);
    if (entry->user && *entry->user)
        put_string(&t, "user", entry->user);
    if (entry->real_user && *entry->real_user)
        put_string(&t, "real_user", entry->real_user);
    put(&t, ",\"status\":%d", entry->status);
    if (torn)
        put(&t, ",\"torn_bytes\":%" PRIu64 ",\"torn_hash\":\"%s\"", torn->bytes,
            torn->hash);
    put(&t, ",\"prev\":\"%s\"}", link->hash);
    if (!kh_audit_hash(out, t.len, hash))
        return 0;
    t.len--; /* the brace moves behind the hash */
    put(&t, HASH_MEMBER "%s\"}\n", hash);
    link->seq++;
    memcpy(link->hash, hash, sizeof link->hash);
    return t.len;
}

static bool take_hash(const json_t *object, const char *name, char out[KH_AUDIT_HASH])
{
    const char *text = json_string_value(json_object_get(object, name));

    if (!text || strlen(text) != HASH_LEN || text[strspn(text, "0123456789abcdef")])
        return false;
    memcpy(out, text, KH_AUDIT_HASH);
    return true;
}

static bool take_number(const json_t *object, const char *name, uint64_t *out)
{
    json_int_t n = json_integer_value(json_object_get(object, name));

    *out = n > 0 ? (uint64_t)n : 0;
    return n > 0;
}

static bool take_facts(const json_t *object, struct kh_audit_facts *facts)
{
    const char *operation = json_string_value(json_object_get(object, "operation"));

    facts->recover = operation && strcmp(operation, KH_AUDIT_RECOVER) == 0;
    return operation && take_number(object, "seq", &facts->link.seq) &&
           take_hash(object, "prev", facts->prev) &&
           take_hash(object, "hash", facts->link.hash) &&
           (!facts->recover || (take_number(object, "torn_bytes", &facts->torn.bytes) &&
                                   take_hash(object, "torn_hash", facts->torn.hash)));
}

/* Whether the hash at the end of LINE is that of the rest. */
static bool hash_fits(const char *line, size_t len)
{
    char text[KH_AUDIT_LINE_MAX];
    char hash[KH_AUDIT_HASH];
    size_t rest = len - TAIL_LEN;

    memcpy(text, line, rest);
    text[rest] = '}';
    return kh_audit_hash(text, rest + 1, hash) &&
           memcmp(line + len - HASH_LEN - 2, hash, HASH_LEN) == 0;
}

const char *kh_audit_line_fault(
    const char *line, size_t len, struct kh_audit_facts *facts)
{
    json_t *object = NULL;
    bool complete;

    *facts = (struct kh_audit_facts){0};
    if (len <= TAIL_LEN || len >= KH_AUDIT_LINE_MAX ||
        memcmp(line + len - TAIL_LEN, HASH_MEMBER, sizeof HASH_MEMBER - 1) != 0 ||
        memcmp(line + len - 2, "\"}", 2) != 0)
        return "is no entry of an audit log";
    if (!hash_fits(line, len))
        return "was changed: its hash does not fit";
    if (kh_json_parse((const unsigned char *)line, len, &object, NULL) != KH_OK)
        return "is no entry of an audit log, though its hash fits";
    complete = take_facts(object, facts);
    json_decref(object);
    return complete ? NULL : "lacks a part that every entry has";
}
