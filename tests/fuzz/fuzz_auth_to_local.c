/* "RULE\nPRINCIPAL": the rule is taken, or refused with one line; what it makes of the
 * principal is a short name or nothing, in bounded time. */
#include "server/auth_to_local.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static struct kh_local *make(const char *rule)
{
    struct kh_config *config = NULL;
    struct kh_local *local = NULL;
    struct kh_error err = {0};
    char assignment[1200];
    kh_status st;

    (void)snprintf(assignment, sizeof assignment, "auth_to_local.r=%s", rule);
    if (kh_config_load(&config, NULL, &err) != KH_OK ||
        kh_config_override(config, assignment, &err) != KH_OK)
        abort();
    st = kh_config_claim_free(config, "auth_to_local", &err);
    if (st == KH_OK)
        st = kh_local_new(&local, config, "R", &err);
    if (st != KH_OK && (st != KH_INVALID || strchr(err.message, '\n') || local))
        abort();
    kh_config_free(config);
    return local;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kh_error err = {0};
    struct kh_local *local;
    char text[1025];
    char user[256];
    char *principal;

    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    principal = strchr(text, '\n');
    if (!principal)
        return 0;
    *principal++ = '\0';
    local = make(text);
    if (local && kh_local_map(local, principal, user, &err) == KH_OK &&
        !kh_user_valid(user))
        abort();
    if (local && err.status != KH_OK && *user)
        abort();
    kh_local_free(local);
    return 0;
}
