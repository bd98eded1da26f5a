/* What the files of the KMS share. */
#ifndef KH_KMS_INTERNAL_H
#define KH_KMS_INTERNAL_H

#include "server/authn.h"
#include "server/kms/access.h"
#include "server/kms/acl.h"
#include "server/kms/cache.h"
#include "server/kms/cipher.h"
#include "server/kms/facts.h"
#include "server/kms/kms.h"
#include "server/kms/names.h"
#include "server/kms/out.h"
#include "server/kms/refuse.h"
#include "server/meter.h"

struct kh_kms {
    struct kms_acl *acl;
    struct kms_tokens *tokens;
    struct kh_authn_extra extra; /* caller.h */
    struct kh_kms_cache *cache;  /* NULL: every operation reads the deposit */
    struct kh_kms_facts *facts;
    struct kh_kms_cipher *cipher;
    bool token_scheme; /* of new versions (wrap.h); those that are there keep theirs */
    size_t max_eeks;   /* of one request */
    struct kh_metrics *metrics;
    struct kh_meter *hits;
    struct kh_meter *misses;
    struct kh_meter *entries;
    struct kh_meter *known;
    struct kh_meter *generated;
    struct kh_meter *decrypted;
    struct kh_meter *reencrypted;
    struct kh_meter *altered;
};

/* ---- store.c: a Hadoop key as a deposit ---- */

/* Attributes of each of its versions. A deposit without the first is no Hadoop key. */
#define KH_KMS_CIPHER "kms.cipher"
#define KH_KMS_DESCRIPTION "kms.description"
#define KH_KMS_CREATED "kms.created" /* of the key: milliseconds since 1970 */
#define KH_KMS_ATTRIBUTE "kms.attr." /* goes before the name of a client's own */
#define KH_KMS_ACL_NAME "key.acl.name"
/* Of a version without material (wrap.h): its AES key, and the bits of what it encrypts.
 */
#define KH_KMS_WRAPPING_KEY "kms.wrapping-key"
#define KH_KMS_LENGTH "kms.length"

/* A wild name of the file store can be no key's, names are checked at creation; nor can
 * one that keytrusteed keeps for itself. */
bool kh_kms_possible(const char *name);
/* The deposit at WHICH (its created is not looked at), and in *KEY whether it is a Hadoop
 * key. KH_NOT_FOUND: there is none. KH_CORRUPT: a key's data is no AES key. */
KH_CHECK kh_status kh_kms_open(struct kh_app *app, const struct kh_kms_place *which,
    struct kh_deposit *out, bool *key, struct kh_error *err);
/* The version NAME@VERSION, or the current one with KH_LATEST, from the backend.
 * KH_NOT_FOUND: none, or no Hadoop key. KH_CORRUPT: its data is no AES key. */
KH_CHECK kh_status kh_kms_deposit(struct kh_app *app, const char *name, uint32_t version,
    struct kh_deposit *out, struct kh_error *err);
/* The bits of a Hadoop key: what it encrypts keys of. */
unsigned kh_kms_bits(const struct kh_deposit *deposit);
/* The name that the key's rules stand under. */
const char *kh_kms_acl_name(const struct kh_deposit *deposit);

/* The same from the cache, or from the backend and then into the cache. *OUT is the
 * caller's (kh_kms_key_release), NULL on failure. */
KH_CHECK kh_status kh_kms_load(struct kh_app *app, const char *name, uint32_t version,
    struct kh_kms_key **out, struct kh_error *err);

/* ---- learn.c: what a deposit is, without opening it twice ---- */

/* What is known of the version at PLACE, by opening it when nothing is. *OUT is the
 * caller's (kh_kms_fact_release), NULL on failure. As kh_kms_open. */
KH_CHECK kh_status kh_kms_fact(struct kh_app *app, const struct kh_kms_place *place,
    struct kh_kms_fact **out, struct kh_error *err);
/* DEPOSIT, a Hadoop key, was stored just now: what was remembered of its name is dropped,
 * and what it is is known without opening it. TICKET: kh_kms_facts_ticket before that. */
