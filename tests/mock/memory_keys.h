/* Named keys for the backend in memory.c: AES keys in the memory of the process, which
 * wrap. All thread safe; they are kept until the process ends, as the deposits are. */
#ifndef KH_TESTS_MOCK_MEMORY_KEYS_H
#define KH_TESTS_MOCK_MEMORY_KEYS_H

#include <keyhsm/plugin.h>

/* Where the keys of the open backend CTX are kept. */
struct mock_keys_place {
    const struct kh_host *host;
    const char *store;
    int64_t age; /* seconds: how old a key is when it is made */
};
struct mock_keys_place mock_keys_place(void *ctx); /* memory.c */

/* The methods of the plugin. */
KH_CHECK kh_status mock_key_create(
    void *ctx, struct kh_named_key *key, struct kh_error *err);
KH_CHECK kh_status mock_key_stat(
    void *ctx, const char *name, struct kh_named_key *key, struct kh_error *err);
KH_CHECK kh_status mock_key_list(void *ctx, const char *after, struct kh_named_key *keys,
    size_t max, size_t *count, struct kh_error *err);
KH_CHECK kh_status mock_key_use(void *ctx, const char *name, const struct kh_key_use *use,
    struct kh_buf *out, struct kh_error *err);
KH_CHECK kh_status mock_key_change(
    void *ctx, const char *name, kh_key_change change, struct kh_error *err);

#endif
