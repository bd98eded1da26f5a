/* Finding keys on the token and looking at them. Nothing here uses a key. */
#ifndef KH_PKCS11_FIND_H
#define KH_PKCS11_FIND_H

#include "plugins/pkcs11/run.h"

/* Handles that a search found. Zero-initialise; free with kh_handles_free. */
struct kh_handles {
    CK_OBJECT_HANDLE *list;
    size_t count;
};
void kh_handles_free(struct kh_handles *handles);

/* Every object that matches TEMPLATE (COUNT attributes; 0: all objects). */
CK_RV kh_find(struct kh_call *call, CK_ATTRIBUTE *template, CK_ULONG count,
    struct kh_handles *handles);

/* Every object with CKA_ID = ID, of any class. */
CK_RV kh_find_id(
    struct kh_call *call, const struct kh_key_id *id, struct kh_handles *handles);

/* C_DestroyObject, of something that was made or found with CKA_ID = ID (NULL: with
 * none). Where handles
 * may mistake one object for another (KH_QUIRK_ANCHOR) it is looked at first; a verdict
 * when it is another one: what is destroyed is gone. */
CK_RV kh_destroy(
    struct kh_call *call, CK_OBJECT_HANDLE handle, const struct kh_key_id *id);

/* A search found nothing: is that to be believed? CKR_OK when the login and the token are
 * there. */
CK_RV kh_find_credible(struct kh_call *call);

/* What an object is, as read from the token. An attribute that is absent or unreadable is
 * false. */
struct kh_look {
    struct kh_key_id id; /* len 0: none, or longer than ours may be */
    bool has_class;
    bool private_key; /* CKA_CLASS */
    bool secret_key;
    bool token;
    bool private;
    bool sensitive;
    bool always_sensitive;
    bool extractable; /* true unless the token says CK_FALSE */
    bool never_extractable;
    bool material; /* a non-empty CKA_EC_PARAMS, CKA_MODULUS or CKA_VALUE_LEN: using a key
                      without it can kill us */
};
CK_RV kh_look_at(struct kh_call *call, CK_OBJECT_HANDLE handle, struct kh_look *look);

/* What a key must be to be used. */
struct kh_wanted {
    const struct kh_key_id *id;
    bool secret_key;   /* CKO_SECRET_KEY; else CKO_PRIVATE_KEY */
    kh_status missing; /* what it comes to when it is not on the token */
};

/* Why a key with this look may not be used as the key WANTED; NULL when it may. */
const char *kh_look_fault(const struct kh_look *look, const struct kh_wanted *wanted);

/* The handle of private key ID, from the cache or by a search that must find exactly one.
 * It has been looked at, now or before. A verdict when it is not on the token (MISSING)
 * or not as it must be (KH_CORRUPT). */
CK_RV kh_key_handle(struct kh_call *call, const struct kh_key_id *id, kh_status missing,
    CK_OBJECT_HANDLE *handle);
/* The same of a key of either class. */
CK_RV kh_wanted_handle(
    struct kh_call *call, const struct kh_wanted *wanted, CK_OBJECT_HANDLE *handle);

/* One pass over all objects, with everybody else outside the gate: fills the cache. */
KH_CHECK kh_status kh_fill_cache(struct kh_token *token, struct kh_error *err);

/* The same pass for kh_run: ARG is a struct kh_pass, whose arrays the caller frees. */
struct kh_pass {
    struct kh_token_object *objects;
    size_t count;
    CK_OBJECT_HANDLE *debris; /* half-made, without id */
    size_t debris_count;
};
CK_RV kh_pass_over(struct kh_call *call, void *pass);
void kh_pass_free(struct kh_pass *pass);

/* The id in hexadecimal, for messages. */
struct kh_key_name {
    char text[2 * KH_KEY_ID_MAX + 1];
};
struct kh_key_name kh_key_name(const struct kh_key_id *id);

#endif
