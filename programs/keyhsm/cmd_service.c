/* keyhsm start, stop, shutdown, restart, reload, status: of keyhsmd. */
#include "core/log.h"
#include "core/secmem.h"
#include "programs/common/service.h"
#include "programs/keyhsm/commands.h"
#include "programs/keyhsm/peer.h"
#include "server/credentials.h"

#include <signal.h>
#include <string.h>

/* Asks for readiness when the daemon believes its own certificate. A key with a
 * passphrase is left alone: nobody wants to type it for this. */
static void ask(const struct kh_peer *peer, const struct kh_tls_options *tls,
    SSL_CTX *credentials, struct kh_service_state *state)
{
    struct kh_peer_answer answer;
    struct kh_error why = {0};

    if (!SSL_CTX_get0_privatekey(credentials) || !kh_peer_believes(tls, credentials)) {
        snprintf(state->detail, sizeof state->detail,
            "Whether it is ready it says once its own certificate is trusted: keyhsm "
            "trust %s",
            tls->certificate);
        return;
    }
    if (kh_peer_get(peer, credentials, "/readyz", &answer, &why) == KH_OK) {
        state->ready = answer.status == 200;
        if (!state->ready)
            snprintf(state->detail, sizeof state->detail, "%s", answer.body);
    } else {
        snprintf(state->detail, sizeof state->detail, "%s", why.message);
    }
}

static void look(const struct kh_setup *setup, struct kh_service_state *state)
{
    struct kh_settings settings;
    struct kh_peer peer;
    SSL_CTX *credentials = NULL;
    const struct kh_tls_options *tls = &settings.tls;

    signal(SIGPIPE, SIG_IGN);
    /* What is not believed is no news here. */
    if (kh_log_open("keyhsm", "stderr", KH_LOG_ERROR, NULL) == KH_OK &&
        kh_secmem_init(0, KH_LOCK_PREFERRED, NULL) == KH_OK)
        credentials = SSL_CTX_new(TLS_client_method());
    if (!credentials || kh_settings_read(setup->config, &settings, NULL) != KH_OK) {
        SSL_CTX_free(credentials);
        return;
    }
    if (tls->certificate && tls->key)
        (void)!kh_credentials_load(credentials, tls->certificate, tls->key, NULL, NULL);
    kh_peer_look(&settings, SSL_CTX_get0_certificate(credentials), &peer);
    snprintf(state->address, sizeof state->address, "%s", peer.address);
    state->serving = peer.kind == KH_PEER_DAEMON;
    if (state->serving)
        ask(&peer, tls, credentials, state);
    else if (peer.kind == KH_PEER_OTHER)
        snprintf(state->detail, sizeof state->detail,
            "Somebody else, or a daemon with another certificate, has %s", peer.address);
    SSL_CTX_free(credentials);
}

static const struct kh_service_kind keyhsmd = {
    .tool = "keyhsm",
    .daemon = "keyhsmd",
    .unit = "keyhsmd.service",
    .config = KH_KEYHSM_CONFIG,
    .backends = "pkcs11",
    .sections = kh_tool_sections,
    .section_count = KH_DAEMON_SECTION_COUNT,
    .user = "keyhsm",
    .pid_file = "/run/keyhsm/keyhsmd.pid",
    .log_file = "/var/log/keyhsm/keyhsm.log",
    .look = look,
};

int kh_cmd_service(int argc, char **argv)
{
    return kh_service_command(&keyhsmd, argc, argv);
}
