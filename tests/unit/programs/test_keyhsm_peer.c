/* Who holds the daemon's port: nobody, somebody, or a server with its certificate. */
#include "programs/keyhsm/peer.h"

#include "programs/common/selfsigned.h"
#include "tests/lib/testlib.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kh_error err;
static char *cert_path;
static char *key_path;

/* A fresh certificate and key; those in use stay as they were. */
static void make_pair(void)
{
    struct kh_selfsigned wish = {.host = "localhost", .days = 2};
    const char *dir = kh_test_dir();

    free(cert_path);
    free(key_path);
    wish.certificate = cert_path = kh_test_path(dir, "c.pem");
    wish.key = key_path = kh_test_path(dir, "k.pem");
    KH_ASSERT_OK_FATAL(kh_selfsigned_make(&wish, &err), err);
}

static X509 *certificate(void)
{
    FILE *file;
    X509 *x509;

    if (!cert_path)
        make_pair();
    file = fopen(cert_path, "re");
    x509 = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(x509);
    (void)fclose(file);
    return x509;
}

/* A listening socket on the loopback, and its port. */
static int listener(uint16_t *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_FATAL(
        fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        listen(fd, 5) == 0 && getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static SSL_CTX *credentials(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    X509_free(certificate());
    CU_ASSERT_PTR_NOT_NULL_FATAL(ctx);
    CU_ASSERT_EQUAL_FATAL(
        SSL_CTX_use_certificate_file(ctx, cert_path, SSL_FILETYPE_PEM), 1);
    CU_ASSERT_EQUAL_FATAL(
        SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM), 1);
    return ctx;
}

static int believe(int ok, X509_STORE_CTX *ctx)
{
    (void)ok, (void)ctx;
    return 1;
}

/* One connection in a child, with the pair of now: sends ANSWER after the first bytes of
 * a request. NULL: a client without a certificate is refused in the handshake. */
static pid_t serve(int fd, const char *answer)
{
    SSL_CTX *ctx = credentials(TLS_server_method());
    pid_t pid = fork();
    char request[512];
    SSL *ssl;

    if (pid != 0) {
        SSL_CTX_free(ctx);
        return pid;
    }
    SSL_CTX_set_verify(
        ctx, SSL_VERIFY_PEER | (answer ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT), believe);
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, accept(fd, NULL, NULL));
    if (SSL_accept(ssl) == 1 && answer && SSL_read(ssl, request, sizeof request) > 0) {
        (void)SSL_write(ssl, answer, (int)strlen(answer));
        (void)SSL_shutdown(ssl);
    }
    _exit(0);
}

static void reap(pid_t pid)
{
    int status;

    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
}

static void nobody_listens(void)
{
    struct kh_settings settings = {.listen = "localhost"};
    struct kh_peer peer;
    X509 *mine = certificate();

    close(listener(&settings.port));
    kh_peer_look(&settings, mine, &peer);
    CU_ASSERT_EQUAL(peer.kind, KH_PEER_NONE);
    CU_ASSERT_PTR_NOT_NULL(strstr(peer.address, "localhost port "));
    KH_ASSERT_OK(kh_peer_port_free(&settings, &err), err);
    X509_free(mine);
}

static void somebody_without_tls_is_not_the_daemon(void)
{
    struct kh_settings settings = {.listen = "127.0.0.1"};
    struct kh_peer peer;
    X509 *mine = certificate();
    int fd = listener(&settings.port);
    pid_t pid = fork();

    if (pid == 0) {
        int client = accept(fd, NULL, NULL);

        _exit(write(client, "SSH-2.0-x\r\n", 11) != 11);
    }
    kh_peer_look(&settings, mine, &peer);
    CU_ASSERT_EQUAL(peer.kind, KH_PEER_OTHER);
    KH_ASSERT_FAILS(
        kh_peer_port_free(&settings, &err), KH_UNAVAILABLE, err, "cannot be opened");
    reap(pid);
    kh_peer_look(&settings, NULL, &peer); /* without a certificate nobody is known */
    CU_ASSERT_EQUAL(peer.kind, KH_PEER_OTHER);
    close(fd);
    X509_free(mine);
}

static void the_daemon_is_known_by_its_certificate(void)
{
    struct kh_settings settings = {.listen = NULL}; /* every address */
    struct kh_peer peer;
    X509 *mine = certificate();
    int fd = listener(&settings.port);
    pid_t pid = serve(fd, NULL);

    kh_peer_look(&settings, mine, &peer);
    CU_ASSERT_EQUAL(peer.kind, KH_PEER_DAEMON);
    reap(pid);
    pid = serve(fd, NULL);
    make_pair(); /* the configuration names another one by now */
    X509_free(mine);
    mine = certificate();
    kh_peer_look(&settings, mine, &peer);
    CU_ASSERT_EQUAL(peer.kind, KH_PEER_OTHER);
    reap(pid);
    close(fd);
    X509_free(mine);
}

