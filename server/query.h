/* The query parameters of the deposit API. Pure. */
#ifndef KH_SERVER_QUERY_H
#define KH_SERVER_QUERY_H

#include <keyhsm/types.h>

enum { KH_QUERY_VERSION = 1u << 0, KH_QUERY_AFTER = 1u << 1, KH_QUERY_LIMIT = 1u << 2 };

#define KH_QUERY_LIMIT_DEFAULT 100
#define KH_QUERY_LIMIT_MAX 1000

struct kh_query {
    bool has_version;
    uint32_t version;
    char after[KH_NAME_MAX + 1];
    unsigned limit;
};

/*
 * Parses RAW ("version=3&..."). A parameter that is not in ALLOWED, stands twice or has a
 * wrong value is KH_INVALID: a mistyped `version` must not make a purge of one into a
 * purge of all.
 */
KH_CHECK kh_status kh_query_parse(
    const char *raw, unsigned allowed, struct kh_query *out, struct kh_error *err);

#endif
