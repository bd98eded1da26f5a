#include "plugins/pkcs11/options.h"

const struct kh_option kh_pkcs11_options[] = {
    {"module", KH_OPT_PATH, "/usr/lib/softhsm/libsofthsm2.so", KH_OPT_REQUIRED, NULL,
        "the vendor's PKCS#11 module (shared object)"},
    {"token_label", KH_OPT_STRING, NULL, 0, NULL, "use the token with this label"},
    {"token_serial", KH_OPT_STRING, NULL, 0, NULL,
        "use the token with this serial number"},
    {"slot", KH_OPT_INT, NULL, 0, NULL,
        "use the token in this slot (a CK_SLOT_ID, decimal)"},
    {"pin_source", KH_OPT_STRING, "prompt", KH_OPT_SECRET, NULL,
        "where the user PIN comes from: prompt, file:PATH, credential:NAME or fd:N"},
    {"sessions", KH_OPT_INT, "8", 0, NULL,
        "how many sessions, so token calls at the same time"},
    {"key_type", KH_OPT_ENUM, "auto", 0, "auto|ec-p256|rsa-2048|rsa-3072|rsa-4096",
        "kind of deposit keys; auto takes the first that works on the token"},
    {"state_dir", KH_OPT_PATH, "/var/lib/keyhsm", 0, NULL,
        "directory of the catalog and of the checked copy of a SoftHSM token file"},
    {"softhsm2_conf", KH_OPT_PATH, NULL, 0, NULL,
        "configuration of SoftHSM; sets SOFTHSM2_CONF for the module"},
    {"call_deadline", KH_OPT_SECONDS, "30", 0, NULL,
        "how long a caller waits for a session or for a recovery of the token"},
};

const size_t kh_pkcs11_option_count =
    sizeof kh_pkcs11_options / sizeof kh_pkcs11_options[0];
