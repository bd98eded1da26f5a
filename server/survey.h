/*
 * What a daemon finds when it looks at itself and at what stands behind it, for the
 * status page. However many pages ask, it looks once at a time and not again for a while;
 * what costs more is done more rarely, so that looking never takes more than a twentieth
 * of the time.
 */
#ifndef KH_SERVER_SURVEY_H
#define KH_SERVER_SURVEY_H

#include "core/backend.h"
#include "server/chain.h"

struct kh_survey_view {
    struct kh_link links[KH_LINKS];
    int64_t looked_at; /* when the links were looked at last; 0: never */
    unsigned waiting;  /* seconds that a look under way has been waiting; 0: none is */

    struct kh_info info;
    bool has_info;
    struct kh_usage usage;
    bool has_usage;     /* false: the backend does not count */
    int64_t counted_at; /* when INFO and USAGE were found */
    char problem[512];  /* why there is none that is newer; "" there is */
};

struct kh_survey;

/* NULL: no memory. */
struct kh_survey *kh_survey_new(void);
/* No thread may be inside. NULL is fine. */
void kh_survey_free(struct kh_survey *survey);

/* Looks at BACKEND, unless somebody did a moment ago or does so now; what is known goes
 * to *OUT. May wait for the backend as long as its deadline. Thread safe. */
void kh_survey_look(
    struct kh_survey *survey, struct kh_backend *backend, struct kh_survey_view *out);

/* See kh_chain_hint. Thread safe. */
void kh_survey_hint(struct kh_survey *survey, bool works);

/* True when BACKEND is a keyhsmd on another host, with the token behind it. */
bool kh_survey_remote(const struct kh_backend *backend);

#endif
