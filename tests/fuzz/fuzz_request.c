/* The head of a request: strict check, router, names, query. First line: the target; then
 * headers, a line each. */
#include "server/query.h"
#include "server/router.h"
#include "server/strict.h"
#include "tests/fuzz/fuzz.h"

#include "core/deposit.h"

#include <stdlib.h>
#include <string.h>

static void run(struct kh_app *app, struct kh_request *request)
{
    (void)app;
    (void)request;
}

static const struct kh_route routes[] = {
    {KH_METHOD_GET | KH_METHOD_PUT, "/v1/deposits/{name}", run, 0, {0}},
    {KH_METHOD_GET, "/v1/deposits", run, 0, {0}},
    {KH_METHOD_POST, "/v1/deposits/{name}/versions", run, 0, {0}},
};

/* Cuts TEXT at line ends into name and value pairs. */
static size_t split(char *text, struct kh_header *headers)
{
    size_t count = 0;

    for (char *line = strsep(&text, "\n"); line && count <= KH_STRICT_HEADERS;
         line = strsep(&text, "\n")) {
        char *value = strchr(line, ':');

        if (value)
            *value++ = '\0';
        headers[count++] = (struct kh_header){line, value ? value : ""};
    }
    return count;
}

/* What the router hands on is a name and nothing else. */
static void route(char *target)
{
    const struct kh_route *found = NULL;
    char name[KH_NAME_MAX + 1];
    struct kh_error err = {0};
    struct kh_query query;
    unsigned allow = 0;
    char *mark = strchr(target, '?');

    if (mark)
        *mark++ = '\0';
    if (kh_router_match(routes, 3, KH_METHOD_GET, target, &found, name, &allow, &err) ==
            KH_MATCH_OK &&
        (strchr(name, '/') || strcmp(name, "..") == 0 ||
            !kh_utf8_valid(name, strlen(name))))
        abort();
    if (mark && kh_query_parse(mark, ~(unsigned)KH_QUERY_CURSOR, &query, &err) == KH_OK &&
        (query.version > KH_VERSION_MAX || query.limit < 1 ||
            query.limit > KH_QUERY_LIMIT_MAX))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kh_header headers[KH_STRICT_HEADERS + 1];
    struct kh_head head = {.headers = headers, .body = size % 2 == 0};
    char *text = malloc(size + 1);
    char *rest = text;
    const char *why = NULL;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    head.target = strsep(&rest, "\n");
    head.count = rest ? split(rest, headers) : 0;
    if ((kh_strict_check(&head, &why) == 0) != (why == NULL))
        abort();
    route(text);
    free(text);
    return 0;
}
