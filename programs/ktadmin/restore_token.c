#include "core/backend.h"
#include "programs/ktadmin/restore.h"
#include "programs/ktadmin/target.h"

#include <inttypes.h>
#include <string.h>

enum { PAGE = 64, TOLD_MAX = 20 };

static kh_status set_up(const struct kh_restore *r, const struct kh_setup_args *given,
    struct kh_setup *setup, struct kh_error *err)
{
    struct kh_setup_args args = *given;
    const struct kh_setup_wish wish = {.program = "ktadmin",
        .args = &args,
        .backends = "pkcs11",
        .sections = kh_tool_sections,
        .section_count = KH_DAEMON_SECTION_COUNT};

    kh_status st;

    if (!kh_setup_add_set(&args, "backend.pkcs11.state_dir", r->staging.directory))
        return kh_fail(err, KH_INVALID, "--set is given too often");
    st = kh_setup_configure(setup, &wish, err);
    kh_setup_drop_sets(&args, given->set_count);
    return st;
}

struct tally {
    uint64_t sound;
    uint64_t lost;
};

/* Its key, looked at on the token. */
static kh_status look_at(struct kh_restore *r, struct kh_backend *backend,
    const struct kh_item *item, struct tally *tally, struct kh_error *err)
{
    struct kh_error why = {0};
    kh_status st = kh_backend_attest(backend, item->name, item->version, &why);

    if (st == KH_OK)
        tally->sound++;
    if (st == KH_OK || st == KH_UNAVAILABLE || st == KH_BUSY || st == KH_FATAL) {
        *err = why;
        return st;
    }
    if (++tally->lost <= TOLD_MAX && !r->accept_loss)
        kh_restore_finding(r, "%s", why.message);
    return KH_OK;
}

static kh_status look_at_all(struct kh_restore *r, struct kh_backend *backend,
    struct tally *tally, struct kh_error *err)
{
    static struct kh_item items[PAGE];
    struct kh_cursor cursor = {.started = false};
    size_t count = PAGE;
    kh_status st = KH_OK;

    kh_backend_attest_round(backend, true);
    while (st == KH_OK && count > 0) {
        st = kh_backend_list(backend, &cursor, items, PAGE, &count, err);
        for (size_t i = 0; st == KH_OK && i < count; i++)
            st = look_at(r, backend, &items[i], tally, err);
        if (count > 0) {
            cursor.started = true;
            memcpy(cursor.name, items[count - 1].name, sizeof cursor.name);
            cursor.version = items[count - 1].version;
        }
    }
    kh_backend_attest_round(backend, false);
    return st;
}

static kh_status weigh(struct kh_restore *r, struct kh_backend *backend,
    const struct tally *tally, struct kh_error *err)
{
    struct kh_info info = {0};
    kh_status st = kh_backend_info(backend, &info, err);

    if (st != KH_OK)
        return st;
    r->unknown = info.unknown_keys;
    printf("%s: the catalog's own, with the keys of %" PRIu64 " version(s)\n", info.place,
        tally->sound);
    if (tally->lost > 0)
        printf("%" PRIu64 " version(s) have no key on the token: they cannot be opened\n",
            tally->lost);
    if (tally->lost > 0 && !r->accept_loss)
        kh_restore_finding(r,
            "the token lacks keys of %" PRIu64 " version(s). Restore the token's own "
            "backup first; --accept-loss goes on without them",
            tally->lost);
    if (info.unknown_keys > 0 && !r->accept_loss)
        kh_restore_finding(r,
            "the token has %" PRIu64 " key(s) of this catalog that the backup does not "
            "know: deposits were stored after it. A newer backup has them; "
            "--accept-loss goes on without them, and leaves their keys on the token",
            info.unknown_keys);
    return KH_OK;
}

static kh_status open_token(const struct kh_restore *r, const struct kh_setup *setup,
    struct kh_backend **backend, struct kh_error *err)
{
    const struct kh_backup_facts *facts = &r->staging.manifest.facts;
    struct kh_error why = {0};
    kh_status st = kh_backend_open(
        backend, "pkcs11", setup->plugin_dir, setup->config, KH_OPEN_LOOK, &why);

    if (st == KH_OK)
        return KH_OK;
    /* A refusal says which token is there, not which one is wanted. */
    return kh_fail(err, st, "the backup needs token '%s' (serial %s): %s",
        facts->token_label, facts->serial_count > 0 ? facts->serials[0] : "not known",
        why.message);
}

kh_status kh_restore_token_check(
    struct kh_restore *r, const struct kh_setup_args *args, struct kh_error *err)
{
    struct kh_setup setup = {0};
    struct kh_backend *backend = NULL;
    struct tally tally = {0};
    kh_status st = set_up(r, args, &setup, err);

    if (st == KH_OK)
        st = open_token(r, &setup, &backend, err);
    if (st == KH_OK)
        st = look_at_all(r, backend, &tally, err);
    if (st == KH_OK)
        st = weigh(r, backend, &tally, err);
    kh_backend_close(backend);
    kh_setup_free(&setup);
    return st;
}
