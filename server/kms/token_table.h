/*
 * What has happened to delegation tokens since they were made: renewed until when, or
 * cancelled. A token that nothing has happened to is not in it, so issuing costs no
 * memory. Not thread safe.
 */
#ifndef KH_SERVER_KMS_TOKEN_TABLE_H
#define KH_SERVER_KMS_TOKEN_TABLE_H

#include "server/kms/token.h"

#define KMS_EVENTS_MAX 100000      /* in all */
#define KMS_EVENTS_OWNER_MAX 20000 /* of the tokens of one owner */

/* One token. In the store it is KMS_EVENT_LEN bytes. */
struct kms_event {
    unsigned char id[16]; /* the beginning of the identifier's SHA-256 */
    uint32_t owner;       /* the beginning of the owner's SHA-256 */
    int64_t until;        /* milliseconds since 1970; 0: cancelled */
    int64_t forget;       /* from then on it need not be known any more */
};
#define KMS_EVENT_LEN 36

struct kms_table {
    struct kms_event *events; /* sorted by id */
    size_t count;
    size_t room; /* events there is memory for */
};

/* The event of TOKEN, whose owner is OWNER, without its times. KH_UNAVAILABLE: OpenSSL
 * has no SHA-256. */
KH_CHECK kh_status kms_event_of(const struct kms_token *token, const char *owner,
    struct kms_event *out, struct kh_error *err);

/* Its bytes. */
void kms_event_write(const struct kms_event *event, unsigned char out[KMS_EVENT_LEN]);
void kms_event_read(const unsigned char bytes[KMS_EVENT_LEN], struct kms_event *out);

/* What is known of ID, or NULL; valid until the next change. */
const struct kms_event *kms_table_find(
    const struct kms_table *table, const unsigned char id[16]);

/* Adds EVENT to what is known: cancelled stays so, else the later time counts. False: no
 * memory. */
KH_CHECK bool kms_table_merge(struct kms_table *table, const struct kms_event *event);

/* False: EVENT would be one too many, of all or of its owner. */
bool kms_table_has_room(const struct kms_table *table, const struct kms_event *event);

/* Drops what need not be known at NOW. */
void kms_table_prune(struct kms_table *table, int64_t now);

void kms_table_clear(struct kms_table *table);

#endif