static void the_port_may_stand_in_a_file(void)
{
    char *path = kh_test_path(kh_test_dir(), "port");
    struct kh_settings settings = {.listen = "localhost", .port_file = path};
    struct kh_peer peer;
    uint16_t port;
    char text[16];
    int fd = listener(&port);

    kh_peer_look(&settings, NULL, &peer); /* not there yet */
    CU_ASSERT_EQUAL(peer.kind, KH_PEER_NONE);
    CU_ASSERT_EQUAL(peer.port, 0);
    (void)snprintf(text, sizeof text, "%u\n", (unsigned)port);
    kh_test_write(path, text, strlen(text), 0644);
    kh_peer_look(&settings, NULL, &peer);
    CU_ASSERT_EQUAL(peer.port, port);
    CU_ASSERT_EQUAL(peer.kind, KH_PEER_OTHER);
    kh_test_write(path, "99999\n", 6, 0644);
    kh_peer_look(&settings, NULL, &peer);
    CU_ASSERT_EQUAL(peer.kind, KH_PEER_NONE);
    kh_test_write(path, "junk", 4, 0644);
    kh_peer_look(&settings, NULL, &peer);
    CU_ASSERT_EQUAL(peer.port, 0);
    KH_ASSERT_OK(kh_peer_port_free(&settings, &err), err); /* port 0 always is */
    close(fd);
    free(path);
}

static kh_status get(const char *answer, struct kh_peer_answer *out)
{
    struct kh_settings settings = {.listen = "localhost"};
    int fd = listener(&settings.port);
    struct kh_peer peer = {.settings = &settings, .port = settings.port};
    SSL_CTX *mine = credentials(TLS_client_method());
    pid_t pid = serve(fd, answer);
    kh_status st = kh_peer_get(&peer, mine, "/readyz", out, &err);

    reap(pid);
    close(fd);
    SSL_CTX_free(mine);
    return st;
}

static void an_answer_is_its_status_and_one_line(void)
{
    struct kh_peer_answer answer;

    KH_ASSERT_OK(
        get("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a\":\n1}\x7f", &answer), err);
    CU_ASSERT_EQUAL(answer.status, 200);
    CU_ASSERT_STRING_EQUAL(answer.body, "{\"a\": 1} ");
    KH_ASSERT_OK(get("HTTP/1.1 503 No\r\n\r\n", &answer), err);
    CU_ASSERT_EQUAL(answer.status, 503);
    CU_ASSERT_STRING_EQUAL(answer.body, "");
    KH_ASSERT_FAILS(
        get("SIP/2.0 200 OK\r\n\r\n", &answer), KH_UNAVAILABLE, err, "keyhsmd");
    KH_ASSERT_FAILS(get("HTTP/1.1 200 OK\r\n", &answer), KH_UNAVAILABLE, err, "keyhsmd");
    KH_ASSERT_FAILS(get("", &answer), KH_UNAVAILABLE, err, "keyhsmd");
}

static void nobody_else_is_asked(void)
{
    struct kh_settings settings = {.listen = "localhost"};
    int fd = listener(&settings.port);
    struct kh_peer peer = {
        .settings = &settings, .port = settings.port, .address = "here"};
    struct kh_peer_answer answer;
    pid_t pid = serve(fd, "HTTP/1.1 200 OK\r\n\r\n");
    SSL_CTX *mine;

    make_pair();
    mine = credentials(TLS_client_method());
    KH_ASSERT_FAILS(kh_peer_get(&peer, mine, "/", &answer, &err), KH_UNAVAILABLE, err,
        "no handshake");
    reap(pid);
    close(fd);
    KH_ASSERT_FAILS(kh_peer_get(&peer, mine, "/", &answer, &err), KH_UNAVAILABLE, err,
        "nobody listens on here");
    SSL_CTX_free(mine);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"nobody_listens", nobody_listens},
        {"somebody_without_tls_is_not_the_daemon",
            somebody_without_tls_is_not_the_daemon},
        {"the_daemon_is_known_by_its_certificate",
            the_daemon_is_known_by_its_certificate},
        {"the_port_may_stand_in_a_file", the_port_may_stand_in_a_file},
        {"an_answer_is_its_status_and_one_line", an_answer_is_its_status_and_one_line},
        {"nobody_else_is_asked", nobody_else_is_asked},
    };
    int status;

    signal(SIGPIPE, SIG_IGN);
    status = kh_test_main("keyhsm/peer", tests, sizeof tests / sizeof tests[0]);
    free(cert_path);
    free(key_path);
    return status;
}
