/*
 * An open backend: the thin layer between programs and a plugin's vtable. It owns the
 * checks that no plugin repeats: arguments, the name rule, sizes, capabilities, and the
 * lock of a plugin that is not thread safe.
 */
#ifndef KH_CORE_BACKEND_H
#define KH_CORE_BACKEND_H

#include "core/backend_calls.h"
#include "core/config.h"
#include <keyhsm/plugin.h>

struct kh_backend;

/*
 * Loads plugin NAME for each [backend.NAME] section of CONFIG, and for USED even without
 * a section, and claims those sections (required options are enforced for USED only; USED
 * may hold several names separated by commas). Call before kh_config_finish.
 */
KH_CHECK kh_status kh_backend_claim(struct kh_config *config, const char *plugin_dir,
    const char *used, struct kh_error *err);

/* Opens backend NAME. CONFIG must outlive it. With KH_OPEN_SERVE a plugin may open while
 * its place cannot be reached; its methods say so then. */
KH_CHECK kh_status kh_backend_open(struct kh_backend **out, const char *name,
    const char *plugin_dir, const struct kh_config *config, kh_open_mode mode,
    struct kh_error *err);
/* Waits for calls under way (the caller makes no new ones), closes, frees. NULL is
 * fine. */
void kh_backend_close(struct kh_backend *backend);

/* A backend that is not open: its name, and where plugin and options are found. */
struct kh_backend_place {
    const char *name;
    const char *plugin_dir; /* NULL: the compiled-in one */
    const struct kh_config *config;
};

/* The plugin's methods of the same names (keyhsm/plugin.h): looks at what open needs, and
 * makes the place. One without examine finds nothing; one without create is KH_REFUSED.
 * Not while the backend is open in this process. */
KH_CHECK kh_status kh_backend_examine(const struct kh_backend_place *place,
    kh_finding_fn fn, void *arg, struct kh_error *err);
KH_CHECK kh_status kh_backend_create(const struct kh_backend_place *place,
    const struct kh_creation *creation, struct kh_error *err);

const char *kh_backend_name(const struct kh_backend *backend);
/* The largest data of a deposit, bytes; the usual while the backend cannot be asked.
 * Thread safe. */
uint64_t kh_backend_data_max(struct kh_backend *backend);
/* How often CALL was made since the backend was opened, and how it ended. Other threads
 * go on counting. */
const struct kh_call_counts *kh_backend_counts(
    const struct kh_backend *backend, kh_call call);
/* The configuration it was opened with. */
const struct kh_config *kh_backend_config(const struct kh_backend *backend);
uint32_t kh_backend_capabilities(const struct kh_backend *backend);
/* The value of a declared option of type string or path, default applied; NULL: unset.
 * Valid as long as the configuration. Thread safe. */
const char *kh_backend_option(const struct kh_backend *backend, const char *name);
const struct kh_plugin *kh_backend_plugin(const struct kh_backend *backend);

/* The plugin's methods (keyhsm/plugin.h), checked. All thread safe. A method the plugin
 * lacks is KH_REFUSED with words; but reserve and check are KH_OK when the plugin cannot
 * tell.
 * Outputs are zeroed on entry. seal is for a backend opened with KH_OPEN_MIGRATE.
 * fingerprint and attest take a real version number only. */
KH_CHECK kh_status kh_backend_probe(struct kh_backend *backend, struct kh_error *err);
KH_CHECK kh_status kh_backend_info(
    struct kh_backend *backend, struct kh_info *info, struct kh_error *err);
KH_CHECK kh_status kh_backend_usage(
    struct kh_backend *backend, struct kh_usage *usage, struct kh_error *err);
KH_CHECK kh_status kh_backend_put(struct kh_backend *backend,
    const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err);
KH_CHECK kh_status kh_backend_get(struct kh_backend *backend, const char *name,
    uint32_t version, bool with_deleted, struct kh_deposit *deposit,
    struct kh_error *err);
KH_CHECK kh_status kh_backend_stat(struct kh_backend *backend, const char *name,
    uint32_t version, struct kh_stat *stat, struct kh_error *err);
KH_CHECK kh_status kh_backend_list(struct kh_backend *backend,
    const struct kh_cursor *after, struct kh_item *items, size_t max, size_t *count,
    struct kh_error *err);
KH_CHECK kh_status kh_backend_remove(
    struct kh_backend *backend, const char *name, uint32_t version, struct kh_error *err);
KH_CHECK kh_status kh_backend_restore(
    struct kh_backend *backend, const char *name, uint32_t version, struct kh_error *err);
KH_CHECK kh_status kh_backend_purge(
    struct kh_backend *backend, const char *name, uint32_t version, struct kh_error *err);
KH_CHECK kh_status kh_backend_seal(
    struct kh_backend *backend, const struct kh_seal *seal, struct kh_error *err);
KH_CHECK kh_status kh_backend_reserve(
    struct kh_backend *backend, uint64_t versions, struct kh_error *err);
KH_CHECK kh_status kh_backend_check(struct kh_backend *backend, struct kh_error *err);
/* KH_OK when the plugin has no such method. */
KH_CHECK kh_status kh_backend_backed_up(struct kh_backend *backend, struct kh_error *err);
KH_CHECK kh_status kh_backend_fingerprint(struct kh_backend *backend, const char *name,
    uint32_t version, unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err);
KH_CHECK kh_status kh_backend_attest(
    struct kh_backend *backend, const char *name, uint32_t version, struct kh_error *err);
/* OUT->len bytes, at most KH_RANDOM_MAX, into OUT; KH_REFUSED when the plugin has no
 * generator, as kh_backend_has_random says beforehand. */
bool kh_backend_has_random(const struct kh_backend *backend);
KH_CHECK kh_status kh_backend_random(
    struct kh_backend *backend, struct kh_buf *out, struct kh_error *err);
/* Nothing when the plugin has no such method. */
void kh_backend_attest_round(struct kh_backend *backend, bool begin);

/*
 * Creates a deposit's next version (roll): number = highest + 1, tried again when
 * somebody else was faster. DEPOSIT->version is set to what was stored. KH_NOT_FOUND when
 * there is no such deposit; KH_REFUSED when it is deleted.
 */
KH_CHECK kh_status kh_backend_roll(
    struct kh_backend *backend, struct kh_deposit *deposit, struct kh_error *err);

#endif
