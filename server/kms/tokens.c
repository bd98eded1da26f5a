#include "server/kms/tokens.h"

#include "server/kms/token_keys.h"
#include "server/kms/token_log.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SKEW_MS = 3600 * 1000, /* what has ended is remembered longer, for slow clocks */
    SHORTEST = 10,         /* seconds */
    LONGEST = 366 * 86400
};

struct kms_tokens {
    struct kms_token_times times;
    struct kms_keys *keys;
    struct kms_log *log;
    _Atomic(int64_t) fixed; /* for tests; 0: the clock */
};

static kh_status read_time(
    const struct kh_config *config, const char *key, int64_t *out, struct kh_error *err)
{
    int64_t seconds = kh_config_int(config, "kms", key);

    if (seconds < SHORTEST || seconds > LONGEST)
        return kh_fail(err, KH_INVALID, "%s: [kms] %s must be from %d to %d seconds",
            kh_config_where(config, "kms", key), key, (int)SHORTEST, (int)LONGEST);
    *out = 1000 * seconds;
    return KH_OK;
}

static kh_status read_times(
    const struct kh_config *config, struct kms_token_times *out, struct kh_error *err)
{
    kh_status st = read_time(config, "token_renew_interval", &out->renew, err);

    if (st == KH_OK)
        st = read_time(config, "token_max_lifetime", &out->max, err);
    if (st == KH_OK)
        st = read_time(config, "token_key_interval", &out->interval, err);
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): at least SHORTEST when KH_OK */
    if (st == KH_OK && out->max / out->interval > 200)
        st = kh_fail(err, KH_INVALID,
            "%s: [kms] token_key_interval is too short for token_max_lifetime: more than "
            "200 keys would be needed",
            kh_config_where(config, "kms", "token_key_interval"));
    return st;
}

kh_status kms_tokens_new(
    struct kms_tokens **out, const struct kh_config *config, struct kh_error *err)
{
    struct kms_tokens *tokens = calloc(1, sizeof *tokens);
    kh_status st;

    *out = NULL;
    if (!tokens)
        return kh_fail(err, KH_FATAL, "no memory for delegation tokens");
    st = read_times(config, &tokens->times, err);
    if (st == KH_OK)
        st = kms_keys_new(&tokens->keys, &tokens->times, err);
    if (st == KH_OK)
        st = kms_log_new(&tokens->log, err);
    if (st != KH_OK) {
        kms_tokens_free(tokens);
        return st;
    }
    *out = tokens;
    return KH_OK;
}

void kms_tokens_free(struct kms_tokens *tokens)
{
    if (!tokens)
        return;
    kms_keys_free(tokens->keys);
    kms_log_free(tokens->log);
    free(tokens);
}

void kms_tokens_at(struct kms_tokens *tokens, int64_t now)
{
    atomic_store(&tokens->fixed, now);
    kms_log_expire(tokens->log);
}

