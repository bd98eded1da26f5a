/* Named keys where something goes wrong: a process killed at each step, and a token that
 * does not do what it says. */
#include "conformance/proof.h"
#include "plugins/pkcs11/named.h"
#include "tests/unit/pkcs11/faulty.h"
#include "tests/unit/pkcs11/ring.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct shop shop;

static void begin(void)
{
    char text[600];

    snprintf(text, sizeof text, "module=%s", faulty_module());
    shop_make(&shop, text);
}

static void begin_open(void)
{
    begin();
    KH_ASSERT_OK_FATAL(shop_open(&shop), shop.err);
}

static void end(void)
{
    faulty_plan("%s", "");
    shop_end(&shop);
}

/* ---- killed
 * ---------------------------------------------------------------------------- */

/* A process opens the store, makes the key "kept", then KIND under PLAN: it must be
 * killed by that. PURGE: then purges it, and the plan begins there. */
static void killed_by(const char *plan, kh_key_kind kind, uint32_t purposes, bool purge)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        if (shop_open(&shop) != KH_OK ||
            ring_make(&shop, "kept", KH_KIND_EC_P256, KH_KEY_SIGN, NULL) != KH_OK) {
            fprintf(stderr, "    child: %s\n", shop.err.message);
            _exit(2);
        }
        if (purge && ring_make(&shop, "k", kind, purposes, NULL) != KH_OK)
            _exit(3);
        faulty_plan("%s", plan);
        if (purge)
            (void)!kh_named_change(shop.store, "k", KH_KEY_PURGE, &shop.err);
        else
            (void)!ring_make(&shop, "k", kind, purposes, NULL);
        _exit(4);
    }
    CU_ASSERT_FATAL(pid > 0);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_FATAL(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The next start finds the kept key alone, and the name free. */
static void next_start_is_clean(void)
{
    struct kh_named_key key;

    KH_ASSERT_OK_FATAL(shop_open(&shop), shop.err);
    CU_ASSERT_EQUAL(shop_keys(&shop), 1);
    CU_ASSERT_EQUAL(shop_known(&shop, KH_KEY_PENDING), 0);
    CU_ASSERT_EQUAL(shop_known(&shop, KH_KEY_DOOMED), 0);
    CU_ASSERT_EQUAL(shop_known(&shop, KH_KEY_ACTIVE), 1);
    CU_ASSERT_EQUAL(atomic_load(&shop.store->keys), 1);
    KH_ASSERT_OK(kh_store_check(shop.store, &shop.err), shop.err);
    KH_ASSERT_OK(kh_named_stat(shop.store, "kept", &key, &shop.err), shop.err);
    CU_ASSERT(ring_signs_ecdsa(&shop, "kept", &key));
    KH_ASSERT_OK(ring_make(&shop, "k", KH_KIND_EC_P256, KH_KEY_SIGN, &key), shop.err);
    CU_ASSERT(ring_signs_ecdsa(&shop, "k", &key));
    end();
}

static void a_pair_of_a_killed_process_is_cleaned_up(void)
{
    static const char *const plans[] = {"C_GenerateKeyPair kill=before",
        "C_GenerateKeyPair kill=after", "C_DestroyObject kill=before",
        "C_Sign kill=after"};

    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        begin();
        killed_by(plans[i], KH_KIND_EC_P256, KH_KEY_SIGN, false);
        next_start_is_clean();
    }
}

static void an_aes_key_of_a_killed_process_is_cleaned_up(void)
{
    static const char *const plans[] = {"C_GenerateKey kill=before",
        "C_GenerateKey kill=after", "C_WrapKey kill=after", "C_UnwrapKey kill=after"};

    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        begin();
        killed_by(plans[i], KH_KIND_AES_256, KH_KEY_WRAP, false);
        next_start_is_clean();
    }
}

static void a_purge_cut_short_is_finished_at_the_next_start(void)
{
    begin();
    killed_by("C_DestroyObject kill=before", KH_KIND_EC_P256, KH_KEY_SIGN, true);
    next_start_is_clean();
    begin();
    killed_by("C_DestroyObject kill=after", KH_KIND_AES_256, KH_KEY_WRAP, true);
    next_start_is_clean();
}

/* ---- a token that does not keep its word
 * ------------------------------------------------ */

