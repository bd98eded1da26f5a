/*
 * What keyhsm setup works out before it changes anything: each setting comes from an
 * option, the file that is there, the preset or a default, in this order, and on a
 * terminal the operator may answer otherwise.
 */
#ifndef KH_KEYHSM_WIZARD_H
#define KH_KEYHSM_WIZARD_H

#include "programs/common/setup.h"
#include "programs/keyhsm/presets.h"

/* The settings it knows, in the order in which they are asked. */
enum kh_answer {
    KH_A_LISTEN,
    KH_A_PORT,
    KH_A_MODULE,
    KH_A_SOFTHSM2_CONF,
    KH_A_LABEL,
    KH_A_SERIAL,
    KH_A_SLOT,
    KH_A_PIN_SOURCE,
    KH_A_STATE_DIR,
    KH_A_CERTIFICATE,
    KH_A_KEY,
    KH_A_TRUST_DIR,
    KH_ANSWERS
};

struct kh_wizard {
    struct kh_setup_args args;     /* --set is written, too; so are a preset's options */
    const char *given[KH_ANSWERS]; /* by option; NULL: not */
    const char *host;              /* for the certificate; NULL: this machine's name */
    const char *trust;             /* certificate to pin at the end; NULL: none */
    const char *pin_from;          /* source of a PIN that is not in its place yet */
    const char *so_pin_from;       /* the same of the security officer's PIN */
    bool init_token;
    bool unattended; /* never asks */

    /* Worked out. */
    bool begun;
    const struct kh_preset *preset; /* NULL: none */
    char *answers[KH_ANSWERS];      /* malloc'd; NULL: unset */
    bool dropped[KH_ANSWERS];       /* the file has it, and it is to go */
    char *extras[KH_PRESET_EXTRAS]; /* malloc'd; what a preset added to args.sets */
};

/* The INI file it is about. */
const char *kh_wizard_file(const struct kh_wizard *w);

/* Where answer A stands in the file. */
struct kh_place {
    const char *section;
    const char *key;
};
struct kh_place kh_wizard_place(enum kh_answer a);

/* From options, file, preset and defaults. KH_INVALID: the file or an option is wrong. */
KH_CHECK kh_status kh_wizard_begin(struct kh_wizard *w, struct kh_error *err);

/* Chooses the preset NAME, whose module and options count where the file says nothing of
 * its own. KH_INVALID: there is none. Once, before kh_wizard_begin or after. */
KH_CHECK kh_status kh_wizard_choose(
    struct kh_wizard *w, const char *name, struct kh_error *err);

/* Asks for A, with what is known as the default, until the answer can be used.
 * KH_REFUSED: the operator left (end of file, or three answers that could not be used).
 * Asks nothing when W is unattended, or when A was given by an option. */
KH_CHECK kh_status kh_wizard_ask(
    struct kh_wizard *w, enum kh_answer a, const char *question, struct kh_error *err);

/* A line from standard input in OUT, without its end; false at the end of file. */
bool kh_wizard_line(char *out, size_t size);

/* "QUESTION [y/N]: "; no when unattended. */
bool kh_wizard_yes(const struct kh_wizard *w, const char *question);

/* Replaces an answer; NULL unsets. */
KH_CHECK kh_status kh_wizard_set(
    struct kh_wizard *w, enum kh_answer a, const char *value, struct kh_error *err);

/* The configuration as it would be. MORE (may be NULL): one setting over all others,
 * "SECTION.KEY=VALUE". Free with kh_setup_free. */
KH_CHECK kh_status kh_wizard_configure(const struct kh_wizard *w, const char *more,
    struct kh_setup *out, struct kh_error *err);

void kh_wizard_free(struct kh_wizard *w);

#endif
