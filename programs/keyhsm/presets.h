/* What is known of vendors' PKCS#11 modules: where they are, and what is odd about them.
 */
#ifndef KH_KEYHSM_PRESETS_H
#define KH_KEYHSM_PRESETS_H

#include <stddef.h>

#define KH_PRESET_EXTRAS 3
#define KH_PRESET_NOTES 4

struct kh_preset {
    const char *name;   /* as given on the command line */
    const char *device; /* for people */
    const char *module; /* where the vendor installs it */
    const char *label;  /* of a token to make; NULL: it is made with the vendor's tools */
    /* Options of [backend.pkcs11] that this device needs, in pairs; NULL: no more. */
    const char *extras[KH_PRESET_EXTRAS][2];
    const char *notes[KH_PRESET_NOTES]; /* for the operator; NULL: no more */
};

extern const struct kh_preset kh_presets[];
extern const size_t kh_preset_count;

/* NULL: there is none of that name. */
const struct kh_preset *kh_preset_find(const char *name);

/* "softhsm, luna, ..." */
const char *kh_preset_names(void);

#endif
