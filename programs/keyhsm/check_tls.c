/* keyhsm validate: the daemon's certificate and key, who is let in, and the port. */
#include "core/crypto.h"
#include "core/fileio.h"
#include "core/guise.h"
#include "core/secmem.h"
#include "core/secret.h"
#include "programs/keyhsm/checks.h"
#include "programs/keyhsm/clientcert.h"
#include "programs/keyhsm/pins.h"
#include "server/credentials.h"
#include "server/trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static const char certificate_check[] = "certificate";
static const char key_check[] = "private key";
static const char trust_check[] = "trust";

/* ---- certificate and key --------------------------------------------------------- */

/* A credential that only systemd can give is no fault of the configuration. */
static bool out_of_reach(const char *source)
{
    return source && strncmp(source, "credential:", 11) == 0 &&
           !getenv("CREDENTIALS_DIRECTORY");
}

/* As the daemon sees it, which runs as the owner of its state directory. */
static kh_status check_owner(const struct kh_validation *v, struct kh_error *err)
{
    struct kh_guise daemon;
    kh_status st;

    kh_guise_of(
        &daemon, kh_config_string(v->setup.config, "backend.pkcs11", "state_dir"));
    kh_guise_push(&daemon);
    st = kh_file_trusted(v->settings.tls.key, 027, err);
    kh_guise_pop();
    return st;
}

static void check_key(struct kh_validation *v)
{
    const struct kh_tls_options *tls = &v->settings.tls;
    KH_CLEANUP_BUF struct kh_buf passphrase = {0};
    struct kh_error why = {0};
    kh_status st = KH_OK;

    if (out_of_reach(tls->passphrase)) {
        kh_check_skipped(v->list, key_check,
            "its passphrase is a credential, which systemd gives to the daemon alone");
        return;
    }
    if (tls->passphrase)
        st = kh_secret_read(
            tls->passphrase, "Passphrase of the TLS key: ", &passphrase, &why);
    if (st == KH_OK)
        st = kh_credentials_load(
            v->credentials, tls->certificate, tls->key, &passphrase, &why);
    if (st == KH_OK && tls->key[0] == '/')
        st = check_owner(v, &why);
    if (st == KH_OK)
        kh_check_ok(v->list, key_check, "%s fits the certificate",
            tls->key[0] == '/' ? tls->key : "the key of a provider");
    else
        kh_check_failed(v->list, key_check, &why,
            "see [tls] certificate, private_key and passphrase_source; the key's file "
            "belongs to root or to the daemon's user, mode 0600");
}

static kh_status judge_certificate(X509 *certificate, struct kh_error *err)
{
    char until[KH_TIME_LEN];

    kh_client_certificate_until(certificate, until);
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
        return kh_fail(err, KH_REFUSED, "it ended at %s", until);
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        return kh_fail(err, KH_REFUSED, "it is not valid yet");
    if (X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0) != 1)
        return kh_fail(
            err, KH_REFUSED, "it is not for TLS servers (its key usage excludes it)");
    return KH_OK;
}

static void check_certificate(struct kh_validation *v)
{
    const char *warning = kh_client_certificate_warning(v->certificate);
    struct kh_error why = {0};
    char subject[256];
    char until[KH_TIME_LEN];

    kh_client_certificate_until(v->certificate, until);
    kh_cert_subject(v->certificate, subject, sizeof subject);
    if (judge_certificate(v->certificate, &why) != KH_OK)
        kh_check_failed(v->list, certificate_check, &why,
            "make a new one (keyhsm setup, with the old files moved away), then keyhsm "
            "reload; key servers have to trust it anew");
    else if (warning)
        kh_check_warning(v->list, certificate_check, warning,
            "make a new one in time; key servers have to trust it anew");
    else
        kh_check_ok(v->list, certificate_check, "%s, until %s", subject, until);
}

void kh_check_tls(struct kh_validation *v)
{
    const struct kh_tls_options *tls = &v->settings.tls;
    struct kh_error why = {0};

    ERR_clear_error();
    v->credentials = SSL_CTX_new(TLS_client_method());
    if (!tls->certificate || !tls->key || !v->credentials) {
        kh_check_skipped(v->list, certificate_check,
            "[tls] certificate and private_key are not set; see above");
        return;
    }
    /* The certificate first, for it can be looked at without its key. */
    if (kh_credentials_load(v->credentials, tls->certificate, tls->key, NULL, &why) ==
            KH_OK ||
        SSL_CTX_get0_certificate(v->credentials)) {
        v->certificate = SSL_CTX_get0_certificate(v->credentials);
        check_certificate(v);
        check_key(v);
    } else {
        kh_check_failed(v->list, certificate_check, &why,
            "see [tls] certificate; keyhsm setup makes one");
    }
    ERR_clear_error();
    v->certificate = SSL_CTX_get0_certificate(v->credentials);
}

