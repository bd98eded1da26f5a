/*
 * A list of users and groups as Hadoop writes it: "user1,user2 group1,group2". The first
 * blank ends the users. "*" stands for everybody, "" for nobody, ", group" (or " group",
 * where blanks at the start survive) for groups alone; a group's name may hold blanks. An
 * entry "~hue" among the users is a request that the proxy user hue makes for whomever.
 * Pure, apart from the groups that it asks for.
 */
#ifndef KH_SERVER_KMS_USERS_H
#define KH_SERVER_KMS_USERS_H

#include "server/http.h"
#include "server/kms/groups.h"

#define KMS_USERS_MAX 4096 /* entries of one list */

/* Sorted names, each once. Zero-initialise. */
struct kms_names {
    char **names;
    size_t count;
};

/* One list. Zero-initialise: nobody. Freed by kms_users_clear. */
struct kms_users {
    bool all;
    struct kms_names users;
    struct kms_names groups;
};

/* Adds what TEXT names. KH_INVALID says what is wrong: a control character, an empty
 * entry behind '~', a ',' in front of the blank that ends the users (Hadoop takes what
 * follows for groups, which the author of "alice, bob" did not mean), too many entries.
 * LIST may then hold a part of them. */
KH_CHECK kh_status kms_users_add(
    struct kms_users *list, const char *text, struct kh_error *err);

/* Whether WHO is on LIST, GROUPS saying which groups the user is in. KMS_UNKNOWN: the
 * list names groups, and the system cannot say at present: what allows must then refuse,
 * and what blocks must block. Somebody without a short name is on no list, not even "*".
 * Thread safe. */
enum kms_member kms_users_have(const struct kms_users *list,
    const struct kh_principal *who, struct kms_groups *groups);

void kms_users_clear(struct kms_users *list);

/* Adds LEN bytes of NAME, unless it is there. KH_INVALID: more than KMS_USERS_MAX. */
KH_CHECK kh_status kms_names_add(
    struct kms_names *names, const char *name, size_t len, struct kh_error *err);
bool kms_names_have(const struct kms_names *names, const char *name);
void kms_names_clear(struct kms_names *names);

#endif
