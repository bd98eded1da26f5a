/* A rule of [acl]: it is taken, or refused with one line that names it; and whatever a
 * certificate's subject holds, it can be written as a rule. */
#include "server/acl.h"
#include "server/acl_rule.h"
#include "server/trust.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void rule(const char *text, struct kh_error *err)
{
    static const struct kh_principal nobody = {.auth = KH_AUTH_NONE};
    struct kh_config *config = NULL;
    struct kh_acl *acl = NULL;
    char assignment[4200];
    kh_status st;

    (void)snprintf(assignment, sizeof assignment, "acl.r=%s", text);
    if (kh_config_load(&config, NULL, err) != KH_OK ||
        kh_config_override(config, assignment, err) != KH_OK)
        abort();
    st = kh_config_claim_free(config, "acl", err);
    if (st == KH_OK)
        st = kh_acl_new(&acl, config, err);
    if (st != KH_OK && (st != KH_INVALID || err->status != KH_INVALID ||
                           strncmp(err->message, "--set acl.r: ", 13) != 0 ||
                           strchr(err->message, '\n')))
        abort();
    if (st == KH_OK && kh_acl_allows(acl, &nobody, KH_OP_GET, ""))
        abort();
    kh_acl_free(acl);
    kh_config_free(config);
}

static void subject(const uint8_t *data, size_t size)
{
    X509 *cert = X509_new();
    char text[8192];

    if (!cert)
        abort();
    if (X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8, data,
            (int)size, -1, 0) == 1) {
        kh_cert_subject(cert, text, sizeof text);
        if (kh_subject_fault(text))
            abort();
    }
    X509_free(cert);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kh_error err = {0};
    char text[4097];

    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    rule(text, &err);
    subject(data, size);
    return 0;
}
