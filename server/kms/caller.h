/*
 * What Hadoop's callers may show beside a ticket, a cookie or a certificate: delegation
 * tokens, and that they act for somebody else (doAs); and the operations on tokens (op=),
 * which are answered before any handler, on every path of the KMS.
 */
#ifndef KH_KMS_CALLER_H
#define KH_KMS_CALLER_H

#include "server/authn.h"
#include "server/kms/kms.h"

/* Fills EXTRA with hooks that work for KMS, which must outlive it. */
void kh_kms_caller(struct kh_kms *kms, struct kh_authn_extra *extra);

#endif
