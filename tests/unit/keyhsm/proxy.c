#include "tests/unit/keyhsm/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, POLL_MS = 20 };

struct proxy {
    int listener;
    unsigned port;
    unsigned server_port;
    atomic_int fault;
    atomic_int pieces; /* that still pass */
    atomic_uint count;
    atomic_bool stop;
    pthread_t acceptor;
    pthread_t threads[CONNECTIONS_MAX];
};

struct pair {
    struct proxy *proxy;
    int client;
    int server;
};

static void die(const char *what)
{
    perror(what);
    abort();
}

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
        .sin_port = htons((in_port_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int dial(unsigned port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        die("socket");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* True, once, when the fault that is armed is FAULT. */
static bool meets(struct proxy *proxy, proxy_fault fault)
{
    int armed = (int)fault;

    return atomic_compare_exchange_strong(&proxy->fault, &armed, PROXY_PASS);
}

static void wait_for_stop(struct proxy *proxy, int fd)
{
    struct pollfd end = {.fd = fd, .events = POLLRDHUP};

    while (!atomic_load(&proxy->stop) && poll(&end, 1, POLL_MS) == 0)
        continue;
}

/* False: the connection is over. */
static bool forward(struct pair *pair, bool to_server)
{
    struct proxy *proxy = pair->proxy;
    char data[16384];
    int from = to_server ? pair->client : pair->server;
    int to = to_server ? pair->server : pair->client;
    ssize_t len = recv(from, data, sizeof data, 0);

    if (len <= 0)
        return false;
    if (!to_server && atomic_load(&proxy->fault) == PROXY_CUT_MIDDLE &&
        atomic_fetch_sub(&proxy->pieces, 1) <= 0 && meets(proxy, PROXY_CUT_MIDDLE))
        return false;
    if (meets(proxy, to_server ? PROXY_CUT_REQUEST : PROXY_CUT_ANSWER))
        return false;
    if (meets(proxy, to_server ? PROXY_HOLD_REQUEST : PROXY_HOLD_ANSWER)) {
        wait_for_stop(proxy, pair->client);
        return false;
    }
    return send(to, data, (size_t)len, MSG_NOSIGNAL) == len;
}

static void *serve(void *arg)
{
    struct pair *pair = arg;
    bool going = pair->server >= 0;

    while (going && !atomic_load(&pair->proxy->stop)) {
        struct pollfd ends[] = {{.fd = pair->client, .events = POLLIN},
            {.fd = pair->server, .events = POLLIN}};

        if (poll(ends, 2, POLL_MS) < 0)
            break;
        if (ends[0].revents)
            going = forward(pair, true);
        if (going && ends[1].revents)
            going = forward(pair, false);
    }
    (void)close(pair->client);
    if (pair->server >= 0)
        (void)close(pair->server);
    free(pair);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct proxy *proxy = arg;
    struct pollfd ready = {.fd = proxy->listener, .events = POLLIN};

    while (!atomic_load(&proxy->stop)) {
        struct pair *pair;

        if (poll(&ready, 1, POLL_MS) <= 0)
            continue;
        pair = calloc(1, sizeof *pair);
        if (!pair || atomic_load(&proxy->count) == CONNECTIONS_MAX)
            die("proxy");
        pair->proxy = proxy;
        pair->client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
        pair->server = dial(proxy->server_port);
        if (pthread_create(
                &proxy->threads[atomic_load(&proxy->count)], NULL, serve, pair) != 0)
            die("pthread_create");
        atomic_fetch_add(&proxy->count, 1);
    }
    return NULL;
}

struct proxy *proxy_start(unsigned port)
{
    struct proxy *proxy = calloc(1, sizeof *proxy);
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;

    if (!proxy)
        die("calloc");
    proxy->server_port = port;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy->listener < 0 ||
        bind(proxy->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(proxy->listener, 64) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *)&address, &len) != 0)
        die("proxy");
    proxy->port = ntohs(address.sin_port);
    if (pthread_create(&proxy->acceptor, NULL, accept_all, proxy) != 0)
        die("pthread_create");
    return proxy;
}

unsigned proxy_port(const struct proxy *proxy)
{
    return proxy->port;
}

void proxy_arm(struct proxy *proxy, proxy_fault fault)
{
    atomic_store(&proxy->pieces, 2);
    atomic_store(&proxy->fault, (int)fault);
}

unsigned proxy_connections(const struct proxy *proxy)
{
    return atomic_load(&proxy->count);
}

void proxy_stop(struct proxy *proxy)
{
    atomic_store(&proxy->stop, true);
    (void)pthread_join(proxy->acceptor, NULL);
    for (unsigned i = 0; i < atomic_load(&proxy->count); i++)
        (void)pthread_join(proxy->threads[i], NULL);
    (void)close(proxy->listener);
    free(proxy);
}
