/* Who may be left, and for whom: the one place where the way back is closed. */
#include "core/migrate/migrate.h"

#include <string.h>

struct need {
    uint32_t capability;
    const char *words;
};

static const struct need source_needs[] = {
    {KH_CAP_LIST, "cannot list what it holds"},
    {KH_CAP_READ, "cannot be read"},
    {KH_CAP_EXPORT, "does not release deposits to a migration"},
    {KH_CAP_SEAL, "cannot be sealed, so deposits would live in two places"},
};

static const struct need destination_needs[] = {
    {KH_CAP_WRITE, "cannot be written"},
    {KH_CAP_READ, "cannot be read, so copies could not be verified"},
    {KH_CAP_LIST, "cannot list what it holds, so copies could not be counted"},
    {KH_CAP_HARDWARE,
        "does not keep keys in hardware; deposits move towards hardware only"},
};

static kh_status check_needs(const struct kh_plugin *plugin, const char *role,
    const struct need *needs, size_t count, struct kh_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!(plugin->capabilities & needs[i].capability))
            return kh_fail(err, KH_REFUSED, "'%s' cannot be the %s of a migration: it %s",
                plugin->name, role, needs[i].words);
    }
    return KH_OK;
}

static kh_status check_methods(const struct kh_plugin *source,
    const struct kh_plugin *destination, struct kh_error *err)
{
    if (!source->fingerprint || !destination->fingerprint)
        return kh_fail(err, KH_REFUSED,
            "'%s' has no fingerprints, which a migration needs",
            source->fingerprint ? destination->name : source->name);
    if (!source->seal)
        return kh_fail(err, KH_REFUSED, "'%s' has no seal", source->name);
    if (!destination->attest)
        return kh_fail(err, KH_REFUSED, "'%s' cannot attest its keys", destination->name);
    return KH_OK;
}

kh_status kh_migrate_check(const struct kh_plugin *source,
    const struct kh_plugin *destination, struct kh_error *err)
{
    kh_status st;

    if (source->capabilities & KH_CAP_HARDWARE)
        return kh_fail(err, KH_REFUSED,
            "there is no way back from '%s': its keys were made in hardware and never "
            "leave it. To "
            "leave it, back up the data they protect, delete the keys, switch the HSM "
            "off, create "
            "new keys and restore the data",
            source->name);
    st = check_needs(source, "source", source_needs,
        sizeof source_needs / sizeof source_needs[0], err);
    if (st == KH_OK)
        st = check_needs(destination, "destination", destination_needs,
            sizeof destination_needs / sizeof destination_needs[0], err);
    if (st == KH_OK)
        st = check_methods(source, destination, err);
    return st;
}
