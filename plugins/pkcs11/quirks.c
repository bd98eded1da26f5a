#include "plugins/pkcs11/quirks.h"

#include <string.h>

#define SOFTHSM .manufacturer = "SoftHSM", .description = "Implementation of PKCS11"
#define OPENCRYPTOKI .manufacturer = "IBM", .description = "Meta PKCS11 LIBRARY"
#define NSS .manufacturer = "Mozilla Foundation", .description = "NSS Internal Crypto"
#define TPM2 .manufacturer = "tpm2-software.github.io", .description = "TPM2.0 Cryptoki"
#define P11KIT .manufacturer = "PKCS#11 Kit", .description = "PKCS#11 Kit Proxy Module"

/* Seen on the modules of Debian 12; docs/compatibility.md is made from it. */
static const struct kh_quirk table[] = {
    {SOFTHSM, .word = "login-writes-file", .flags = KH_QUIRK_TOKEN_FILE,
        .reason = "C_Login writes token.object in place, and a kill there loses every "
                  "key: a checked copy is kept in state_dir, and the file cannot be "
                  "written during a login"},
    {SOFTHSM, .word = "one-login", .flags = KH_QUIRK_ONE_LOGIN,
        .reason = "after a login that could not write its file a second C_Login fails: "
                  "the module is initialised again for it"},
    {SOFTHSM, .word = "blank-slot", .flags = KH_QUIRK_BLANK_SLOT,
        .reason = "a blank slot is always there, so keyhsm setup can make a token"},
    {SOFTHSM, .word = "half-made-keys",
        .reason = "a process killed in C_GenerateKeyPair leaves a key without material, "
                  "and using it crashes: every key is looked at before its first use"},
    {SOFTHSM, .word = "software", .weight = KH_QUIRK_MIND,
        .reason = "keys are in files of this machine, under the PIN alone: for trials, "
                  "not for what an HSM is bought for"},

    {OPENCRYPTOKI, .word = "holds-2048-objects", .key_limit = 2000,
        .reason = "the software token holds 2048 objects: no more than 2000 keys are "
                  "made, whatever max_keys says"},
    {OPENCRYPTOKI, .word = "login-writes-file", .weight = KH_QUIRK_MIND,
        .reason = "the software token's C_Login writes NVTOK.DAT in place, and a kill "
                  "there loses the token: keep a copy of /var/lib/opencryptoki"},
    {OPENCRYPTOKI, .word = "unwrap-gives-away",
        .reason = "a key that C_UnwrapKey made can be read whatever it was asked to be: "
                  "C_UnwrapKey is not used"},
    {OPENCRYPTOKI, .word = "leaks", .weight = KH_QUIRK_MIND,
        .reason = "some 2 KB of memory are lost with each use of a private key: restart "
                  "keyhsmd now and then (500 MB for 250,000 uses)"},
    {OPENCRYPTOKI, .word = "pin-locks", .weight = KH_QUIRK_MIND,
        .reason = "three wrong PINs lock it; keyhsmd tries one once"},

    {NSS, .word = "keys-leave", .weight = KH_QUIRK_UNSAFE,
        .reason = "whoever has the PIN takes a private key away: C_CopyObject makes an "
                  "extractable copy of it"},
    {NSS, .word = "same-id-replaces",
        .reason = "a second key with the same CKA_ID takes the first one's place: an id "
                  "is never used twice"},
    {NSS, .word = "wants-init-args",
        .reason =
            "C_Initialize wants to be told where the database is: option init_args"},
    {NSS, .word = "fork-repeats-random",
        .reason = "a child draws the same random bytes as its parent: nothing forks "
                  "after C_Initialize"},
    {NSS, .word = "slow-keys", .weight = KH_QUIRK_MIND,
        .reason = "each use of a private key decrypts its parts with 10,000 iterations "
                  "each, one thread at a time"},

    {TPM2, .word = "pair-on-token", .flags = KH_QUIRK_PAIR_ON_TOKEN,
        .reason = "pairs are made as token objects only: the public half is made as one, "
                  "and destroyed, and so is the pair of the trial at each start"},
    {TPM2, .word = "first-object-stays", .flags = KH_QUIRK_ANCHOR,
        .reason = "when its first object is destroyed, a new one shares the handle of "
                  "another, and destroying one destroys the other: a data object is "
                  "made first and stays, and what a handle names is looked at before it "
                  "is destroyed"},
    {TPM2, .word = "refuses-late", .flags = KH_QUIRK_LATE_REFUSAL,
        .reason = "what it cannot sign (RSA with a key that may only sign) it says in "
                  "C_Sign, with CKR_GENERAL_ERROR: taken for what it lacks, not for an "
                  "outage; a new key that fails so goes at the next start"},
    {TPM2, .word = "digest-lengths", .flags = KH_QUIRK_DIGEST_LENGTHS,
        .reason = "ECDSA guesses the hash from the digest's length and does not know "
                  "SHA-224: zeros in front make its digest one of SHA-256, which is "
                  "the same number"},
    {TPM2, .word = "few-keys", .key_limit = 40, .weight = KH_QUIRK_MIND,
        .reason = "a key that was used stays in the TPM's memory, which tpm2-abrmd "
                  "bounds: start it with --max-transients=100 (the default, 27, bears "
                  "some 15 keys); no more than 40 are made, so use key_scope = epoch"},
    {TPM2, .word = "stuck-session",
        .reason = "after a C_Decrypt that failed the session is stuck in it: a session "
                  "that saw an error is closed"},
    {TPM2, .word = "serial-sessions",
        .reason = "C_OpenSession and C_CloseSession in two threads at once crash: they "
                  "are called one at a time"},
    {TPM2, .word = "handles-reused",
        .reason = "when a key is destroyed, another one's handle may come to name a "
                  "third: handles are compared with their CKA_ID again after that"},
    {TPM2, .word = "pin-locks", .weight = KH_QUIRK_MIND,
        .reason = "three wrong PINs lock the whole TPM (tpm2_dictionarylockout "
                  "--clear-lockout); keyhsmd tries one once"},

    {P11KIT, .word = "wants-os-locking",
        .reason = "C_Initialize without CKF_OS_LOCKING_OK fails: it is always given"},
    {P11KIT, .word = "server-may-end",
        .reason = "when the server ends every call says CKR_DEVICE_ERROR until the "
                  "module is initialised again, which is done; SIGPIPE is ignored"},
    {P11KIT, .word = "hides-the-module", .weight = KH_QUIRK_MIND,
        .reason = "which module is behind the socket cannot be seen, so what is known "
                  "of that module is not heeded: SoftHSM's token file is not guarded"},
};

