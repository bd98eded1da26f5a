/* What keyhsm setup works out: option, file, preset, default, in this order. */
#include "programs/keyhsm/wizard.h"

#include "programs/keyhsm/ownname.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

static struct kh_error err;
static char *path;

/* A wizard about a file of TEXT; NULL: there is none. */
static struct kh_wizard about(const char *text)
{
    free(path);
    path = kh_test_path(kh_test_dir(), "keyhsm.ini");
    if (text)
        kh_test_write(path, text, strlen(text), 0644);
    return (struct kh_wizard){
        .args = {.config = path, .plugin_dir = TEST_PLUGIN_DIR}, .unattended = true};
}

static void answer_is(const struct kh_wizard *w, enum kh_answer a, const char *want)
{
    const char *got = w->answers[a] ? w->answers[a] : "(unset)";

    if (strcmp(got, want) != 0)
        fprintf(stderr, "    %s.%s is %s, wanted %s\n", kh_wizard_place(a).section,
            kh_wizard_place(a).key, got, want);
    CU_ASSERT_STRING_EQUAL(got, want);
}

/* DIR of the file, and NAME in it. */
static void answer_beside(
    const struct kh_wizard *w, enum kh_answer a, const char *before, const char *name)
{
    char want[600];

    (void)snprintf(want, sizeof want, "%s%.*s/%s", before,
        (int)(strrchr(path, '/') - path), path, name);
    answer_is(w, a, want);
}

static void without_a_file_there_are_defaults(void)
{
    struct kh_wizard w = about(NULL);
    char own[KH_OWN_NAME_SIZE];

    kh_own_name(own);
    KH_ASSERT_OK_FATAL(kh_wizard_begin(&w, &err), err);
    answer_is(&w, KH_A_LISTEN, own);
    answer_is(&w, KH_A_PORT, "9090");
    answer_is(&w, KH_A_MODULE, "/usr/lib/softhsm/libsofthsm2.so");
    answer_is(&w, KH_A_LABEL, "(unset)");
    answer_is(&w, KH_A_STATE_DIR, "(unset)");
    answer_beside(&w, KH_A_PIN_SOURCE, "file:", "pin");
    answer_beside(&w, KH_A_CERTIFICATE, "", "tls/server.pem");
    answer_beside(&w, KH_A_KEY, "", "tls/server.key");
    answer_beside(&w, KH_A_TRUST_DIR, "", "trust");
    kh_wizard_free(&w);
}

static void the_file_is_kept(void)
{
    struct kh_wizard w =
        about("[server]\nport = 9999\n[tls]\nprivate_key = pkcs11:x\n"
              "[backend.pkcs11]\nmodule = /a/b.so\nslot = 7\npin_source = file:/a/pin\n");

    KH_ASSERT_OK_FATAL(kh_wizard_begin(&w, &err), err);
    answer_is(&w, KH_A_PORT, "9999");
    answer_is(&w, KH_A_KEY, "pkcs11:x");
    answer_is(&w, KH_A_MODULE, "/a/b.so");
    answer_is(&w, KH_A_SLOT, "7");
    answer_is(&w, KH_A_LISTEN, "localhost"); /* it was in use */
    kh_wizard_free(&w);
}

static void an_option_goes_over_all(void)
{
    struct kh_wizard w = about("[server]\nport = 9999\nlisten = a\n");

    w.given[KH_A_PORT] = "1";
    w.given[KH_A_MODULE] = "/mine.so";
    w.args.sets[w.args.set_count++] = "server.listen=b";
    KH_ASSERT_OK_FATAL(kh_wizard_choose(&w, "luna", &err), err);
    KH_ASSERT_OK_FATAL(kh_wizard_begin(&w, &err), err);
    answer_is(&w, KH_A_PORT, "1");
    answer_is(&w, KH_A_MODULE, "/mine.so");
    answer_is(&w, KH_A_LISTEN, "b");
    kh_wizard_free(&w);
}

static void a_preset_names_the_module_and_its_options(void)
{
    struct kh_wizard w = about("[backend.pkcs11]\nmax_keys = 5\n");
    struct kh_setup trial;

    KH_ASSERT_OK_FATAL(kh_wizard_choose(&w, "yubihsm", &err), err);
    KH_ASSERT_OK_FATAL(kh_wizard_begin(&w, &err), err);
    answer_is(&w, KH_A_MODULE, "/usr/lib/x86_64-linux-gnu/pkcs11/yubihsm_pkcs11.so");
    KH_ASSERT_OK_FATAL(kh_wizard_configure(&w, NULL, &trial, &err), err);
    CU_ASSERT_STRING_EQUAL(
        kh_config_string(trial.config, "backend.pkcs11", "key_scope"), "epoch");
    CU_ASSERT_EQUAL(kh_config_int(trial.config, "backend.pkcs11", "max_keys"), 5);
    kh_setup_free(&trial);
    kh_wizard_free(&w);
}

static void the_same_module_in_another_place_stays_there(void)
{
    struct kh_wizard w = about("[backend.pkcs11]\nmodule = /opt/l/libCryptoki2_64.so\n");

    KH_ASSERT_OK_FATAL(kh_wizard_choose(&w, "luna", &err), err);
    KH_ASSERT_OK_FATAL(kh_wizard_begin(&w, &err), err);
    answer_is(&w, KH_A_MODULE, "/opt/l/libCryptoki2_64.so");
    kh_wizard_free(&w);
    w = about("[backend.pkcs11]\nmodule = /usr/lib/softhsm/libsofthsm2.so\n");
    KH_ASSERT_OK_FATAL(kh_wizard_choose(&w, "luna", &err), err);
    answer_is(&w, KH_A_MODULE, "/usr/safenet/lunaclient/lib/libCryptoki2_64.so");
    kh_wizard_free(&w);
}

