/* New places for the plugins of this project. */
#include "tests/contract/places.h"

#include "tests/lib/keyhsmd.h"
#include "tests/lib/softhsm.h"
#include "tests/lib/testlib.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void make_softfile(void)
{
    kh_contract.backend = "softfile";
    kh_contract_set("directory=%s/store", kh_test_dir());
    kh_contract_set("create=yes");
}

static void make_token(const char *scope)
{
    static struct kh_test_token token;
    const char *dir = kh_test_dir();

    kh_test_token_make(&token, dir);
    kh_contract.backend = "pkcs11";
    kh_contract_set("module=%s", SOFTHSM2_MODULE);
    kh_contract_set("token_label=%s", token.label);
    kh_contract_set("pin_source=file:%s", token.pin_file);
    kh_contract_set("state_dir=%s/state", dir);
    kh_contract_set("key_scope=%s", scope);
}

/* A keyhsmd of its own on a SoftHSM token of its own. */
static void make_remote(void)
{
    static struct kh_test_keyhsmd daemon;
    static struct kh_test_token token;
    const char *dir = kh_test_dir();

    kh_test_token_make(&token, dir);
    kh_test_keyhsmd_make(&daemon, dir, "pkcs11");
    kh_test_keyhsmd_add(&daemon, "module = %s", SOFTHSM2_MODULE);
    kh_test_keyhsmd_add(&daemon, "token_label = %s", token.label);
    kh_test_keyhsmd_add(&daemon, "pin_source = file:%s", token.pin_file);
    kh_test_keyhsmd_add(&daemon, "state_dir = %s/state", dir);
    kh_test_keyhsmd_start(&daemon);
    kh_contract.backend = "keyhsm";
    kh_contract.shared = true;
    kh_contract_set("server=https://localhost:%u", daemon.port);
    kh_contract_set("client_certificate=%s/client.crt", dir);
    kh_contract_set("client_key=%s/client.key", dir);
    kh_contract_set("server_certificate=%s/server.crt", dir);
}

/* A token that somebody else made: the settings, a line each ("key = value", as in
 * [backend.pkcs11]), are in the environment. */
static bool make_given(void)
{
    char *given = getenv("KEYHSM_CONTRACT_SETTINGS");
    char *rest = NULL;

    if (!given)
        return false;
    /* As in every daemon. NSS, and the D-Bus that a TPM is reached by, do so, too. */
    (void)signal(SIGPIPE, SIG_IGN);
    kh_contract.backend = "pkcs11";
    kh_contract_set("state_dir=%s/state", kh_test_dir());
    for (char *line = strtok_r(given, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *value = strstr(line, " = ");

        if (!value)
            return false;
        *value = '\0';
        kh_contract_set("%s=%s", line, value + 3);
    }
    return true;
}

bool kh_contract_place(const char *what)
{
    kh_contract.plugin_dir = TEST_PLUGIN_DIR;
    if (strcmp(what, "softfile") == 0)
        make_softfile();
    else if (strcmp(what, "pkcs11-deposit") == 0)
        make_token("deposit");
    else if (strcmp(what, "pkcs11-epoch") == 0)
        make_token("epoch");
    else if (strcmp(what, "given") == 0)
        return make_given();
    else if (strcmp(what, "keyhsm") == 0)
        make_remote();
    else
        return false;
    return true;
}