/* ---- who is let in ---------------------------------------------------------------- */

struct tally {
    unsigned certificates;
    unsigned ended;
    unsigned lists;
    unsigned stale;
};

static void count(struct tally *tally, const X509_INFO *info)
{
    if (info->x509) {
        tally->certificates++;
        tally->ended += X509_cmp_current_time(X509_get0_notAfter(info->x509)) <= 0;
    }
    if (info->crl) {
        const ASN1_TIME *next = X509_CRL_get0_nextUpdate(info->crl);

        tally->lists++;
        tally->stale += next && X509_cmp_current_time(next) <= 0;
    }
}

/* Adds what PATH holds; a file without any is refused as the daemon would. */
static kh_status add_file(struct tally *tally, const char *path, struct kh_error *err)
{
    struct tally before = *tally;
    BIO *bio = BIO_new_file(path, "r");
    STACK_OF(X509_INFO) *all = bio ? PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL) : NULL;

    for (int i = 0; i < sk_X509_INFO_num(all); i++)
        count(tally, sk_X509_INFO_value(all, i));
    sk_X509_INFO_pop_free(all, X509_INFO_free);
    BIO_free(bio);
    if (memcmp(&before, tally, sizeof before) == 0)
        return kh_fail(err, KH_INVALID, "%s: nothing can be read: %s", path,
            kh_crypto_reason("no PEM certificate or revocation list is in it"));
    return KH_OK;
}

static void check_authorities(struct kh_validation *v, struct tally *tally)
{
    const struct kh_tls_options *tls = &v->settings.tls;
    const char *files[] = {tls->ca_file, tls->crl_file};

    for (size_t i = 0; i < 2; i++) {
        struct kh_error why = {0};

        if (files[i] && add_file(tally, files[i], &why) != KH_OK)
            kh_check_failed(v->list, trust_check, &why, "see [tls] ca_file and crl_file");
    }
    if (tally->ended > 0)
        kh_check_warning(v->list, trust_check, "an authority in ca_file has expired",
            "replace it: its clients are refused");
    if (tally->stale > 0)
        kh_check_warning(v->list, trust_check,
            "a revocation list in crl_file is out of date",
            "fetch a new one and run keyhsm reload: with an old one every client of its "
            "authority is refused");
}

void kh_check_trust(struct kh_validation *v)
{
    const char *dir = v->settings.tls.trust_dir;
    struct kh_pin_counts pins = {0};
    struct tally tally = {0};
    struct kh_error why = {0};

    check_authorities(v, &tally);
    if (dir && kh_pin_count(dir, &pins, &why) != KH_OK) {
        kh_check_failed(v->list, trust_check, &why, "see [tls] trust_dir");
        return;
    }
    if (pins.ignored > 0)
        kh_check_warning(v->list, trust_check, "a pin is not believed",
            "keyhsm trust --list shows which, and why");
    if (pins.believed > 0 || tally.certificates > tally.ended) {
        kh_check_ok(v->list, trust_check, "%u pinned clients, %u authorities",
            pins.believed, tally.certificates - tally.ended);
        return;
    }
    (void)kh_fail(&why, KH_REFUSED, "nobody is let in: no pin in %s, no authority",
        dir ? dir : "trust_dir, which is not set");
    kh_check_failed(v->list, trust_check, &why,
        "keyhsm trust FILE, with the key server's certificate: "
        "/var/lib/keytrustee/.keytrustee/.ssl/ssl-cert-keytrustee.pem");
}

/* ---- the port -----------------------------------------------------------------------
 */

void kh_check_port(struct kh_validation *v)
{
    struct kh_error why = {0};

    kh_peer_look(&v->settings, v->certificate, &v->peer);
    if (v->peer.kind == KH_PEER_DAEMON) {
        kh_check_ok(v->list, "port", "keyhsmd serves on %s", v->peer.address);
        return;
    }
    if (v->peer.kind == KH_PEER_OTHER)
        (void)kh_fail(&why, KH_BUSY,
            "somebody listens on %s who does not show this certificate", v->peer.address);
    else if (kh_listen_check(v->settings.listen, &why) == KH_OK &&
             kh_peer_port_free(&v->settings, &why) == KH_OK) {
        kh_check_ok(v->list, "port", "%s is free", v->peer.address);
        return;
    }
    kh_check_failed(v->list, "port", &why,
        "see who holds it (ss -ltnp), or set [server] listen and port; a keyhsmd with an "
        "older certificate is told by keyhsm reload");
}
