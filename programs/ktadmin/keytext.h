/* Named keys as commands show them. */
#ifndef KH_KTADMIN_KEYTEXT_H
#define KH_KTADMIN_KEYTEXT_H

#include "core/backend_key.h"

#include <jansson.h>
#include <keyhsm/key_words.h>

#define KH_WORDS_SIZE 160

/* "a, b, c": every word of WORDS, and those of PURPOSES. Return TEXT. */
const char *kh_words_text(const struct kh_key_word *words, char text[KH_WORDS_SIZE]);
const char *kh_purposes_text(uint32_t purposes, char text[KH_WORDS_SIZE]);

/* As the API shows it, but for the public half; the caller's, NULL without memory. */
json_t *kh_key_facts(const struct kh_named_key *key);

/* The public half as PEM in OUT, which the caller frees. KH_REFUSED: an AES key. */
KH_CHECK kh_status kh_key_pem(
    const struct kh_named_key *key, struct kh_buf *out, struct kh_error *err);

#endif
