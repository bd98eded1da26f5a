/*
 * Named keys of a backend (include/keyhsm/plugin.h): made on its device, used there,
 * never read. As the methods of the plugin, with the checks that no plugin repeats.
 * Thread safe.
 *
 * Without the methods all but kh_backend_has_keys are KH_REFUSED.
 */
#ifndef KH_CORE_BACKEND_KEY_H
#define KH_CORE_BACKEND_KEY_H

#include "core/backend.h"

bool kh_backend_has_keys(const struct kh_backend *backend);

/* KEY->name by the rule for new names, KEY->kind and KEY->purposes (at least one that the
 * kind can have; both only for RSA) say what is wanted; the rest is filled in. */
KH_CHECK kh_status kh_backend_key_create(
    struct kh_backend *backend, struct kh_named_key *key, struct kh_error *err);
KH_CHECK kh_status kh_backend_key_stat(struct kh_backend *backend, const char *name,
    struct kh_named_key *key, struct kh_error *err);
/* AFTER may be NULL: from the first. */
KH_CHECK kh_status kh_backend_key_list(struct kh_backend *backend, const char *after,
    struct kh_named_key *keys, size_t max, size_t *count, struct kh_error *err);
/* OUT is zeroed by the caller and freed by kh_buf_free. KH_INVALID, before the plugin is
 * asked: a digest that has not the length of its function, an input over the limit. */
KH_CHECK kh_status kh_backend_key_use(struct kh_backend *backend, const char *name,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err);
KH_CHECK kh_status kh_backend_key_change(struct kh_backend *backend, const char *name,
    kh_key_change change, struct kh_error *err);

/* What kh_backend_key_use checks beforehand, for whoever wants to know. */
KH_CHECK kh_status kh_check_key_use(const struct kh_key_use *use, struct kh_error *err);
/* What kh_backend_key_create checks beforehand. */
KH_CHECK kh_status kh_check_key_wish(
    const struct kh_named_key *key, struct kh_error *err);

#endif
