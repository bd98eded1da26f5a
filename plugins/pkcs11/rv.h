/*
 * Return codes of a PKCS#11 module: their names, what they mean to a caller, and which
 * rung of the recovery ladder they call for. One table.
 */
#ifndef KH_PKCS11_RV_H
#define KH_PKCS11_RV_H

#include <keyhsm/types.h>
#include <p11-kit/pkcs11.h>

/* What may bring an operation back, cheapest first. Each is tried once for one operation.
 */
typedef enum kh_rung {
    KH_RUNG_NONE,    /* CKR_OK */
    KH_RUNG_SESSION, /* the session is dead or stuck: take a new one */
    KH_RUNG_LOGIN,   /* the login is lost: log in again */
    KH_RUNG_HANDLE,  /* the object handle is stale: find the key again */
    KH_RUNG_DEVICE, /* the module or token is lost: C_Finalize, C_Initialize, and all that
                       follows */
    KH_RUNG_DOUBT,  /* may be the device, may be this request: ask the token how it is */
    KH_RUNG_PRESSURE, /* the token is out of something: come back later */
    KH_RUNG_PERMANENT /* the same answer would come again */
} kh_rung;

/* "CKR_DEVICE_ERROR"; "CKR_VENDOR_DEFINED" or "unknown code" for what the table does not
 * have. */
const char *kh_rv_name(CK_RV rv);
kh_rung kh_rv_rung(CK_RV rv);
/* What RV means for the caller of the backend once the ladder has no rung left. */
kh_status kh_rv_status(CK_RV rv);

/* Fills ERR with "CALL: NAME (0xRV): meaning" and returns kh_rv_status(RV). */
KH_CHECK kh_status kh_rv_fail(struct kh_error *err, const char *call, CK_RV rv);

#endif
