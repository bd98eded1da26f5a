/* Lists of users, of hosts, and the lines of [kms.key.acl] and [kms.proxyuser]: taken, or
 * refused with one line; and somebody without a name is on none of them. */
#include "server/kms/acl.h"
#include "server/kms/hosts.h"
#include "server/kms/users.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static const struct kh_principal nobody;

static void check(kh_status st, const struct kh_error *err)
{
    if (st != KH_OK && (st != KH_INVALID || strchr(err->message, '\n')))
        abort();
}

static void line(const char *section, const char *key, const char *text)
{
    struct kh_config *config = NULL;
    struct kh_error err = {0};
    struct kms_acl *acl = NULL;
    char assignment[4200];
    kh_status st;

    (void)snprintf(assignment, sizeof assignment, "%s.%s=%s", section, key, text);
    if (kh_config_load(&config, NULL, &err) != KH_OK ||
        kh_config_override(config, assignment, &err) != KH_OK)
        abort();
    st = kh_config_claim_free(config, section, &err);
    if (st == KH_OK)
        st = kms_acl_new(&acl, config, &err);
    check(st, &err);
    if (st == KH_OK && kms_acl_has_op(acl, &nobody, KMS_OP_GET))
        abort();
    kms_acl_free(acl);
    kh_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kms_users users = {0};
    struct kms_hosts *hosts = NULL;
    struct kh_error err = {0};
    char text[4097];

    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    check(kms_users_add(&users, text, &err), &err);
    if (kms_users_have(&users, &nobody, NULL) != KMS_NO)
        abort();
    kms_users_clear(&users);
    check(kms_hosts_add(&hosts, text, &err), &err);
    kms_hosts_free(hosts);
    line("kms.acl", "GET", text);
    line("kms.key.acl", "x", text);
    line("kms.proxyuser", "x", text);
    return 0;
}
