/*
 * What the facts of an examination come to: a verdict on each thing looked at, one on the
 * whole, and the configuration to use. Pure: facts in, words out.
 */
#ifndef KH_KEYHSM_DIAGNOSIS_H
#define KH_KEYHSM_DIAGNOSIS_H

#include <jansson.h>
#include <keyhsm/types.h>

typedef enum kh_verdict_kind {
    KH_VERDICT_OK,
    KH_VERDICT_WARNING,     /* can be lived with; the words say how */
    KH_VERDICT_UNSAFE,      /* no key may be stored there */
    KH_VERDICT_UNSUPPORTED, /* it cannot do that, and need not */
    KH_VERDICT_UNCHECKED,   /* could not be looked at */
    KH_VERDICTS
} kh_verdict_kind;

/* "ok", "warning", "unsafe", "not supported", "unchecked". */
const char *kh_verdict_word(kh_verdict_kind kind);

#define KH_DIAGNOSIS_MAX 96

struct kh_diagnosis_line {
    kh_verdict_kind kind;
    const char *group; /* "module", "token", "keys", ...; static */
    const char *check; /* static, or a name in the facts */
    char text[400];    /* one line: what was found, and what it means */
};

/* What to write into [backend.pkcs11]. */
struct kh_advice {
    char key_type[16];  /* "ec-p256", "rsa-2048", "rsa-3072"; "": no kind works */
    char profile[32];   /* how envelopes are keyed: "ecdh-p256", "rsa-oaep-sha256", ... */
    char key_scope[16]; /* "deposit" or "epoch" */
    char why[256];      /* why this scope, one line */
    unsigned max_keys;
    unsigned sessions;
};

struct kh_diagnosis {
    struct kh_diagnosis_line lines[KH_DIAGNOSIS_MAX];
    size_t count;
    unsigned counts[KH_VERDICTS];
    bool complete; /* everything that decides was looked at */
    bool safe;     /* complete, and nothing is unsafe */
    struct kh_advice advice;
};

/* FACTS as kh_probe_run collects them. QUICK: what the short form leaves out is not
 * missed. FACTS are not changed; the diagnosis is good as long as they are. */
void kh_diagnose(struct kh_diagnosis *d, json_t *facts, bool quick);

/* Reading facts; DEFAULT when there is none of that name and kind. The strings are those
 * of FACTS. */
const char *kh_fact_word(const json_t *facts, const char *name, const char *otherwise);
long long kh_fact_number(const json_t *facts, const char *name, long long otherwise);
bool kh_fact_true(const json_t *facts, const char *name);
bool kh_fact_known(const json_t *facts, const char *name);
/* "" when there is none. */
const char *kh_fact_detail(const json_t *facts, const char *name);

#endif
