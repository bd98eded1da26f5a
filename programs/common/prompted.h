/* Secrets that a daemon would ask for on a terminal it will not have. */
#ifndef KH_PROGRAMS_PROMPTED_H
#define KH_PROGRAMS_PROMPTED_H

#include "core/config.h"

#define KH_PROMPTED_MAX 4

/* For a daemon's command line, and the descriptors that it inherits. Zero-initialise. */
struct kh_prompted {
    const char *backend;
    size_t count;
    int fds[KH_PROMPTED_MAX];
    char *sets[KH_PROMPTED_MAX]; /* "SECTION.KEY=fd:N" */
};

/* Is there an option whose source is `prompt`? Of the backends only BACKEND counts, which
 * is the one that will be opened. */
bool kh_prompted_any(const struct kh_config *config, const char *backend);

/* Asks here for each such secret and puts it into a pipe. Secret memory must be there.
 * KH_UNAVAILABLE: no terminal. */
KH_CHECK kh_status kh_prompted_read(struct kh_prompted *prompted,
    const struct kh_config *config, const char *backend, struct kh_error *err);

void kh_prompted_free(struct kh_prompted *prompted);

#endif
