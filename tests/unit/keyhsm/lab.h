/* A real keyhsmd, a proxy before it, and the plugin's own functions on top. */
#ifndef KH_TEST_REMOTE_LAB_H
#define KH_TEST_REMOTE_LAB_H

#include "core/config.h"
#include "core/deposit.h"
#include "core/host.h"
#include "core/secmem.h"
#include "plugins/keyhsm/remote.h"
#include "tests/lib/keyhsmd.h"
#include "tests/lib/testlib.h"
#include "tests/unit/keyhsm/proxy.h"

struct lab {
    const char *dir;
    struct kh_test_keyhsmd daemon;
    struct proxy *proxy;
};

/* keyhsmd on a new legacy store, behind a proxy. */
void lab_open(struct lab *lab);
/* The same on another backend, whose options are to be added: not started yet. */
void lab_prepare(struct lab *lab, const char *backend);
void lab_start(struct lab *lab);
void lab_close(struct lab *lab);

/* A client of it: what a host gives to the plugin. */
struct client {
    struct kh_config *config;
    struct kh_host_origin origin;
    struct kh_host host;
    struct kh_remote *remote;
};

/* Opens one through the proxy. MORE: settings "key=value" over the usual ones, separated
 * by spaces, and "nopin" for no server_certificate; may be NULL. */
kh_status client_open(
    struct client *client, const struct lab *lab, const char *more, struct kh_error *err);
/* The usual one; it must open. */
void client_must_open(struct client *client, const struct lab *lab);
void client_close(struct client *client);

/* A deposit of version 0, made at a fixed time. Free with kh_deposit_free. */
struct kh_deposit lab_deposit(const char *name, const char *text);
/* True when the store holds exactly that, asked anew past the proxy's faults. */
bool lab_holds(struct client *client, const struct kh_deposit *deposit);

/* How many lines of keyhsmd's log match the extended regular expression. */
int lab_log_lines(const struct lab *lab, const char *pattern);

#endif
