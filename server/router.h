/* Routes: method and path to handler. Pure, so that it can be fuzzed. */
#ifndef KH_SERVER_ROUTER_H
#define KH_SERVER_ROUTER_H

#include "server/acl.h"
#include "server/http.h"

struct kh_app;

typedef void (*kh_handler)(struct kh_app *app, struct kh_request *request);

enum {
    KH_ROUTE_INLINE = 1u << 0, /* runs on the loop thread: must not block */
    /* Callers may give and see what a copy needs beyond the deposit API: version,
     * creation time and state of a PUT, deleted versions of a GET. */
    KH_ROUTE_COPIES = 1u << 1,
    KH_ROUTE_KNOWN = 1u << 2, /* needs an identity, but no rule */
    /* A route of Hadoop's interface: it needs an identity; cookies and what
     * kh_authn_extra adds count there; errors have Hadoop's bodies (hadoop.h); OPTIONS is
     * answered by the server itself, once the caller is known. */
    KH_ROUTE_HADOOP = 1u << 3,
    /* Asked by those who watch: no part of the load that the status page shows. */
    KH_ROUTE_WATCH = 1u << 4,
    KH_ROUTE_RAW_NAME = 1u << 5, /* the handler reads {name} from the path itself */
    KH_ROUTE_LARGE = 1u << 6,    /* takes bodies up to kh_service_options.large_body */
    KH_ROUTE_KEYS = 1u << 7 /* about named keys: the audit log says key.get and so on */
};

/* What a method of a route needs a right to, one of KH_OP_* (acl.h); 0: no right is asked
 * for, the route is open to anybody who may connect. */
struct kh_route_needs {
    unsigned read; /* GET and HEAD */
    unsigned put;
    unsigned post;
    unsigned remove; /* DELETE */
};

struct kh_route {
    unsigned methods;    /* kh_method bits */
    const char *pattern; /* "/v1/deposits/{name}/versions"; {name} is one segment */
    kh_handler run;      /* fills request->response */
    unsigned flags;
    struct kh_route_needs needs;
};

/* False when ROUTE is open to anybody who may connect. */
bool kh_route_identity(const struct kh_route *route);

/* What a match found. */
typedef enum kh_match {
    KH_MATCH_OK,
    KH_MATCH_NO_PATH,   /* 404 */
    KH_MATCH_NO_METHOD, /* 405; *ALLOW holds what would be right */
    KH_MATCH_BAD_NAME   /* 400; ERR says why */
} kh_match;

/*
 * Finds the route of PATH (raw, without query) and METHOD. {name} is percent-decoded once
 * into NAME (not with KH_ROUTE_RAW_NAME: then it is ""). Segments are split before
 * decoding, so %2F never divides.
 */
kh_match kh_router_match(const struct kh_route *routes, size_t count, kh_method method,
    const char *path, const struct kh_route **route, char name[KH_NAME_MAX + 1],
    unsigned *allow, struct kh_error *err);

/* A route of its own for PATH with a query: its pattern is the path and a '?', without
 * {name}. NULL: there is none, and kh_router_match says which it is. */
const struct kh_route *kh_router_query(
    const struct kh_route *routes, size_t count, kh_method method, const char *path);

/* "GET, HEAD" for kh_method bits. */
void kh_methods_text(unsigned methods, char *out, size_t size);

/*
 * Decodes LEN bytes of percent-encoded TEXT (RFC 3986) into OUT (SIZE bytes with the
 * NUL). KH_INVALID: a bad escape, %00, not UTF-8, too long.
 */
KH_CHECK kh_status kh_percent_decode(
    const char *text, size_t len, char *out, size_t size, struct kh_error *err);

/* The same for any bytes but NUL. */
KH_CHECK kh_status kh_percent_decode_bytes(
    const char *text, size_t len, char *out, size_t size, struct kh_error *err);

/* As kh_percent_decode, and a name is no path: '/', "." and ".." are refused, and so is
 * "". */
KH_CHECK kh_status kh_name_decode(
    const char *text, size_t len, char out[KH_NAME_MAX + 1], struct kh_error *err);

#endif
