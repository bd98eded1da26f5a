/* What stands behind a URI: asked for once, by the store and by the decoder. */
#ifndef KH_MODULE_FETCH_H
#define KH_MODULE_FETCH_H

#include "provider/module/contents.h"
#include "provider/module/failure.h"
#include "provider/module/pkey.h"
#include "provider/module/uri.h"

/* One of the two is filled. Zero-initialise; free with kh_fetched_free. */
struct kh_fetched {
    struct kh_pkey *key;
    struct kh_contents contents;
};

/*
 * Asks the daemon for what URI names: a named key when KEYS (and no version is given),
 * else a deposit, which is read. False: one entry on the error queue names it and says
 * why.
 */
bool kh_fetch(struct kh_module *module, const struct kh_uri *uri, bool keys,
    const struct kh_asker *asker, struct kh_fetched *out);
void kh_fetched_free(struct kh_fetched *fetched);

/* One entry on the error queue that begins with the URI. */
void kh_fetch_complain(const struct kh_module *module, enum kh_reason reason,
    const struct kh_uri *uri, const char *words);
/* One that says that WANTED, "private key", is not among CONTENTS, and what is. */
void kh_fetch_complain_kind(const struct kh_module *module, const struct kh_uri *uri,
    const char *wanted, const struct kh_contents *contents);

#endif
