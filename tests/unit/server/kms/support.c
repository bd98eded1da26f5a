#include "tests/unit/server/kms/support.h"

#include "programs/common/sections.h"
#include "tests/lib/testlib.h"

#include <string.h>

kh_status kms_test_config(struct kh_config **out, const char *text, struct kh_error *err)
{
    static char *path;
    struct kh_config *config = NULL;
    kh_status st;

    *out = NULL;
    *err = (struct kh_error){0};
    if (!path)
        path = kh_test_path(kh_test_dir(), "kms.ini");
    kh_test_write(path, text, strlen(text), 0644);
    st = kh_config_load(&config, path, err);
    for (size_t i = 0; st == KH_OK && i < KH_KEYTRUSTEED_SECTION_COUNT; i++) {
        const struct kh_section *s = &kh_keytrusteed_sections[i];

        st = s->free ? kh_config_claim_free(config, s->name, err)
                     : kh_config_claim(
                           config, s->name, s->options, s->option_count, s->enforce, err);
    }
    if (st == KH_OK)
        st = kh_config_finish(config, err);
    if (st != KH_OK) {
        kh_config_free(config);
        return st;
    }
    *out = config;
    return KH_OK;
}

struct kh_principal kms_test_user(const char *user, const char *real)
{
    struct kh_principal who = {.auth = KH_AUTH_KERBEROS};

    (void)snprintf(who.user, sizeof who.user, "%s", user);
    (void)snprintf(who.real_user, sizeof who.real_user, "%s", real);
    return who;
}
