/* What the files of the wire share: jansson, strictly. */
#ifndef KH_REMOTE_JSON_H
#define KH_REMOTE_JSON_H

#include <keyhsm/types.h>

#include <jansson.h>

#define KH_TIME_TEXT 21 /* RFC 3339 in UTC with seconds, NUL included */

void kh_json_drop(json_t **json);
#define KH_CLEANUP_JSON __attribute__((cleanup(kh_json_drop)))

/* KH_UNAVAILABLE: WHAT of the answer is not as the API promises. */
KH_CHECK kh_status kh_json_strange(struct kh_error *err, const char *what);

/* One object; NULL with ERR filled. The caller's. */
json_t *kh_json_object(const struct kh_buf *body, struct kh_error *err);

/* Members of OBJECT (NULL is fine); false when missing or of another kind. An integer
 * lies between 0 and MAX. A time may be null: 0. */
bool kh_json_number(
    const json_t *object, const char *member, uint64_t max, uint64_t *out);
bool kh_json_version(const json_t *object, const char *member, uint32_t *out);
bool kh_json_state(const json_t *object, kh_state *out);
bool kh_json_time(const json_t *object, int64_t *out);
/* Text that fits into SIZE bytes with its NUL. */
bool kh_json_text(const json_t *object, const char *member, char *out, size_t size);

/* False: SECONDS lies outside the years 1000 to 9999. */
bool kh_time_write(int64_t seconds, char out[KH_TIME_TEXT]);
bool kh_time_read(const char *text, int64_t *seconds);

#endif
