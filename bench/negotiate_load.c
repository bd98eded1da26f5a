/*
 * What it costs to say who one is: requests over TLS, one thread.
 *
 *   negotiate_load HOST PORT CA PATH SECONDS HOW
 *
 * HOW: connect     a new connection for each request, without credentials (any status)
 *      negotiate   a new connection and a fresh SPNEGO token of KRB5CCNAME for each
 *      keep        one connection; the header line of HEADER (environment) if it is set
 *
 * METHOD (environment) is GET unless it is set.
 * Prints requests per second. An answer that is not the first one's status ends it with
 * status 1.
 */
#include <gssapi/gssapi.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 65536, HEADER_MAX = 70000 };

static const char *host;
static const char *port;
static const char *path;
static const char *method = "GET";
static SSL_CTX *tls;

static void die(const char *what)
{
    fprintf(stderr, "negotiate_load: %s\n", what);
    exit(1);
}

static SSL *dial(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int on = 1;
    int fd;
    SSL *ssl;

    if (getaddrinfo(host, port, &hints, &found) != 0)
        die("no such host");
    fd = socket(found->ai_family, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0)
        die("no connection");
    freeaddrinfo(found);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ssl = SSL_new(tls);
    if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1 ||
        SSL_connect(ssl) != 1)
        die("no handshake");
    return ssl;
}

static void hang_up(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);

    (void)SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

/* "Authorization: Negotiate ...\r\n" with a token for HTTP@host. */
static void make_token(char out[HEADER_MAX])
{
    static gss_OID_desc spnego = {6, (void *)(uintptr_t) "\x2b\x06\x01\x05\x05\x02"};
    char service[300];
    gss_buffer_desc text;
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
    gss_name_t name = GSS_C_NO_NAME;
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    OM_uint32 minor;
    size_t len;

    len = (size_t)snprintf(service, sizeof service, "HTTP@%s", host);
    text = (gss_buffer_desc){len, service};
    if (gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name) ||
        GSS_ERROR(gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &context, name,
            &spnego, GSS_C_MUTUAL_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS, NULL, NULL, &token,
            NULL, NULL)) ||
        token.length > HEADER_MAX / 2)
        die("no ticket");
    len = (size_t)snprintf(out, HEADER_MAX, "Authorization: Negotiate ");
    len += (size_t)EVP_EncodeBlock(
        (unsigned char *)out + len, token.value, (int)token.length);
    memcpy(out + len, "\r\n", 3);
    (void)gss_release_buffer(&minor, &token);
    (void)gss_release_name(&minor, &name);
    (void)gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
}

/* One request; its status. The whole answer is read. */
static int ask(SSL *ssl, const char *header)
{
    static char text[HEADER_MAX + 1024];
    size_t have = 0;
    size_t want = ANSWER_MAX;
    int len = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method,
        path, host, header);

    if (SSL_write(ssl, text, len) != len)
        die("a request could not be sent");
    while (have < want) {
        int n = SSL_read(ssl, text + have, (int)(sizeof text - 1 - have));
        char *end;

        if (n <= 0)
            die("an answer was cut");
        have += (size_t)n;
        text[have] = '\0';
        end = strstr(text, "\r\n\r\n");
        if (end && want == ANSWER_MAX) {
            char *length = strcasestr(text, "\r\nContent-Length:");

            want = (size_t)(end + 4 - text) +
                   (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
        }
    }
    return atoi(text + 9);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    const char *given = getenv("HEADER");
    static char header[HEADER_MAX] = "";
    bool token, keep;
    unsigned long requests = 0;
    double start, seconds;
    SSL *ssl = NULL;
    int first = 0;

    if (argc != 7)
        die("usage: negotiate_load HOST PORT CA PATH SECONDS connect|negotiate|keep");
    host = argv[1];
    port = argv[2];
    path = argv[4];
    seconds = atof(argv[5]);
    token = strcmp(argv[6], "negotiate") == 0;
    keep = strcmp(argv[6], "keep") == 0;
    if (getenv("METHOD"))
        method = getenv("METHOD");
    if (given)
        snprintf(header, sizeof header, "%s\r\n", given);
    tls = SSL_CTX_new(TLS_client_method());
    if (!tls || SSL_CTX_load_verify_file(tls, argv[3]) != 1)
        die("no authority");
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    for (start = now(); now() - start < seconds; requests++) {
        int status;

        if (!ssl)
            ssl = dial();
        if (token)
            make_token(header);
        status = ask(ssl, header);
        first = first ? first : status;
        if (status != first || (token && status == 401))
            die("an answer of another status");
        if (!keep) {
            hang_up(ssl);
            ssl = NULL;
        }
    }
    printf("%.1f\n", (double)requests / (now() - start));
    return 0;
}