void kh_kms_made(struct kh_app *app, const struct kh_deposit *deposit, uint64_t ticket);

/* ---- material.c ---- */

/* Fills OUT (at most KH_RANDOM_MAX bytes) from the generator of the backend; from that of
 * OpenSSL where the backend has none. */
KH_CHECK kh_status kh_kms_draw(
    struct kh_app *app, struct kh_buf *out, struct kh_error *err);

struct kh_kms_wanted; /* wanted.h */

/* May WANTED bring its material? Not under the token scheme: what was outside of the
 * token is nothing that only the token knows. False: answered. */
KH_CHECK bool kh_kms_may_bring(
    struct kh_app *app, struct kh_request *request, const struct kh_kms_wanted *wanted);
/* What the new version DEPOSIT of WANTED->bits encrypts with, by the scheme of new
 * versions: an AES key of the token, or material: WANTED's, which is moved, or new. */
KH_CHECK kh_status kh_kms_equip(struct kh_app *app, struct kh_kms_wanted *wanted,
    struct kh_deposit *deposit, struct kh_error *err);

/* ---- begin.c: what handlers begin with; false: answered ---- */

/* The request is OPERATION, as the audit log calls it. One that CHANGES keys is refused
 * while the audit log cannot be written. */
KH_CHECK bool kh_kms_begin(
    struct kh_app *app, struct kh_request *request, const char *operation, bool changes);
/* The {name} of /kms/v1/key/{name} into request->name. */
KH_CHECK bool kh_kms_take_name(struct kh_request *request);
/* The {name} of /kms/v1/keyversion/{name}; its key's name into request->name. TEXT is
 * what the caller wrote. OUT->name is "" when no version can be called that. */
KH_CHECK bool kh_kms_take_version(struct kh_request *request, struct kh_kms_version *out,
    char text[KH_KMS_VERSION_NAME]);
/* Its body is JSON, as its Content-Type says. */
KH_CHECK bool kh_kms_take_json(struct kh_request *request);
#define KH_KMS_WRONG_EEK_OP                                                              \
    "IllegalArgumentException Wrong eek_op value, it must be generate or decrypt"
/* The parameter eek_op into OUT (16 bytes). */
KH_CHECK bool kh_kms_take_eek_op(struct kh_request *request, char out[16]);

/* ---- answer.c ---- */

/* {"name","versionName","material"}; material null unless SHOW, and where there is none.
 */
void kh_kms_answer_version(
    struct kh_request *request, int status, const struct kh_deposit *deposit, bool show);
void kh_kms_write_version(struct kh_kms_out *out, const char *name, uint32_t version,
    const struct kh_buf *material);
#define KH_KMS_VERSION_ROOM (3 * KH_NAME_MAX + 160)
/* "{}", "[]". */
void kh_kms_answer_text(struct kh_request *request, const char *text);
/* 200 without a body. */
void kh_kms_answer_empty(struct kh_request *request);

/* ---- the operations, one file each; workers run them ---- */

void kh_kms_create(struct kh_app *app, struct kh_request *request);
void kh_kms_roll(struct kh_app *app, struct kh_request *request);
void kh_kms_remove(struct kh_app *app, struct kh_request *request);
void kh_kms_metadata(struct kh_app *app, struct kh_request *request);
void kh_kms_keys_metadata(struct kh_app *app, struct kh_request *request);
void kh_kms_names(struct kh_app *app, struct kh_request *request);
void kh_kms_current(struct kh_app *app, struct kh_request *request);
void kh_kms_version(struct kh_app *app, struct kh_request *request);
void kh_kms_versions(struct kh_app *app, struct kh_request *request);
void kh_kms_generate(struct kh_app *app, struct kh_request *request);
void kh_kms_eek(struct kh_app *app, struct kh_request *request);
void kh_kms_reencrypt_batch(struct kh_app *app, struct kh_request *request);
void kh_kms_invalidate(struct kh_app *app, struct kh_request *request);
void kh_kms_trustee(struct kh_app *app, struct kh_request *request);
void kh_kms_root(struct kh_app *app, struct kh_request *request);

#endif
