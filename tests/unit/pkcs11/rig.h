/* What the tests of the token share: a SoftHSM token of their own, a host with options, a
 * peer. */
#ifndef KH_TEST_PKCS11_RIG_H
#define KH_TEST_PKCS11_RIG_H

#include "core/host.h"
#include "plugins/pkcs11/token.h"
#include "tests/lib/softhsm.h"
#include "tests/lib/testlib.h"

struct rig {
    struct kh_test_token soft;
    char state[640]; /* option state_dir */
    struct kh_config *config;
    struct kh_host_origin origin;
    struct kh_host host;
    struct kh_token *token; /* NULL: not open */
    struct kh_error err;
};

/* A fresh token and a host whose options choose it, with the PIN from a file. Aborts on
 * failure. */
void rig_make(struct rig *rig);
/* The same for a token that rig_make of another process made in DIR. */
void rig_at(struct rig *rig, const char *dir);
/* Sets one option of the backend: "module=/x.so". Call rig_host afterwards. */
void rig_set(struct rig *rig, const char *assignment);
/* Claims the options and fills the host. */
void rig_host(struct rig *rig);
/* kh_token_open on it. */
kh_status rig_open(struct rig *rig);
void rig_close(struct rig *rig);
/* Closes the token and frees the rest; the token's files stay until the program ends. */
void rig_end(struct rig *rig);

/* Key id number N: 20 bytes. */
struct kh_key_id rig_id(unsigned n);
/* Makes key N on the token; its public half to *SPKI (freed by the caller). */
kh_status rig_generate(struct rig *rig, unsigned n, struct kh_public_half *half);
/* Does the token, with key N, come to the same ECDH secret as software does with HALF? */
bool rig_agrees(struct rig *rig, unsigned n, const struct kh_public_half *half);
/* Runs the token's ECDH for key N with a good peer; the status, with rig->err filled. */
kh_status rig_ecdh(struct rig *rig, unsigned n, struct kh_error *err);
/* rig_ecdh against a peer of its own choice: SECRET is what software gets. */
kh_status rig_agree(struct rig *rig, unsigned n, const struct kh_public_half *half,
    bool *agrees, struct kh_error *err);
/* How many private keys kh_token_key_each shows, and how many of them are complete. */
unsigned rig_count(struct rig *rig, unsigned *complete);

/* pkcs11-tool on the token, logged in: its exit status. */
int rig_tool(const struct rig *rig, const char *arguments);

#endif
