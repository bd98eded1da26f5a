#include "programs/keyhsm/presets.h"

#include <string.h>

/*
 * One row a device, from its vendor's documentation. What a row sets is only what does
 * not work otherwise; which keys a token can make is found by trial, never by its name.
 *
 *  luna      the slot numbers of partitions move when one is added, labels do not
 *  nshield   without load sharing every module is a slot of its own, and softcards none
 *  cloudhsm  the PIN is a user and a password; too long a PIN for tools that cut it
 *  yubihsm   256 objects in all, so that a key for each deposit soon fills it: a key
 *            serves an epoch, and 16 objects stay free for what else is on it
 *  utimaco   slots are numbers, and a fresh one has no label before it is initialised
 */
const struct kh_preset kh_presets[] = {
    {.name = "softhsm",
        .device = "SoftHSM 2 (software, for trials)",
        .module = "/usr/lib/softhsm/libsofthsm2.so",
        .label = "keyhsm",
        .notes = {"SoftHSM keeps its keys in files of this machine: for trials, not for "
                  "what an HSM is bought for."}},
    {.name = "luna",
        .device = "Thales Luna Network or PCIe HSM 7",
        .module = "/usr/safenet/lunaclient/lib/libCryptoki2_64.so",
        .notes = {"Check the client first: vtl verify. The daemon's user must be in "
                  "group "
                  "hsmusers, unless it is root.",
            "With high availability choose the label of the group, not of a partition "
            "in it.",
            "A client configuration elsewhere than in /etc/Chrystoki.conf: set "
            "ChrystokiConfigurationPath in /etc/default/keyhsm."}},
    {.name = "nshield",
        .device = "Entrust nShield (formerly nCipher, Thales)",
        .module = "/opt/nfast/toolkits/pkcs11/libcknfast.so",
        .notes = {"nfkminfo must say Usable. Choose the label of a card set or softcard, "
                  "not that of the accelerator slot.",
            "Softcards and several modules want CKNFAST_LOADSHARING=1 in "
            "/opt/nfast/cknfastrc or /etc/default/keyhsm.",
            "Its hard server takes ports 9000 and 9001: move it where Cloudera Manager's "
            "agent is."}},
    {.name = "cloudhsm",
        .device = "AWS CloudHSM, client SDK 5",
        .module = "/opt/cloudhsm/lib/libcloudhsm_pkcs11.so",
        .notes = {"The PIN is USER:PASSWORD of a crypto user.",
            "Run configure-pkcs11 first; a cluster of one HSM makes keys only with its "
            "key availability check disabled."}},
    {.name = "yubihsm",
        .device = "YubiHSM 2",
        .module = "/usr/lib/x86_64-linux-gnu/pkcs11/yubihsm_pkcs11.so",
        .extras = {{"key_scope", "epoch"}, {"max_keys", "240"}},
        .notes =
            {"The PIN is the authentication key's number in four hexadecimal digits, "
             "then its password: 0001password.",
                "Set YUBIHSM_PKCS11_CONF in /etc/default/keyhsm; the file names the "
                "connector: connector = http://127.0.0.1:12345",
                "It holds 256 objects, so one key serves many deposits (key_scope = "
                "epoch)."}},
    {.name = "utimaco",
        .device = "Utimaco CryptoServer, PKCS#11 R3",
        .module = "/opt/utimaco/lib/libcs_pkcs11_R3.so",
        .notes =
            {"Set CS_PKCS11_R3_CFG in /etc/default/keyhsm to cs_pkcs11_R3.cfg, which "
             "names the device.",
                "Initialise the slot and its user PIN with p11tool2 first; choose it by "
                "label, or by --slot."}},
};

const size_t kh_preset_count = sizeof kh_presets / sizeof kh_presets[0];

const struct kh_preset *kh_preset_find(const char *name)
{
    for (size_t i = 0; i < kh_preset_count; i++) {
        if (strcmp(kh_presets[i].name, name) == 0)
            return &kh_presets[i];
    }
    return NULL;
}

const char *kh_preset_names(void)
{
    return "softhsm, luna, nshield, cloudhsm, yubihsm or utimaco";
}
