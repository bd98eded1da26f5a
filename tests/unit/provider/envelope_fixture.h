/* One backing, its provider and envelopes, shared by the tests of a program. */
#ifndef KH_TEST_ENVELOPE_FIXTURE_H
#define KH_TEST_ENVELOPE_FIXTURE_H

#include "plugins/pkcs11/envelope.h"
#include "tests/lib/testlib.h"
#include "tests/unit/provider/backing.h"

struct fixture {
    struct backing backing;
    struct kh_provider *provider;
    struct kh_envelopes *envelopes;
};

/* The fixture of this program; its backing has been made by main. */
extern struct fixture fix;

/* Makes provider and envelopes upon fix.backing, or aborts; and frees them. */
void fixture_open(void);
void fixture_close(void);

/* The key, public half and recipient of PROFILE. */
const struct kh_token_key *fixture_key(const char *profile);
struct kh_recipient *fixture_recipient(const char *profile);

/* LEN bytes in secret memory that differ from each other. Free with kh_buf_free. */
struct kh_buf fixture_record(size_t len);

/* A sealed envelope of FIXTURE_RECORD(len) for PROFILE; malloc'd. */
unsigned char *fixture_seal(const char *profile, size_t len, size_t *der_len);

/* Opens, and compares with fixture_record(LEN): KH_OK only when equal. RECORD must be
 * left empty by a failure, which is asserted. */
kh_status fixture_open_equal(const char *profile, const unsigned char *der,
    size_t der_len, size_t len, struct kh_error *err);

#endif
