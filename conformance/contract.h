/*
 * The contract of a backend (include/keyhsm/plugin.h), as tests that any plugin must
 * pass. They reach the backend through core/backend.h, as every program does, and use
 * names of their own, so a place that holds other deposits will do; where the plugin can
 * be sealed, the last tests leave it sealed.
 */
#ifndef KH_CONTRACT_H
#define KH_CONTRACT_H

#include "conformance/expect.h"
#include "core/backend.h"
#include "core/deposit.h"

/* What is tested. */
struct kh_contract {
    const char *title;      /* of the suite */
    const char *backend;    /* the plugin's name */
    const char *plugin_dir; /* absolute */
    char *settings[32];     /* "key=value" of [backend.NAME] */
    size_t setting_count;
    bool shared; /* two daemons may have the place open at once */
    uint32_t capabilities;
    uint64_t data_max;
};
extern struct kh_contract kh_contract;

/* Adds "key=value". Ends the program when there are too many. */
void kh_contract_set(const char *format, ...) KH_PRINTF(1, 2);
/* Notes what the process is like (signals, umask, directory) before a plugin is in it. */
void kh_contract_look_around(void);
/* Opens the backend and asks it what it is: capabilities, data_max. Ends the program when
 * it cannot be opened. */
void kh_contract_learn(void);
/* The tests of all groups that its capabilities call for, after kh_contract_learn. */
#define KH_CONTRACT_TESTS_MAX 128
size_t kh_contract_collect(struct kh_test tests[KH_CONTRACT_TESTS_MAX]);
/* Keeps the one called NAME: 1, or 0 when there is none. */
size_t kh_contract_select(struct kh_test *tests, size_t count, const char *name);

/* ---- the backend under test ---- */

/* The open backend, opened as a daemon does when it is not. Ends the program when that
 * fails. */
struct kh_backend *kh_contract_backend(void);
/* Closes it; the next kh_contract_backend opens it again. */
void kh_contract_close(void);
/* A further instance. The configuration lives until the program ends. */
kh_status kh_contract_open(
    struct kh_backend **out, kh_open_mode mode, struct kh_error *err);
bool kh_contract_has(uint32_t capability);
/* The configuration it is opened with. Ends the program when that is wrong. */
const struct kh_config *kh_contract_config(void);

/* ---- deposits ---- */

#define KH_CONTRACT_CREATED 1464937648 /* 2016-06-03T07:07:28Z */

/* A name nobody used yet: kept by the rule, in order of the calls within one test, all of
 * one test with PREFIX. In one of a few static buffers. */
const char *kh_contract_name(const char *word);
/* Fills *D: active, KH_CONTRACT_CREATED, no attributes. Free with kh_deposit_free. */
void kh_contract_make(struct kh_deposit *d, const char *name, uint32_t version,
    const void *data, size_t len);
/* Makes and puts; checks that it was stored. */
void kh_contract_put(
    const char *name, uint32_t version, const char *text, kh_put_mode mode);
/* True when what the backend holds as VERSION of D's name equals D. Prints why not. */
bool kh_contract_holds(const struct kh_deposit *d);
/* The status of a get, and of a stat, whose outputs are thrown away. */
kh_status kh_contract_get_status(const char *name, uint32_t version, bool with_deleted);
bool kh_contract_is_zero(const void *memory, size_t len);

/* ---- the groups of tests; each returns its table ---- */

struct kh_contract_group {
    uint32_t needs; /* capabilities */
    const struct kh_test *tests;
    size_t count;
};
struct kh_contract_group kh_contract_names(void);
struct kh_contract_group kh_contract_data(void);
struct kh_contract_group kh_contract_versions(void);
struct kh_contract_group kh_contract_states(void);
struct kh_contract_group kh_contract_listing(void);
struct kh_contract_group kh_contract_threads(void);
struct kh_contract_group kh_contract_facts(void);
struct kh_contract_group kh_contract_bounds(void);
struct kh_contract_group kh_contract_guest(void);
struct kh_contract_group kh_contract_hardware(void);
/* Both empty for a plugin without named keys. */
struct kh_contract_group kh_contract_keys(void);
struct kh_contract_group kh_contract_schemes(void);
struct kh_contract_group kh_contract_sealing(void);

#endif
