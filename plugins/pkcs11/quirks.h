/*
 * What one module does that PKCS#11 does not say, or that others do not: a row of a table
 * with its reason, found by what the module says of itself. The rest of the plugin asks
 * by capability (kh_quirks.flags), never for a name; keyhsm doctor prints the rows.
 *
 * What can be found by a trial (which keys a token makes, whether they can leave it) is
 * found so, for every module, and does not depend on this table.
 */
#ifndef KH_PKCS11_QUIRKS_H
#define KH_PKCS11_QUIRKS_H

#include <keyhsm/types.h>
#include <p11-kit/pkcs11.h>

/* What the plugin does otherwise. */
enum {
    /* C_Login writes the token's own file in place: SoftHSM's, guarded and copied. */
    KH_QUIRK_TOKEN_FILE = 1u << 0,
    /* A second C_Login fails: the module is initialised again instead. */
    KH_QUIRK_ONE_LOGIN = 1u << 1,
    /* There is always a blank slot, and initialising it touches no token. */
    KH_QUIRK_BLANK_SLOT = 1u << 2,
    /* Both halves of a pair have to be token objects. The public one is destroyed all the
     * same, and so are both of a trial. */
    KH_QUIRK_PAIR_ON_TOKEN = 1u << 3,
    /* Handles count from the first object, which therefore has to stay. */
    KH_QUIRK_ANCHOR = 1u << 4,
    /* What it cannot sign it says in C_Sign, with CKR_GENERAL_ERROR. */
    KH_QUIRK_LATE_REFUSAL = 1u << 5,
    /* ECDSA takes a digest for one of SHA-1, 256, 384 or 512 by its length. */
    KH_QUIRK_DIGEST_LENGTHS = 1u << 6,
};

typedef enum kh_quirk_weight {
    KH_QUIRK_HANDLED, /* taken care of: by a flag, or in the same way for every module */
    KH_QUIRK_MIND,    /* the operator has something to do or to know */
    KH_QUIRK_UNSAFE   /* no key is stored there, unless allow_unprotected says so */
} kh_quirk_weight;

struct kh_quirk {
    const char *manufacturer; /* CK_INFO.manufacturerID, whole */
    const char *description;  /* how CK_INFO.libraryDescription begins */
    CK_VERSION first;         /* library versions that have it, both included; */
    CK_VERSION last;          /* 0.0: no bound */
    const char *word;         /* its name, for doctor and docs: small letters and - */
    uint32_t flags;           /* KH_QUIRK_...; 0: nothing is done for this module alone */
    unsigned key_limit;       /* how many keys of ours the token bears; 0: says nothing */
    kh_quirk_weight weight;
    const char *reason; /* one line: what it does, and what is done about it */
};

/* What applies to one module, taken together. */
struct kh_quirks {
    uint32_t flags;
    unsigned key_limit; /* the least of them; 0: none */
};

/* The table: COUNT rows, constant. */
const struct kh_quirk *kh_quirk_table(size_t *count);
/* Whether ROW is about the module that said INFO. Blanks at the end of its texts do not
 * matter. */
bool kh_quirk_applies(const struct kh_quirk *row, const CK_INFO *info);
/* Flags and limits of all rows that apply. */
struct kh_quirks kh_quirks_of(const CK_INFO *info);
/* "handled", "mind" or "unsafe". */
const char *kh_quirk_weight_word(kh_quirk_weight weight);

#endif
