#include "server/http_impl.h"

#include "core/log.h"

#include <errno.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 512, PORT_TRIES = 16 };

static bool set_flag(int fd, int level, int option)
{
    int on = 1;

    return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

/* A bound, listening socket, or -1 with errno. TCP_NODELAY is inherited by what it
 * accepts: without it Nagle and delayed acknowledgements cost 40 ms an answer. */
static int open_socket(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int saved;

    if (fd < 0)
        return -1;
    if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR) &&
        set_flag(fd, IPPROTO_TCP, TCP_NODELAY) &&
        (address->ai_family != AF_INET6 || set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY)) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static void set_port(struct addrinfo *address, uint16_t port)
{
    if (address->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address->ai_addr)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)address->ai_addr)->sin_port = htons(port);
}

static uint16_t bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t len = sizeof address;

    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    return ntohs(
        address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

/* Opens every address on one port. A family the machine lacks is passed over. Returns how
 * many; -1 with errno when an address refused, with none left open. */
static int open_all(struct addrinfo *list, uint16_t *port, int fds[KH_LISTENERS])
{
    int count = 0;

    for (struct addrinfo *a = list; a && count < KH_LISTENERS; a = a->ai_next) {
        int fd;

        if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
            continue;
        set_port(a, *port);
        fd = open_socket(a);
        if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
            continue;
        if (fd < 0) {
            int saved = errno;

            while (count > 0)
                close(fds[--count]);
            errno = saved;
            return -1;
        }
        fds[count++] = fd;
        *port = bound_port(fd);
    }
    return count;
}

/* Out of descriptors: stop trying until the next sweep, or the loop would spin. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    (void)listener;
    kh_log(KH_LOG_WARNING, "a connection cannot be accepted: %s", strerror(errno));
    kh_listen_pause(arg, true);
}

bool kh_listen_attach(struct kh_http *http, int fd)
{
    struct evconnlistener *listener = evconnlistener_new(
        http->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    struct evhttp_bound_socket *bound = NULL;

    if (listener && http->bound_count < KH_LISTENERS)
        bound = evhttp_bind_listener(http->evhttp, listener);
    if (!bound) {
        if (listener)
            evconnlistener_free(listener);
        else
            close(fd);
        return false;
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    http->bound[http->bound_count++] = bound;
    return true;
}

/* RFC 6761: "localhost" is the loopback, whatever the hosts file says of it. NULL is
 * every address. */
static kh_status resolve(const char *host, struct addrinfo **list, struct kh_error *err)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    int why;

    if (host && strcmp(host, "localhost") == 0) {
        host = NULL;
        hints.ai_flags = 0;
    }
    why = getaddrinfo(host, "0", &hints, list);
    if (why != 0)
        return kh_fail(err, KH_INVALID, "[server] listen: '%s': %s", host ? host : "*",
            gai_strerror(why));
    return KH_OK;
}

kh_status kh_listen_check(const char *host, struct kh_error *err)
{
    struct addrinfo *list = NULL;
    kh_status st = resolve(host, &list, err);

    if (st == KH_OK)
        freeaddrinfo(list);
    return st;
}

kh_status kh_http_listen(
    struct kh_http *http, const char *host, uint16_t *port, struct kh_error *err)
{
    struct addrinfo *list = NULL;
    int fds[KH_LISTENERS];
    int count = -1;
    kh_status st = resolve(host, &list, err);
    bool ok = true;

    if (st != KH_OK)
        return st;
    /* A port the kernel chose for one family may be taken in the other: then it chooses
     * again. */
    for (int tries = 0; tries < PORT_TRIES && count < 0; tries++) {
        uint16_t chosen = *port;

        count = open_all(list, &chosen, fds);
        if (count > 0)
            *port = chosen;
        else if (*port != 0 || errno != EADDRINUSE)
            break;
    }
    freeaddrinfo(list);
    if (count <= 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot listen on %s port %u: %s",
            host ? host : "*", (unsigned)*port,
            count < 0 ? strerror(errno) : "it has no address of this machine");
    for (int i = 0; i < count; i++)
        ok = ok ? kh_listen_attach(http, fds[i]) : (close(fds[i]), false);
    return ok ? KH_OK : kh_fail(err, KH_FATAL, "cannot listen: no memory");
}

void kh_listen_pause(struct kh_http *http, bool pause)
{
    if (http->paused == pause)
        return;
    http->paused = pause;
    if (pause)
        kh_log(KH_LOG_WARNING, "accepting no connections for now: %u are open",
            atomic_load(&http->conns.count));
    for (size_t i = 0; i < http->bound_count; i++) {
        struct evconnlistener *listener =
            evhttp_bound_socket_get_listener(http->bound[i]);

        if (pause)
            evconnlistener_disable(listener);
        else
            evconnlistener_enable(listener);
    }
}

void kh_listen_close(struct kh_http *http)
{
    kh_socket_remove(http);
    while (http->bound_count > 0)
        evhttp_del_accept_socket(http->evhttp, http->bound[--http->bound_count]);
}
