/*
 * A delegation token as Hadoop's clients carry it: url-safe base64, without padding, of
 * Writables: identifier, password, kind and service. Clients look into the identifier, so
 * its layout is theirs; the password is ours. Pure.
 */
#ifndef KH_SERVER_KMS_TOKEN_H
#define KH_SERVER_KMS_TOKEN_H

#include <keyhsm/types.h>

#define KMS_TOKEN_NAME 256                         /* a user, with its NUL */
#define KMS_IDENT_MAX 1024                         /* bytes of an identifier */
#define KMS_MAC_LEN 32                             /* HMAC-SHA-256 */
#define KMS_TOKEN_MAX 2048                         /* bytes of a token */
#define KMS_TOKEN_TEXT (4 * KMS_TOKEN_MAX / 3 + 4) /* its text, with the NUL */

/* What a token says of itself. Times in milliseconds since 1970. */
struct kms_ident {
    char owner[KMS_TOKEN_NAME];
    char renewer[KMS_TOKEN_NAME];   /* "": nobody */
    char real_user[KMS_TOKEN_NAME]; /* who acted for the owner, or "" */
    int64_t issued;
    int64_t max; /* it ends then, whatever is renewed */
    int32_t sequence;
    int32_t key; /* number of the key that the password is made with */
};

/* A token taken apart. */
struct kms_token {
    unsigned char ident[KMS_IDENT_MAX];
    size_t ident_len;
    unsigned char mac[KMS_MAC_LEN];
};

/* IDENT's bytes into OUT; their number. */
size_t kms_ident_write(const struct kms_ident *ident, unsigned char out[KMS_IDENT_MAX]);

/* The other way. KH_INVALID: it does not end where it must, a number is not written in
 * the shortest form, or a name is too long, holds a NUL or is not UTF-8. */
KH_CHECK kh_status kms_ident_parse(
    const unsigned char *bytes, size_t len, struct kms_ident *out, struct kh_error *err);

/* TOKEN as text. SERVICE (at most 255 bytes) is the client's own remark; may be NULL. */
void kms_token_write(
    const struct kms_token *token, const char *service, char out[KMS_TOKEN_TEXT]);

/* The other way. KH_INVALID says what TEXT is not; the text itself is never repeated. The
 * service is passed over. */
KH_CHECK kh_status kms_token_parse(
    const char *text, struct kms_token *out, struct kh_error *err);

/* "(kms-dt owner=..., renewer=..., ...)", as Hadoop's messages show it. No secret. */
void kms_ident_text(const struct kms_ident *ident, char *out, size_t size);

#endif
