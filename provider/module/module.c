#include "provider/module/module.h"

#include "provider/module/client.h"
#include "provider/module/failure.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdlib.h>

#ifndef KH_MODULE_VERSION
#define KH_MODULE_VERSION "0"
#endif

/* ---- what libcrypto asks ---- */

static const OSSL_PARAM *gettable(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_NAME, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_VERSION, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_BUILDINFO, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_STATUS, OSSL_PARAM_INTEGER, NULL, 0),
        OSSL_PARAM_END};

    (void)provctx;
    return params;
}

static bool say(OSSL_PARAM params[], const char *key, const char *value)
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, key);

    return !p || OSSL_PARAM_set_utf8_ptr(p, value);
}

static int get_params(void *provctx, OSSL_PARAM params[])
{
    const struct kh_module *module = provctx;
    OSSL_PARAM *status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);

    return say(params, OSSL_PROV_PARAM_NAME, "Keys and deposits of keyhsm") &&
           say(params, OSSL_PROV_PARAM_VERSION, KH_MODULE_VERSION) &&
           say(params, OSSL_PROV_PARAM_BUILDINFO, KH_MODULE_VERSION) &&
           (!status || OSSL_PARAM_set_int(status, kh_client_usable(module->client)));
}

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
    const struct kh_module *module = provctx;

    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return kh_module_keymgmt(module);
    case OSSL_OP_SIGNATURE:
        return kh_module_signature(module);
    case OSSL_OP_ASYM_CIPHER:
        return kh_module_asym(module);
    case OSSL_OP_KEYEXCH:
        return kh_module_keyexch(module);
    case OSSL_OP_STORE:
        return kh_module_store(module);
    case OSSL_OP_DECODER:
        return kh_module_decoder(module);
    default:
        return NULL;
    }
}

static const OSSL_ITEM *get_reasons(void *provctx)
{
    (void)provctx;
    return kh_module_reasons();
}

/* ---- birth and death ---- */

static void teardown(void *provctx)
{
    struct kh_module *module = provctx;

    kh_client_free(module->client);
    OSSL_PROVIDER_unload(module->base);
    OSSL_LIB_CTX_free(module->inner);
    free(module);
}

static const OSSL_DISPATCH functions[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown},
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
    {OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, (void (*)(void))get_reasons},
    {0, NULL},
};

/* What is needed of the core; false when it is older than these. */
static bool take_core(
    struct kh_module *module, const OSSL_DISPATCH *in, OSSL_FUNC_core_get_params_fn **get)
{
    for (; in->function_id != 0; in++) {
        switch (in->function_id) {
        case OSSL_FUNC_CORE_GET_PARAMS:
            *get = OSSL_FUNC_core_get_params(in);
            break;
        case OSSL_FUNC_CORE_NEW_ERROR:
            module->new_error = OSSL_FUNC_core_new_error(in);
            break;
        case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
            module->set_error_debug = OSSL_FUNC_core_set_error_debug(in);
            break;
        case OSSL_FUNC_CORE_VSET_ERROR:
            module->vset_error = OSSL_FUNC_core_vset_error(in);
            break;
        default:
            break;
        }
    }
    return *get && module->new_error && module->set_error_debug && module->vset_error;
}

/*
 * Says nothing about the configuration yet: libcrypto would take an error here for one of
 * the whole openssl.cnf, and every program of the host would be without cryptography. A
 * section that is wrong is refused, in words, by what first needs the daemon.
 */
int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provctx);

__attribute__((visibility("default"))) int OSSL_provider_init(
    const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
    void **provctx)
{
    struct kh_module *module = calloc(1, sizeof *module);
    OSSL_FUNC_core_get_params_fn *get = NULL;

    if (!module)
        return 0;
    module->handle = handle;
    if (take_core(module, in, &get) &&
        (module->inner = OSSL_LIB_CTX_new_from_dispatch(handle, in)) != NULL &&
        (module->base = OSSL_PROVIDER_load(module->inner, "default")) != NULL &&
        (module->client = kh_client_new(module, get)) != NULL) {
        *out = functions;
        *provctx = module;
        return 1;
    }
    OSSL_PROVIDER_unload(module->base);
    OSSL_LIB_CTX_free(module->inner);
    free(module);
    return 0;
}
