/* The bodies of create and roll. */
#ifndef KH_KMS_WANTED_H
#define KH_KMS_WANTED_H

#include <keyhsm/types.h>

#define KH_KMS_CIPHER_MAX 64 /* bytes of a cipher's name with its NUL */

/* A key as a caller wants it. Zero-initialise; free with kh_kms_wanted_free. */
struct kh_kms_wanted {
    bool has_name;
    char name[512]; /* longer than any good name, so that what is wrong can be said */
    char cipher[KH_KMS_CIPHER_MAX]; /* "": not given */
    int64_t bits;                   /* 0: not given */
    struct kh_attrs attrs;  /* description and attributes, as a deposit's (internal.h) */
    struct kh_buf material; /* empty: not given */
};

/* Members that are not known are passed over. Pure. KH_INVALID says what is wrong. */
KH_CHECK kh_status kh_kms_wanted_parse(const unsigned char *text, size_t len,
    struct kh_kms_wanted *out, struct kh_error *err);
void kh_kms_wanted_free(struct kh_kms_wanted *wanted);
#define KH_CLEANUP_WANTED __attribute__((cleanup(kh_kms_wanted_free)))

#endif
