/* What the tests of the store share: a rig (rig.h) with an open store instead of an open
 * token. */
#ifndef KH_TEST_PKCS11_SHOP_H
#define KH_TEST_PKCS11_SHOP_H

#include "plugins/pkcs11/store.h"
#include "tests/unit/pkcs11/rig.h"

struct shop {
    struct rig rig;
    kh_open_mode mode; /* of the next open */
    struct kh_store *store;
    struct kh_error err;
};

/* A fresh token and state directory, not open. OPTIONS: "key=value", separated by spaces;
 * or NULL. */
void shop_make(struct shop *shop, const char *options);
/* Sets more options, for the next open. */
void shop_set(struct shop *shop, const char *options);
kh_status shop_open(struct shop *shop);
void shop_close(struct shop *shop);
/* Closes, opens again; both must work. */
void shop_reopen(struct shop *shop);
void shop_end(struct shop *shop);

/* Puts NAME/VERSION whose data are TEXT; version 0 as KH_PUT_NEW. The status is in
 * shop->err too. */
kh_status shop_put(
    struct shop *shop, const char *name, uint32_t version, const char *text);
kh_status shop_get(struct shop *shop, const char *name, uint32_t version);
/* Reads NAME/VERSION back and compares it, attribute included. */
bool shop_holds(struct shop *shop, const char *name, uint32_t version, const char *text);

/* Deposit keys (not the identity's) on the token, counted by a pass over it. */
unsigned shop_keys(struct shop *shop);
/* The catalog's keys in STATE. */
uint64_t shop_known(struct shop *shop, kh_key_state state);
/* Hexadecimal id of the key of NAME/VERSION; static. */
const char *shop_key_of(struct shop *shop, const char *name, uint32_t version);
/* Runs SQL on the closed catalog. */
void shop_sql(struct shop *shop, const char *sql);

#endif
