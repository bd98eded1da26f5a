/*
 * Everything a plugin compiled yesterday relies on, as one shared object whose debug
 * information scripts/abi/dump writes down: each public structure, reached from a
 * parameter, and the value of each constant, as the length of an array.
 */
#include <keyhsm/catalog.h>
#include <keyhsm/plugin.h>

#define SHOWN __attribute__((visibility("default")))

/* Constants that no structure has in it. New ones are added at the end. */
struct kh_abi_constants {
    char (*plugin_abi)[KH_PLUGIN_ABI];
    char (*cap_read)[KH_CAP_READ];
    char (*cap_write)[KH_CAP_WRITE];
    char (*cap_list)[KH_CAP_LIST];
    char (*cap_export)[KH_CAP_EXPORT];
    char (*cap_seal)[KH_CAP_SEAL];
    char (*cap_hardware)[KH_CAP_HARDWARE];
    char (*cap_threadsafe)[KH_CAP_THREADSAFE];
    char (*cap_legacy_names)[KH_CAP_LEGACY_NAMES];
    char (*opt_required)[KH_OPT_REQUIRED];
    char (*opt_secret)[KH_OPT_SECRET];
    char (*opt_certificates)[KH_OPT_CERTIFICATES];
    char (*opt_place)[KH_OPT_PLACE];
    char (*name_max)[KH_NAME_MAX];
    char (*data_default_max)[KH_DATA_DEFAULT_MAX];
    char (*data_limit)[KH_DATA_LIMIT];
    char (*attrs_max)[KH_ATTRS_MAX];
    char (*attr_name_max)[KH_ATTR_NAME_MAX];
    char (*attr_value_max)[KH_ATTR_VALUE_MAX];
    char (*version_max)[KH_VERSION_MAX];
    char (*latest)[KH_LATEST];
    char (*all_versions)[KH_ALL_VERSIONS];
    char (*fingerprint_len)[KH_FINGERPRINT_LEN];
    char (*random_max)[KH_RANDOM_MAX];
    char (*key_sign)[KH_KEY_SIGN];
    char (*key_decrypt)[KH_KEY_DECRYPT];
    char (*key_derive)[KH_KEY_DERIVE];
    char (*key_wrap)[KH_KEY_WRAP];
    char (*public_key_max)[KH_PUBLIC_KEY_MAX];
};

SHOWN void kh_abi_plugin(const struct kh_plugin *plugin);
SHOWN void kh_abi_catalog(const struct kh_catalog *catalog);
SHOWN void kh_abi_levels(kh_log_level level);
SHOWN void kh_abi_values(const struct kh_abi_constants *constants);

void kh_abi_plugin(const struct kh_plugin *plugin)
{
    (void)plugin;
}

void kh_abi_catalog(const struct kh_catalog *catalog)
{
    (void)catalog;
}

void kh_abi_levels(kh_log_level level)
{
    (void)level;
}

void kh_abi_values(const struct kh_abi_constants *constants)
{
    (void)constants;
}
