/* The vendor's module: loaded once from an absolute path, initialised and finalised,
 * never unloaded. */
#ifndef KH_PKCS11_MODULE_H
#define KH_PKCS11_MODULE_H

#include "plugins/pkcs11/quirks.h"
#include <keyhsm/types.h>
#include <p11-kit/pkcs11.h>

struct kh_module {
    CK_FUNCTION_LIST_PTR p11; /* the module's; NULL before kh_module_load */
    char path[4096];
    const char *init_args; /* the caller's; what C_Initialize is told (option init_args)
                              or NULL */
    CK_INFO info;          /* this and what follows: set by kh_module_init */
    struct kh_quirks quirks;
    char manufacturer[33];
    char description[33];
    bool initialised;
    bool unfinished; /* C_Finalize failed: the module may believe itself initialised */
};

/* dlopen and C_GetFunctionList. KH_UNAVAILABLE: no such file, or it cannot be loaded.
 * KH_REFUSED: a file that others than root and us may have written, or one that is no
 * PKCS#11 module. */
KH_CHECK kh_status kh_module_load(
    struct kh_module *module, const char *path, struct kh_error *err);

/* C_Initialize with the operating system's locks, and C_GetInfo. KH_REFUSED also when the
 * module wants init_args, or takes none. */
KH_CHECK kh_status kh_module_init(struct kh_module *module, struct kh_error *err);
/* C_Finalize; no call may be inside. What it answers is of no use to anybody. */
void kh_module_fini(struct kh_module *module);

/* True when all of FLAGS (KH_QUIRK_...) are this module's. After kh_module_init. */
static inline bool kh_module_quirk(const struct kh_module *module, uint32_t flags)
{
    return (module->quirks.flags & flags) == flags;
}

/* A blank-padded field of a CK_ structure as a string; OUT has room for LEN + 1. */
void kh_module_text(char *out, const CK_UTF8CHAR *field, size_t len);

#endif