static void not_made(const char *plan, const char *word)
{
    faulty_plan("%s", plan);
    KH_ASSERT_FAILS(ring_make(&shop, "k", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), KH_REFUSED,
        shop.err, word);
    faulty_plan("%s", "");
    CU_ASSERT_EQUAL(shop_keys(&shop), 1);
    CU_ASSERT_EQUAL(shop_known(&shop, KH_KEY_PENDING), 0);
    CU_ASSERT_EQUAL(atomic_load(&shop.store->keys), 1);
}

static void a_key_that_is_not_as_asked_for_is_destroyed_again(void)
{
    begin_open();
    KH_ASSERT_OK(ring_make(&shop, "kept", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), shop.err);
    not_made("C_GetAttributeValue lie=0x162:1", "it is extractable");
    not_made("C_GetAttributeValue lie=0x170:1", "it may be changed (CKA_MODIFIABLE)");
    not_made("C_GetAttributeValue lie=0x108:0", "it may sign (CKA_SIGN) or may not");
    not_made("C_GetAttributeValue lie=0x10c:1", "it may derive (CKA_DERIVE)");
    not_made("C_GetAttributeValue lie=0x105:1", "it may decrypt (CKA_DECRYPT)");
    end();
}

static void a_mechanism_that_the_token_lacks_is_named(void)
{
    begin_open();
    KH_ASSERT_OK(ring_make(&shop, "kept", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), shop.err);
    not_made("C_GetMechanismInfo hide=0x1041", "it lacks CKM_ECDSA");
    not_made("C_GetMechanismInfo hide=0x1040", "it lacks CKM_EC_KEY_PAIR_GEN");
    not_made("C_SignInit hide=0x1041", "does not do ecdsa with sha256 (C_SignInit");
    end();
}

static void a_key_whose_public_half_is_another_is_not_used(void)
{
    struct kh_key_use u = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);
    struct kh_proof_agreement a;
    struct kh_named_key key;
    struct kh_buf out;

    begin_open();
    KH_ASSERT_OK(ring_make(&shop, "a", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), shop.err);
    KH_ASSERT_OK(ring_make(&shop, "b", KH_KIND_EC_P256, KH_KEY_DERIVE, &key), shop.err);
    shop_close(&shop);
    shop_sql(&shop, "CREATE TABLE o AS SELECT name, public FROM named_keys;"
                    "UPDATE named_keys SET public = (SELECT public FROM o"
                    " WHERE o.name <> named_keys.name); DROP TABLE o");
    KH_ASSERT_OK_FATAL(shop_open(&shop), shop.err);
    for (int i = 0; i < 2; i++)
        KH_ASSERT_FAILS(ring_use(&shop, "a", &u, &out), KH_CORRUPT, shop.err,
            "'a': what the token made with it does not match its public half");
    CU_ASSERT_PTR_NULL(out.data);
    CU_ASSERT_FATAL(kh_proof_agree(&key, &a));
    u = (struct kh_key_use){
        .scheme = KH_SCHEME_ECDH, .input = a.point, .input_len = a.point_len};
    KH_ASSERT_FAILS(ring_use(&shop, "b", &u, &out), KH_CORRUPT, shop.err,
        "'b': what the token made with it is not what its public half says");
    end();
}

static void a_key_destroyed_on_the_token_is_told_of(void)
{
    struct kh_key_use u = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);
    struct kh_named_key key;
    struct kh_buf out;

    begin_open();
    KH_ASSERT_OK(ring_make(&shop, "a", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), shop.err);
    shop_close(&shop);
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "id=$(sqlite3 '%s/catalog.db' 'SELECT hex(key) FROM named_keys') && "
            "SOFTHSM2_CONF='%s' pkcs11-tool --module " SOFTHSM2_MODULE
            " --token-label lab --login --pin %s -b --type privkey --id $id",
            shop.rig.state, shop.rig.soft.conf, shop.rig.soft.pin),
        0);
    KH_ASSERT_OK_FATAL(shop_open(&shop), shop.err);
    KH_ASSERT_FAILS(ring_use(&shop, "a", &u, &out), KH_CORRUPT, shop.err, "'a': key ");
    KH_ASSERT_OK(kh_named_stat(shop.store, "a", &key, &shop.err), shop.err);
    KH_ASSERT_OK(kh_named_change(shop.store, "a", KH_KEY_PURGE, &shop.err), shop.err);
    CU_ASSERT_EQUAL(shop_known(&shop, KH_KEY_DOOMED), 0);
    end();
}

/* ---- the ladder
 * ------------------------------------------------------------------------ */

