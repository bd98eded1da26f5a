/*
 * A load of GET requests over keep-alive mutual TLS.
 *
 *   http_load HOST PORT CERT KEY CA PATHS_FILE CONNECTIONS SECONDS
 *
 * PATHS_FILE has one path a line; connection i starts at line i. One thread a connection.
 * Prints requests per second; any answer but 200 ends it with status 1.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, ANSWER_MAX = 262144 };

static const char *host;
static const char *port;
static SSL_CTX *tls;
static char **paths;
static size_t path_count;
static atomic_bool stop;

struct worker {
    pthread_t thread;
    size_t first;
    unsigned long requests;
};

static void die(const char *what)
{
    fprintf(stderr, "http_load: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static SSL *dial(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *address;
    int one = 1;
    int fd;
    SSL *ssl;

    if (getaddrinfo(host, port, &hints, &address) != 0)
        die("getaddrinfo");
    fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, address->ai_addr, address->ai_addrlen) != 0)
        die("connect");
    freeaddrinfo(address);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ssl = SSL_new(tls);
    if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
        die("TLS handshake");
    return ssl;
}

/* Reads one answer with a Content-Length; false when it is not a 200. */
static bool read_answer(SSL *ssl, char *buffer)
{
    size_t have = 0;
    size_t want = 0;

    for (;;) {
        char *end;
        int n = SSL_read(ssl, buffer + have, (int)(ANSWER_MAX - 1 - have));

        if (n <= 0)
            return false;
        have += (size_t)n;
        buffer[have] = '\0';
        end = strstr(buffer, "\r\n\r\n");
        if (end && want == 0) {
            char *length = strcasestr(buffer, "\r\nContent-Length:");

            if (strncmp(buffer, "HTTP/1.1 200", 12) != 0 || !length)
                return false;
            want = (size_t)(end + 4 - buffer) + strtoul(length + 17, NULL, 10);
        }
        if (want > 0 && have >= want)
            return true;
    }
}

static void *work(void *arg)
{
    struct worker *w = arg;
    char *buffer = malloc(ANSWER_MAX);
    SSL *ssl = dial();
    char request[1024];

    for (size_t i = w->first; buffer && !atomic_load(&stop); i++) {
        int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
            paths[i % path_count], host);

        if (SSL_write(ssl, request, n) != n || !read_answer(ssl, buffer))
            die("a request was not answered with 200");
        w->requests++;
    }
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
    free(buffer);
    return NULL;
}

static void read_paths(const char *file)
{
    FILE *in = fopen(file, "r");
    char line[512];

    if (!in)
        die(file);
    while (fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        paths = realloc(paths, (path_count + 1) * sizeof *paths);
        if (!paths || !(paths[path_count++] = strdup(line)))
            die("memory");
    }
    fclose(in);
    if (path_count == 0)
        die("no paths");
}

int main(int argc, char **argv)
{
    static struct worker workers[CONNECTIONS_MAX];
    unsigned long sum = 0;
    unsigned count;
    double begin;

    if (argc != 9) {
        fprintf(stderr, "usage: %s HOST PORT CERT KEY CA PATHS CONNECTIONS SECONDS\n",
            argv[0]);
        return 2;
    }
    host = argv[1];
    port = argv[2];
    tls = SSL_CTX_new(TLS_client_method());
    if (!tls || SSL_CTX_use_certificate_chain_file(tls, argv[3]) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, argv[4], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_locations(tls, argv[5], NULL) != 1)
        die("client certificate");
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    read_paths(argv[6]);
    count = (unsigned)strtoul(argv[7], NULL, 10);
    if (count < 1 || count > CONNECTIONS_MAX)
        die("connections: 1 to 256");
    begin = now();
    for (unsigned i = 0; i < count; i++) {
        workers[i].first = i;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            die("thread");
    }
    usleep((useconds_t)(strtod(argv[8], NULL) * 1e6));
    atomic_store(&stop, true);
    for (unsigned i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        sum += workers[i].requests;
    }
    printf("%.1f\n", (double)sum / (now() - begin));
    return 0;
}