static void a_preset_chosen_later_leaves_answers_alone(void)
{
    struct kh_wizard w = about("[server]\nport = 9999\n");

    KH_ASSERT_OK_FATAL(kh_wizard_begin(&w, &err), err);
    KH_ASSERT_OK_FATAL(kh_wizard_set(&w, KH_A_PORT, "5", &err), err);
    KH_ASSERT_OK_FATAL(kh_wizard_choose(&w, "softhsm", &err), err);
    answer_is(&w, KH_A_PORT, "5");
    kh_wizard_free(&w);
}

static void a_token_is_chosen_one_way(void)
{
    struct kh_wizard w = about("[backend.pkcs11]\ntoken_label = a\n");
    struct kh_setup trial;

    w.given[KH_A_SERIAL] = "0123";
    KH_ASSERT_OK_FATAL(kh_wizard_begin(&w, &err), err);
    answer_is(&w, KH_A_SERIAL, "0123");
    answer_is(&w, KH_A_LABEL, "(unset)");
    CU_ASSERT_TRUE(w.dropped[KH_A_LABEL]);
    KH_ASSERT_OK_FATAL(kh_wizard_configure(&w, NULL, &trial, &err), err);
    CU_ASSERT_STRING_EQUAL(
        kh_config_string(trial.config, "backend.pkcs11", "token_label"), "");
    kh_setup_free(&trial);
    kh_wizard_free(&w);
    w = about("[backend.pkcs11]\nslot = 7\n");
    w.given[KH_A_LABEL] = "a";
    KH_ASSERT_FAILS(
        kh_wizard_begin(&w, &err), KH_INVALID, err, "keyhsm.ini:2: slot chooses");
    kh_wizard_free(&w);
}

static void what_is_wrong_is_refused(void)
{
    struct kh_wizard w = about("[server]\nprot = 1\n");

    KH_ASSERT_FAILS(kh_wizard_begin(&w, &err), KH_INVALID, err, "keyhsm.ini:2");
    kh_wizard_free(&w);
    w = about(NULL);
    w.given[KH_A_PORT] = "many";
    KH_ASSERT_FAILS(kh_wizard_begin(&w, &err), KH_INVALID, err, "many");
    kh_wizard_free(&w);
    w = about(NULL);
    KH_ASSERT_FAILS(kh_wizard_choose(&w, "thales", &err), KH_INVALID, err, "nshield");
    w.args.config = "keyhsm.ini";
    KH_ASSERT_FAILS(kh_wizard_begin(&w, &err), KH_INVALID, err, "absolute");
    kh_wizard_free(&w);
}

static void every_preset_can_be_configured(void)
{
    for (size_t i = 0; i < kh_preset_count; i++) {
        const struct kh_preset *p = &kh_presets[i];
        struct kh_wizard w = about(NULL);

        CU_ASSERT_PTR_EQUAL(kh_preset_find(p->name), p);
        CU_ASSERT_PTR_NOT_NULL(strstr(kh_preset_names(), p->name));
        CU_ASSERT_PTR_NOT_NULL(p->device);
        CU_ASSERT_PTR_NOT_NULL(p->notes[0]);
        CU_ASSERT_EQUAL(p->module[0], '/');
        KH_ASSERT_OK(kh_wizard_choose(&w, p->name, &err), err);
        KH_ASSERT_OK(kh_wizard_begin(&w, &err), err); /* its options are options */
        answer_is(&w, KH_A_MODULE, p->module);
        kh_wizard_free(&w);
    }
    CU_ASSERT_PTR_NULL(kh_preset_find(""));
}

static void unattended_nothing_is_asked(void)
{
    struct kh_wizard w = about(NULL);

    KH_ASSERT_OK_FATAL(kh_wizard_begin(&w, &err), err);
    KH_ASSERT_OK(kh_wizard_ask(&w, KH_A_PORT, "Port", &err), err);
    CU_ASSERT_FALSE(kh_wizard_yes(&w, "Really?"));
    answer_is(&w, KH_A_PORT, "9090");
    kh_wizard_free(&w);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"without_a_file_there_are_defaults", without_a_file_there_are_defaults},
        {"the_file_is_kept", the_file_is_kept},
        {"an_option_goes_over_all", an_option_goes_over_all},
        {"a_preset_names_the_module_and_its_options",
            a_preset_names_the_module_and_its_options},
        {"the_same_module_in_another_place_stays_there",
            the_same_module_in_another_place_stays_there},
        {"a_preset_chosen_later_leaves_answers_alone",
            a_preset_chosen_later_leaves_answers_alone},
        {"a_token_is_chosen_one_way", a_token_is_chosen_one_way},
        {"what_is_wrong_is_refused", what_is_wrong_is_refused},
        {"every_preset_can_be_configured", every_preset_can_be_configured},
        {"unattended_nothing_is_asked", unattended_nothing_is_asked},
    };
    int status = kh_test_main("keyhsm/wizard", tests, sizeof tests / sizeof tests[0]);

    free(path);
    return status;
}