static int64_t now_of(struct kms_tokens *tokens)
{
    int64_t fixed = atomic_load(&tokens->fixed);
    struct timespec now;

    if (fixed)
        return fixed;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

kh_status kms_tokens_issue(struct kms_tokens *tokens, struct kh_backend *backend,
    struct kms_ident *ident, const char *service, char out[KMS_TOKEN_TEXT],
    struct kh_error *err)
{
    struct kms_key_wish wish = {.make = true, .now = now_of(tokens)};
    struct kms_token token = {0};
    uint32_t sequence = 0;
    kh_status st;

    out[0] = '\0';
    /* Nothing counts them, so that no two servers need to agree on a number. */
    if (RAND_bytes((unsigned char *)&sequence, sizeof sequence) != 1)
        return kh_fail(err, KH_UNAVAILABLE, "OpenSSL has no random bytes");
    wish.number = kms_keys_number(tokens->keys, wish.now);
    ident->sequence = (int32_t)(sequence & INT32_MAX);
    ident->issued = wish.now;
    ident->max = wish.now + tokens->times.max;
    ident->key = wish.number;
    token.ident_len = kms_ident_write(ident, token.ident);
    st = kms_keys_mac(tokens->keys, backend, &wish, &token, token.mac, err);
    if (st == KH_OK)
        kms_token_write(&token, service, out);
    OPENSSL_cleanse(&token, sizeof token);
    return st;
}

static kh_status forged(const struct kms_ident *ident, struct kh_error *err)
{
    char text[400];

    kms_ident_text(ident, text, sizeof text);
    return kh_fail(err, KH_REFUSED, "token %s is invalid, password doesn't match", text);
}

static kh_status check_mac(struct kms_tokens *tokens, struct kh_backend *backend,
    const struct kms_token *token, const struct kms_ident *ident, struct kh_error *err)
{
    struct kms_key_wish wish = {.number = ident->key, .now = now_of(tokens)};
    unsigned char mac[KMS_MAC_LEN];
    kh_status st = kms_keys_mac(tokens->keys, backend, &wish, token, mac, err);
    bool same = st == KH_OK && CRYPTO_memcmp(mac, token->mac, KMS_MAC_LEN) == 0;

    OPENSSL_cleanse(mac, sizeof mac);
    if (st != KH_OK && st != KH_REFUSED)
        return st;
    return same ? KH_OK : forged(ident, err);
}

/* When IDENT ends, in *UNTIL, by what happened to it. KH_REFUSED: it was cancelled. */
static kh_status look_at(struct kms_tokens *tokens, const struct kms_log_call *call,
    const struct kms_ident *ident, struct kms_event *event, struct kh_error *err)
{
    struct kms_event known;
    kh_status st = kms_log_find(tokens->log, call, event->id, &known, err);

    event->until = smaller(ident->issued + tokens->times.renew, ident->max);
    if (st == KH_NOT_FOUND)
        return KH_OK;
    if (st != KH_OK)
        return st;
    if (known.until == 0)
        return kh_fail(err, KH_REFUSED,
            "Token for real user: %s, can't be found in cache", ident->real_user);
    if (known.until > event->until)
        event->until = smaller(known.until, ident->max);
    return KH_OK;
}

static kh_status check_end(
    const struct kms_ident *ident, int64_t now, int64_t until, struct kh_error *err)
{
    char text[400];

    if (now < until)
        return KH_OK;
    kms_ident_text(ident, text, sizeof text);
    return kh_fail(err, KH_REFUSED,
        "token %s is expired, current time: %" PRId64 " expected renewal time: %" PRId64,
        text, now, until);
}

/* TEXT is genuine, was not cancelled and has not ended. EVENT is ready for what happens
 * to it next; its `until` is when it ends. */
static kh_status check(struct kms_tokens *tokens, const struct kms_log_call *call,
    struct kms_token_call *asked, struct kms_event *event, struct kh_error *err)
{
    struct kms_token token;
    struct kms_ident ident;
    kh_status st = kms_token_parse(asked->text, &token, err);

    asked->ident = (struct kms_ident){0};
    if (st == KH_OK)
        st = kms_ident_parse(token.ident, token.ident_len, &ident, err);
    if (st == KH_OK)
        st = check_mac(tokens, call->backend, &token, &ident, err);
    if (st == KH_OK)
        asked->ident = ident;
    if (st == KH_OK)
        st = kms_event_of(&token, ident.owner, event, err);
    if (st == KH_OK)
        st = look_at(tokens, call, &ident, event, err);
    if (st == KH_OK)
        st = check_end(&ident, call->now, event->until, err);
    OPENSSL_cleanse(&token, sizeof token);
    return st;
}

kh_status kms_tokens_check(struct kms_tokens *tokens, struct kh_backend *backend,
    const char *text, struct kms_ident *ident, struct kh_error *err)
{
    struct kms_log_call call = {backend, now_of(tokens)};
    struct kms_token_call asked = {.text = text};
    struct kms_event event;
    kh_status st = check(tokens, &call, &asked, &event, err);

    *ident = st == KH_OK ? asked.ident : (struct kms_ident){0};
    return st;
}

kh_status kms_tokens_renew(struct kms_tokens *tokens, struct kh_backend *backend,
    struct kms_token_call *asked, struct kh_error *err)
{
    struct kms_log_call call = {backend, now_of(tokens)};
    struct kms_event event = {0};
    char text[400];
    kh_status st = check(tokens, &call, asked, &event, err);

    asked->until = 0;
    if (st != KH_OK)
        return st;
    kms_ident_text(&asked->ident, text, sizeof text);
    if (!*asked->ident.renewer || strcmp(asked->ident.renewer, asked->caller) != 0)
        return kh_fail(err, KH_REFUSED,
            "%s tries to renew a token %s with non-matching renewer %s", asked->caller,
            text, asked->ident.renewer);
    event.until = smaller(call.now + tokens->times.renew, asked->ident.max);
    event.forget = event.until + SKEW_MS;
    st = kms_log_add(tokens->log, &call, &event, err);
    asked->until = st == KH_OK ? event.until : 0;
    return st;
}

kh_status kms_tokens_cancel(struct kms_tokens *tokens, struct kh_backend *backend,
    struct kms_token_call *asked, struct kh_error *err)
{
    struct kms_log_call call = {backend, now_of(tokens)};
    struct kms_event event = {0};
    kh_status st = check(tokens, &call, asked, &event, err);

    if (st != KH_OK)
        return st;
    if (asked->caller && strcmp(asked->caller, asked->ident.owner) != 0 &&
        (!*asked->ident.renewer || strcmp(asked->caller, asked->ident.renewer) != 0))
        return kh_fail(
            err, KH_REFUSED, "%s is not authorized to cancel the token", asked->caller);
    /* It may be renewed on another server, which does not know of this yet, until it
     * would have ended; and then it would end at most one interval later. */
    event.forget = smaller(event.until + tokens->times.renew, asked->ident.max) + SKEW_MS;
    event.until = 0;
    return kms_log_add(tokens->log, &call, &event, err);
}
