/* The query parameters of the deposit API. Pure. */
#ifndef KH_SERVER_QUERY_H
#define KH_SERVER_QUERY_H

#include <keyhsm/types.h>

enum {
    KH_QUERY_VERSION = 1u << 0,
    KH_QUERY_AFTER = 1u << 1,   /* after=NAME */
    KH_QUERY_CURSOR = 1u << 2,  /* after=NAME, which may be a legacy store's: any bytes */
    KH_QUERY_LIMIT = 1u << 3,   /* limit=N */
    KH_QUERY_DELETED = 1u << 4, /* deleted=yes|no */
    KH_QUERY_NEW = 1u << 5,     /* new=yes|no */
    KH_QUERY_VERSIONS = 1u << 6 /* versions=N, how many */
};

#define KH_QUERY_LIMIT_DEFAULT 100
#define KH_QUERY_LIMIT_MAX 1000

struct kh_query {
    bool has_version;
    uint32_t version;
    char after[KH_NAME_MAX + 1];
    unsigned limit;
    bool deleted;
    bool new_deposit;
    uint64_t versions; /* 0: not given */
};

/*
 * Parses RAW ("version=3&..."). A parameter that is not in ALLOWED, stands twice or has a
 * wrong value is KH_INVALID: a mistyped `version` must not make a purge of one into a
 * purge of all.
 */
KH_CHECK kh_status kh_query_parse(
    const char *raw, unsigned allowed, struct kh_query *out, struct kh_error *err);

#endif
