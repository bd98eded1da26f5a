#include "programs/ktadmin/servercert.h"

#include "core/secmem.h"
#include "core/secret.h"
#include "programs/common/selfsigned.h"
#include "programs/ktadmin/confdir.h"

#include <string.h>
#include <unistd.h>

/* It is pinned, not vouched for: an early end would only stop the service one day. */
enum { DAYS = 3650, HOST_SIZE = 256 };

/* A passphrase that is typed blind is typed twice. */
static kh_status read_passphrase(
    const char *source, const char *key, struct kh_buf *out, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf again = {0};
    char prompt[PATH_MAX + 32];
    kh_status status;

    snprintf(prompt, sizeof prompt, "New passphrase of %s: ", key);
    status = kh_secret_read(source, prompt, out, err);
    if (status != KH_OK || strcmp(source, "prompt") != 0)
        return status;
    status = kh_secret_read(source, "The same passphrase again: ", &again, err);
    if (status == KH_OK && !kh_buf_equal(out, &again))
        status = kh_fail(err, KH_INVALID, "the two passphrases are not the same");
    return status;
}

static kh_status make(const struct kh_server_certificate *wish, const char *certificate,
    const char *key, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf passphrase = {0};
    char host[HOST_SIZE];
    const struct kh_selfsigned pair = {.certificate = certificate,
        .key = key,
        .host = wish->address ? wish->address : host,
        .days = DAYS,
        .passphrase = &passphrase};
    kh_status status = KH_OK;

    if (!wish->address)
        kh_selfsigned_host(host, sizeof host);
    if (wish->passphrase_source)
        status = read_passphrase(wish->passphrase_source, key, &passphrase, err);
    if (status == KH_OK)
        status = kh_selfsigned_make(&pair, err);
    if (status == KH_OK)
        status = kh_confdir_give(wish->confdir, key, err);
    if (status == KH_OK)
        status = kh_confdir_give(wish->confdir, certificate, err);
    if (status == KH_OK)
        printf("Made %s for %s, valid for %d days.\n", certificate, pair.host, DAYS);
    return status;
}

kh_status kh_server_certificate_make(
    const struct kh_server_certificate *wish, struct kh_error *err)
{
    char certificate[PATH_MAX];
    char key[PATH_MAX];
    kh_status status =
        kh_confdir_path(certificate, wish->confdir, KH_CONFDIR_CERTIFICATE, err);

    if (status == KH_OK)
        status = kh_confdir_path(key, wish->confdir, KH_CONFDIR_KEY, err);
    if (status == KH_OK)
        status = kh_confdir_make_ssl(wish->confdir, err);
    if (status != KH_OK)
        return status;
    if (access(certificate, F_OK) == 0) {
        printf("%s is there already; it is left as it is.\n", certificate);
        return KH_OK;
    }
    return make(wish, certificate, key, err);
}
