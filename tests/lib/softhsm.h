/* A SoftHSMv2 token for one test, born and buried in a scratch directory. */
#ifndef KH_TEST_SOFTHSM_H
#define KH_TEST_SOFTHSM_H

struct kh_test_token {
    char dir[512];      /* of this token: holds softhsm2.conf and tokens/ */
    char conf[600];     /* softhsm2.conf; also exported as SOFTHSM2_CONF */
    const char *label;  /* "lab" */
    const char *pin;    /* "1234" */
    char pin_file[600]; /* holds the PIN, mode 0600 */
};

/* Initialises a fresh token below DIR, with softhsm2-util, and exports SOFTHSM2_CONF.
 * Aborts when SoftHSM is missing: a missing component fails, it never skips. */
void kh_test_token_make(struct kh_test_token *token, const char *dir);

#endif
