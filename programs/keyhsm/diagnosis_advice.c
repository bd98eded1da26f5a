/* The configuration that suits a token. */
#include "programs/keyhsm/diagnosis_impl.h"

#include <string.h>

enum {
    KEYS_MAX = 10000,           /* of one token; the default of max_keys */
    SLOW_PAIR_US = 100000,      /* a put has to wait for it with key_scope = deposit */
    SEARCH_NS_MAX = 1000000000, /* what a search may take when the token is full */
    SESSIONS = 8
};

static void choose_key(struct kh_advice *a, const json_t *facts)
{
    bool large = kh_fact_true(facts, "rsa-3072.oaep_sha1");

    if (kh_fact_true(facts, "ec-p256.derive")) {
        (void)snprintf(a->key_type, sizeof a->key_type, "ec-p256");
        (void)snprintf(a->profile, sizeof a->profile, "ecdh-p256");
        return;
    }
    if (kh_fact_true(facts, "rsa-2048.oaep_sha256"))
        (void)snprintf(a->profile, sizeof a->profile, "rsa-oaep-sha256");
    else if (kh_fact_true(facts, "rsa-2048.oaep_sha1"))
        (void)snprintf(a->profile, sizeof a->profile, "rsa-oaep-sha1");
    else
        return;
    (void)snprintf(
        a->key_type, sizeof a->key_type, "%s", large ? "rsa-3072" : "rsa-2048");
}

/* As many as a search bears, and as the token took. A fifth stays free: for the identity
 * key, and for keys that are made before an older one is destroyed. */
static unsigned bearable(const json_t *facts)
{
    long long each = kh_fact_number(facts, "objects.search_ns_each", 0);
    const char *ended = kh_fact_word(facts, "objects.ended_by", "time");
    long long keys = each > 0 ? SEARCH_NS_MAX / each : KEYS_MAX;
    long long limit = kh_fact_number(facts, "keys.limit", KEYS_MAX);

    if (strcmp(ended, "time") != 0) {
        long long made = kh_fact_number(facts, "objects.made", 0);

        keys = keys < made * 4 / 5 ? keys : made * 4 / 5;
    }
    keys = keys > limit ? limit : keys;
    keys = keys > KEYS_MAX ? KEYS_MAX : keys;
    return keys < 1 ? 1 : (unsigned)keys;
}

void kh_diagnose_advice(struct kh_advice *a, const json_t *facts)
{
    char make[64];
    long long opened = kh_fact_number(facts, "sessions.opened", SESSIONS + 1);
    long long pair;
    bool epoch;

    memset(a, 0, sizeof *a);
    choose_key(a, facts);
    (void)snprintf(make, sizeof make, "%s.generate_us", a->key_type);
    pair = kh_fact_number(facts, make, 0);
    a->max_keys = bearable(facts);
    epoch = pair > SLOW_PAIR_US || a->max_keys < KEYS_MAX;
    (void)snprintf(a->key_scope, sizeof a->key_scope, "%s", epoch ? "epoch" : "deposit");
    if (pair > SLOW_PAIR_US)
        (void)snprintf(a->why, sizeof a->why,
            "a key pair takes %.0f ms, so many deposits should share one",
            (double)pair / 1000);
    else if (epoch)
        (void)snprintf(a->why, sizeof a->why,
            "the token bears %u keys, so many deposits should share one", a->max_keys);
    else
        (void)snprintf(a->why, sizeof a->why,
            "the token bears a key pair for each deposit, up to %u", a->max_keys);
    /* One is kept beside the pool. */
    a->sessions = opened > SESSIONS ? SESSIONS : opened > 1 ? (unsigned)opened - 1 : 1;
}
