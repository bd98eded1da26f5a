#include "programs/ktadmin/trustee.h"

#include "programs/ktadmin/target.h"

kh_status kh_trustee_setup(struct kh_setup *setup, const struct kh_setup_args *args,
    const char *backends, struct kh_error *err)
{
    const struct kh_setup_wish wish = {.program = "ktadmin",
        .args = args,
        .default_config = KH_KEYTRUSTEE_CONFIG,
        .backends = backends,
        .sections = kh_keytrusteed_sections,
        .section_count = KH_KEYTRUSTEED_SECTION_COUNT};

    return kh_setup(setup, &wish, err);
}