const struct kh_quirk *kh_quirk_table(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}

/* FIELD is blank-padded; WHOLE: nothing else may follow. */
static bool begins(const CK_UTF8CHAR *field, size_t size, const char *with, bool whole)
{
    size_t len = strlen(with);

    if (len > size || memcmp(field, with, len) != 0)
        return false;
    for (size_t i = len; whole && i < size; i++) {
        if (field[i] != ' ' && field[i] != '\0')
            return false;
    }
    return true;
}

static unsigned number(CK_VERSION version)
{
    return version.major * 256u + version.minor;
}

bool kh_quirk_applies(const struct kh_quirk *row, const CK_INFO *info)
{
    unsigned version = number(info->libraryVersion);

    return begins(info->manufacturerID, sizeof info->manufacturerID, row->manufacturer,
               true) &&
           begins(info->libraryDescription, sizeof info->libraryDescription,
               row->description, false) &&
           version >= number(row->first) &&
           (number(row->last) == 0 || version <= number(row->last));
}

struct kh_quirks kh_quirks_of(const CK_INFO *info)
{
    struct kh_quirks all = {.flags = 0};

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!kh_quirk_applies(&table[i], info))
            continue;
        all.flags |= table[i].flags;
        if (table[i].key_limit != 0 &&
            (all.key_limit == 0 || table[i].key_limit < all.key_limit))
            all.key_limit = table[i].key_limit;
    }
    return all;
}

const char *kh_quirk_weight_word(kh_quirk_weight weight)
{
    static const char *const words[] = {"handled", "mind", "unsafe"};

    return words[weight];
}
