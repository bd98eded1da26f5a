/*
 * Proxy users: who may act for whom (doAs), from where. One line of [kms.proxyuser] for
 * each of Hadoop's hadoop.kms.proxyuser.PROXY.users, .groups and .hosts:
 *
 *     [kms.proxyuser]
 *     LABEL = hue users alice,bob
 *     LABEL = hue groups analysts
 *     LABEL = hue hosts hue.example.com,10.0.0.0/24
 *
 * One of users and groups must have the effective user, and hosts the address the request
 * comes from. "*" stands for all; what is absent is refused. For server/kms/acl*.c only.
 */
#ifndef KH_SERVER_KMS_PROXY_H
#define KH_SERVER_KMS_PROXY_H

#include "core/config.h"
#include "server/kms/hosts.h"
#include "server/kms/users.h"

#define KMS_PROXIES_MAX 1024

struct kms_proxy {
    char *name;
    struct kms_users users; /* of users and groups */
    struct kms_hosts *hosts;
};

struct kms_proxies {
    struct kms_proxy *list;
    size_t count;
};

/* Reads [kms.proxyuser]. KH_INVALID, "FILE:LINE: LABEL: ...". PROXIES (zeroed) goes to
 * kms_proxies_clear, also on failure. */
KH_CHECK kh_status kms_proxies_read(
    struct kms_proxies *proxies, const struct kh_config *config, struct kh_error *err);

/* KMS_PROXY_OK, or what does not fit. May block. Thread safe. */
enum kms_proxied { KMS_PROXY_OK, KMS_PROXY_USER, KMS_PROXY_HOST };
enum kms_proxied kms_proxies_allow(const struct kms_proxies *proxies,
    struct kms_groups *groups, const char *const users[2], const char *address);

void kms_proxies_clear(struct kms_proxies *proxies);

#endif
