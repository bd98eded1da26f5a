/*
 * Delegation tokens: made, checked, renewed, cancelled. Any server with the same backend
 * knows them: their keys (token_keys.h) and what happened to them (token_log.h) lie in
 * it. To make one writes nothing.
 */
#ifndef KH_SERVER_KMS_TOKENS_H
#define KH_SERVER_KMS_TOKENS_H

#include "core/backend.h"
#include "core/config.h"
#include "server/kms/token.h"

struct kms_tokens;

/* Reads token_renew_interval, token_max_lifetime and token_key_interval of [kms].
 * KH_INVALID, "FILE:LINE: ...", for values that do not go together. *OUT goes to
 * kms_tokens_free. */
KH_CHECK kh_status kms_tokens_new(
    struct kms_tokens **out, const struct kh_config *config, struct kh_error *err);

/* For tests: NOW (milliseconds since 1970) in place of the clock; and news is due. */
void kms_tokens_at(struct kms_tokens *tokens, int64_t now);

/*
 * All of the rest: thread safe, may block; BACKEND is read and written. What the backend
 * refuses or cannot do comes back as it says (KH_UNAVAILABLE, KH_BUSY, ...); beside that
 *
 *   KH_INVALID    the text is no token
 *   KH_REFUSED    it is forged, has ended, is not known or was cancelled, or the caller
 * is not who may do that; ERR says so as Hadoop does
 */

/* Makes a token: owner, renewer and real user are IDENT's, the rest is filled in. */
KH_CHECK kh_status kms_tokens_issue(struct kms_tokens *tokens, struct kh_backend *backend,
    struct kms_ident *ident, const char *service, char out[KMS_TOKEN_TEXT],
    struct kh_error *err);

/* Who is behind TEXT, in IDENT. */
KH_CHECK kh_status kms_tokens_check(struct kms_tokens *tokens, struct kh_backend *backend,
    const char *text, struct kms_ident *ident, struct kh_error *err);

/* As a call of kms_tokens_renew and _cancel. */
struct kms_token_call {
    const char *text;
    const char *caller;     /* short name; NULL: whoever has the token (cancel only) */
    int64_t until;          /* filled by kms_tokens_renew */
    struct kms_ident ident; /* filled when the token is genuine */
};

/* The renewer makes it last longer. */
KH_CHECK kh_status kms_tokens_renew(struct kms_tokens *tokens, struct kh_backend *backend,
    struct kms_token_call *call, struct kh_error *err);

/* The owner or the renewer ends it. */
KH_CHECK kh_status kms_tokens_cancel(struct kms_tokens *tokens,
    struct kh_backend *backend, struct kms_token_call *call, struct kh_error *err);

/* NULL is fine. Nobody may be inside. */
void kms_tokens_free(struct kms_tokens *tokens);

#endif