static void what_one_call_loses_is_recovered(void)
{
    static const char *const plans[] = {"C_Sign rv=0xB3 count=1",
        "C_Sign rv=0x30 count=1", "C_SignInit rv=0x60 count=1",
        "C_SignInit rv=0x101 count=1", "C_SignInit lose_sessions count=1",
        "C_SignInit logout count=1", "C_Sign rv=0x5 count=1"};
    struct kh_named_key key;

    begin_open();
    KH_ASSERT_OK(ring_make(&shop, "a", KH_KIND_EC_P256, KH_KEY_SIGN, &key), shop.err);
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        faulty_plan("%s", plans[i]);
        CU_ASSERT(ring_signs_ecdsa(&shop, "a", &key));
    }
    end();
}

static void a_signature_cut_short_is_none(void)
{
    struct kh_key_use u = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);
    struct kh_named_key key;
    struct kh_buf out;

    begin_open();
    KH_ASSERT_OK(ring_make(&shop, "a", KH_KIND_EC_P256, KH_KEY_SIGN, &key), shop.err);
    faulty_plan("C_Sign short=1");
    CU_ASSERT_EQUAL(ring_use(&shop, "a", &u, &out), KH_UNAVAILABLE);
    CU_ASSERT_PTR_NULL(out.data);
    faulty_plan("%s", "");
    CU_ASSERT(ring_signs_ecdsa(&shop, "a", &key));
    end();
}

/* Unwraps what "kek" wrapped, under PLAN. */
static kh_status unwrap_under(const char *plan)
{
    struct kh_key_use u = kh_proof_signing(KH_SCHEME_AES_WRAP, KH_HASH_NONE);
    struct kh_buf wrapped;
    struct kh_buf opened;
    kh_status st;

    faulty_plan("%s", "");
    KH_ASSERT_OK_FATAL(ring_use(&shop, "kek", &u, &wrapped), shop.err);
    u.scheme = KH_SCHEME_AES_UNWRAP;
    u.input = wrapped.data;
    u.input_len = wrapped.len;
    faulty_plan("%s", plan);
    st = ring_use(&shop, "kek", &u, &opened);
    CU_ASSERT_EQUAL(st == KH_OK, opened.len == 64);
    ring_done(&shop, &opened);
    ring_done(&shop, &wrapped);
    return st;
}

static void a_failure_of_the_token_is_not_blamed_on_the_input(void)
{
    begin_open();
    KH_ASSERT_OK(ring_make(&shop, "kek", KH_KIND_AES_256, KH_KEY_WRAP, NULL), shop.err);
    KH_ASSERT_OK(unwrap_under("C_UnwrapKey rv=0x5 count=1"), shop.err);
    KH_ASSERT_OK(unwrap_under("C_UnwrapKey rv=0xf0 count=1"), shop.err);
    CU_ASSERT_EQUAL(
        unwrap_under("C_UnwrapKey rv=0x5;C_GenerateRandom rv=0x31"), KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(unwrap_under("C_UnwrapKey rv=0x5"), KH_INVALID);
    KH_ASSERT_OK(unwrap_under(""), shop.err);
    end();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_pair_of_a_killed_process_is_cleaned_up",
            a_pair_of_a_killed_process_is_cleaned_up},
        {"an_aes_key_of_a_killed_process_is_cleaned_up",
            an_aes_key_of_a_killed_process_is_cleaned_up},
        {"a_purge_cut_short_is_finished_at_the_next_start",
            a_purge_cut_short_is_finished_at_the_next_start},
        {"a_key_that_is_not_as_asked_for_is_destroyed_again",
            a_key_that_is_not_as_asked_for_is_destroyed_again},
        {"a_mechanism_that_the_token_lacks_is_named",
            a_mechanism_that_the_token_lacks_is_named},
        {"a_key_whose_public_half_is_another_is_not_used",
            a_key_whose_public_half_is_another_is_not_used},
        {"a_key_destroyed_on_the_token_is_told_of",
            a_key_destroyed_on_the_token_is_told_of},
        {"what_one_call_loses_is_recovered", what_one_call_loses_is_recovered},
        {"a_signature_cut_short_is_none", a_signature_cut_short_is_none},
        {"a_failure_of_the_token_is_not_blamed_on_the_input",
            a_failure_of_the_token_is_not_blamed_on_the_input},
    };
    return kh_test_main("pkcs11/named_faults", tests, sizeof tests / sizeof tests[0]);
}
