#include "plugins/pkcs11/module.h"

#include "plugins/pkcs11/rv.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A module sees the PIN: the file must be one that only root or we could have written. */
static kh_status check_file(const char *path, struct kh_error *err)
{
    struct stat st;

    if (path[0] != '/')
        return kh_fail(err, KH_INVALID, "module %s: the path must be absolute", path);
    if (stat(path, &st) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "module %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return kh_fail(err, KH_REFUSED, "module %s: not a regular file", path);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return kh_fail(err, KH_REFUSED,
            "module %s: owned by uid %u, must be root or uid %u", path,
            (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_mode & 022)
        return kh_fail(err, KH_REFUSED,
            "module %s: mode %04o lets others write it; chmod go-w", path,
            (unsigned)(st.st_mode & 07777));
    return KH_OK;
}

kh_status kh_module_load(struct kh_module *module, const char *path, struct kh_error *err)
{
    CK_C_GetFunctionList get_list;
    void *handle;
    void *symbol;
    CK_RV rv;
    kh_status st = check_file(path, err);

    if (st != KH_OK)
        return st;
    /* Vendors' modules do not survive being unmapped, so the handle is kept for ever. */
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle) {
        const char *why = dlerror();

        return kh_fail(
            err, KH_UNAVAILABLE, "module %s: %s", path, why ? why : "dlopen failed");
    }
    symbol = dlsym(handle, "C_GetFunctionList");
    if (!symbol)
        return kh_fail(err, KH_REFUSED,
            "module %s: not a PKCS#11 module (no C_GetFunctionList)", path);
    memcpy(&get_list, &symbol, sizeof get_list);
    rv = get_list(&module->p11);
    if (rv != CKR_OK)
        return kh_rv_fail(err, "C_GetFunctionList", rv);
    if (!module->p11 || module->p11->version.major != 2) {
        module->p11 = NULL;
        return kh_fail(
            err, KH_REFUSED, "module %s: no function list of PKCS#11 2.x", path);
    }
    snprintf(module->path, sizeof module->path, "%s", path);
    return KH_OK;
}

void kh_module_text(char *out, const CK_UTF8CHAR *field, size_t len)
{
    while (len > 0 && (field[len - 1] == ' ' || field[len - 1] == '\0'))
        len--;
    memcpy(out, field, len);
    out[len] = '\0';
    /* The text goes into logs and messages: one line, whatever the token says. */
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
            out[i] = '?';
    }
}

/* The only thing that C_Initialize is told of ours is the option. */
static kh_status bad_arguments(const struct kh_module *module, struct kh_error *err)
{
    return kh_fail(err, KH_REFUSED,
        module->init_args ? "C_Initialize: CKR_ARGUMENTS_BAD: module %s does not take "
                            "what option init_args says"
                          : "C_Initialize: CKR_ARGUMENTS_BAD: module %s may want to be "
                            "told something (option init_args), as NSS's does",
        module->path);
}

kh_status kh_module_init(struct kh_module *module, struct kh_error *err)
{
    /* NSS reads one more pointer behind the words it was given, which must be NULL. */
    struct {
        CK_C_INITIALIZE_ARGS args;
        void *end;
    } in = {.args = {.flags = CKF_OS_LOCKING_OK}};
    char words[sizeof module->path] = "";
    CK_INFO *info = &module->info;
    CK_RV rv;

    if (module->unfinished)
        kh_module_fini(module);
    if (module->init_args) {
        (void)snprintf(words, sizeof words, "%s", module->init_args);
        in.args.pReserved = words;
    }
    rv = module->p11->C_Initialize(&in.args);
    if (rv == CKR_ARGUMENTS_BAD)
        return bad_arguments(module, err);
    if (rv != CKR_OK)
        return kh_rv_fail(err, "C_Initialize", rv);
    module->initialised = true;
    memset(info, 0, sizeof *info);
    rv = module->p11->C_GetInfo(info);
    if (rv != CKR_OK) {
        kh_module_fini(module);
        return kh_rv_fail(err, "C_GetInfo", rv);
    }
    kh_module_text(
        module->manufacturer, info->manufacturerID, sizeof info->manufacturerID);
    kh_module_text(
        module->description, info->libraryDescription, sizeof info->libraryDescription);
    module->quirks = kh_quirks_of(info);
    return KH_OK;
}

void kh_module_fini(struct kh_module *module)
{
    if (module->p11 && (module->initialised || module->unfinished))
        module->unfinished = module->p11->C_Finalize(NULL) != CKR_OK;
    module->initialised = false;
}
