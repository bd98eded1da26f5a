/* A list of named checks as an operator reads it: a line each, with the remedy. */
#ifndef KH_KEYHSM_CHECKLIST_H
#define KH_KEYHSM_CHECKLIST_H

#include <keyhsm/plugin.h>

struct kh_checklist;

/* JSON: nothing is printed before kh_checklist_end. NULL: no memory. */
struct kh_checklist *kh_checklist_new(bool json);

/* Something is as it must be. DETAIL is one line. */
KH_PRINTF(3, 4)
void kh_check_ok(struct kh_checklist *list, const char *name, const char *detail, ...);
/* It works, and will not for long, or not as well as it could. */
void kh_check_warning(
    struct kh_checklist *list, const char *name, const char *detail, const char *remedy);
/* It is not as it must be. ERR says what; REMEDY (may be NULL) what would help. */
void kh_check_failed(struct kh_checklist *list, const char *name,
    const struct kh_error *err, const char *remedy);
/* It could not be looked at, and no harm is known. */
KH_PRINTF(3, 4)
void kh_check_skipped(struct kh_checklist *list, const char *name, const char *why, ...);
/* A finding of kh_backend_examine; for its FN, with LIST as ARG. */
void kh_check_finding(void *list, const struct kh_finding *finding);

unsigned kh_checklist_failures(const struct kh_checklist *list);

/* Prints the sum, or the JSON; frees LIST. KH_UNAVAILABLE: standard output is gone. */
KH_CHECK kh_status kh_checklist_end(struct kh_checklist *list, struct kh_error *err);

#endif
