/* A name that nobody proves: user.name= in the query, as Hadoop's "simple" has it. */
#include "server/authn_impl.h"
#include "server/hadoop.h"
#include "server/router.h"

#include <string.h>

/* The raw value of PARAMETER in QUERY, LEN bytes; NULL: it is not there. */
static const char *find(const char *query, const char *parameter, size_t *len)
{
    size_t skip = strlen(parameter);

    while (*query) {
        size_t part = strcspn(query, "&");

        if (part > skip && strncmp(query, parameter, skip) == 0 && query[skip] == '=') {
            *len = part - skip - 1;
            return query + skip + 1;
        }
        query += part + (query[part] == '&');
    }
    return NULL;
}

kh_authn_step kh_authn_simple(struct kh_request *request)
{
    size_t len = 0;
    const char *value = find(request->query, "user.name", &len);
    char name[sizeof request->principal.user];

    if (!value || len == 0)
        return KH_AUTHN_NEXT;
    if (kh_percent_decode(value, len, name, sizeof name, NULL) != KH_OK ||
        !kh_user_valid(name)) {
        kh_authn_failed(request, KH_AUTH_FAILURE_NAME);
        kh_hadoop_page(request, 403, "user.name is no short name");
        return KH_AUTHN_ANSWERED;
    }
    memcpy(request->principal.user, name, sizeof name);
    request->principal.auth = KH_AUTH_SIMPLE;
    return KH_AUTHN_OK;
}
