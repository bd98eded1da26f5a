/*
 * A list of hosts: "10.0.0.0/8,::1,hue.example.com", or "*". Names are looked up when
 * they are needed, and what was found is remembered for a minute.
 */
#ifndef KH_SERVER_KMS_HOSTS_H
#define KH_SERVER_KMS_HOSTS_H

#include <keyhsm/types.h>

#define KMS_HOSTS_MAX 1024 /* entries of one list */

struct kms_hosts;

/* Adds what TEXT names to *LIST, which is made when it is NULL, and freed by
 * kms_hosts_free. KH_INVALID says which entry is no address, no network (bits of the host
 * part must be 0) and no host name. */
KH_CHECK kh_status kms_hosts_add(
    struct kms_hosts **list, const char *text, struct kh_error *err);

/* Whether ADDRESS (IPv4 or IPv6 in text) is one of LIST. A name that cannot be looked up
 * is not; the log says so. Without list, or with another text: false. May block. Thread
 * safe. */
bool kms_hosts_have(struct kms_hosts *list, const char *address);

/* NULL is fine. */
void kms_hosts_free(struct kms_hosts *list);

#endif
