/* JSON (RFC 8259) as text, a piece at a time, so that a long list needs little memory. */
#ifndef KH_MIGRATE_JSON_H
#define KH_MIGRATE_JSON_H

#include "core/migrate/migrate.h"

/* TEXT quoted and escaped, ASCII only; bytes that are no UTF-8 are percent-encoded first.
 */
void kh_json_string(FILE *to, const char *text);
/* ,"KEY":"VALUE" and ,"KEY":NUMBER, for after the first member. */
void kh_json_member(FILE *to, const char *key, const char *value);
void kh_json_number(FILE *to, const char *key, uint64_t number);
/* One event as an object, without line end. */
void kh_migration_event_json(FILE *to, const struct kh_migration_event *event);
/* The members that tell of a result, each with a comma before. */
void kh_migration_result_json(FILE *to, const struct kh_migration_result *result);

#endif
