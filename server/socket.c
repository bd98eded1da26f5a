/* A socket in the file system beside the ports: the same TLS, for callers of this host.
 */
#include "server/http_impl.h"

#include "core/log.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 512 };

static bool set_path(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path)
        return false;
    memcpy(address->sun_path, path, strlen(path) + 1);
    return true;
}

kh_status kh_socket_check(const char *path, struct kh_error *err)
{
    struct sockaddr_un address;

    if (!path || set_path(&address, path))
        return KH_OK;
    return kh_fail(err, KH_INVALID,
        "[server] socket: '%.200s' is longer than the %zu bytes that a socket's path has",
        path, sizeof address.sun_path - 1);
}

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* What a daemon that was killed left lies in the way. Only a socket that nobody listens
 * on any more is taken away. */
static kh_status clear_place(const struct sockaddr_un *address, struct kh_error *err)
{
    const char *path = address->sun_path;
    struct stat there;
    int fd;
    int why;

    if (lstat(path, &there) != 0)
        return errno == ENOENT ? KH_OK
                               : kh_fail(err, KH_UNAVAILABLE, "[server] socket: '%s': %s",
                                     path, strerror(errno));
    if (!S_ISSOCK(there.st_mode))
        return kh_fail(err, KH_REFUSED,
            "[server] socket: '%s' is there and is no socket; it is left alone", path);
    fd = new_socket();
    why = fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) != 0
              ? errno
              : 0;
    if (fd >= 0)
        close(fd);
    if (why != ECONNREFUSED)
        return kh_fail(err, why == 0 || why == EAGAIN ? KH_BUSY : KH_UNAVAILABLE,
            "[server] socket: '%s': %s", path,
            why == 0 || why == EAGAIN ? "another process listens on it" : strerror(why));
    if (unlink(path) != 0 && errno != ENOENT)
        return kh_fail(err, KH_UNAVAILABLE,
            "[server] socket: '%s' is left over and cannot be removed: %s", path,
            strerror(errno));
    return KH_OK;
}

/* A listening socket, or -1 with errno. Nobody gets at it before its mode is what it
 * shall be: Linux takes the mode of the file from the socket. */
static int open_socket(const struct sockaddr_un *address, unsigned mode)
{
    int fd = new_socket();
    int saved;

    if (fd < 0)
        return -1;
    if (fchmod(fd, 0) == 0 &&
        bind(fd, (const struct sockaddr *)address, sizeof *address) == 0) {
        if (chmod(address->sun_path, mode) == 0 && listen(fd, BACKLOG) == 0)
            return fd;
        saved = errno;
        (void)unlink(address->sun_path);
        errno = saved;
    }
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

kh_status kh_http_listen_socket(
    struct kh_http *http, const char *path, unsigned mode, struct kh_error *err)
{
    struct kh_socket_place *place = &http->socket;
    struct sockaddr_un address;
    struct stat made = {0};
    kh_status st = kh_socket_check(path, err);
    int fd;

    if (st == KH_OK)
        (void)set_path(&address, path);
    if (st == KH_OK)
        st = clear_place(&address, err);
    if (st != KH_OK)
        return st;
    fd = open_socket(&address, mode);
    if (fd < 0)
        return kh_fail(err, KH_UNAVAILABLE, "[server] socket: cannot listen on '%s': %s",
            path, strerror(errno));
    if (lstat(path, &made) == 0) {
        memcpy(place->path, address.sun_path, sizeof place->path);
        place->device = made.st_dev;
        place->inode = made.st_ino;
    }
    if (!kh_listen_attach(http, fd)) {
        kh_socket_remove(http);
        return kh_fail(err, KH_FATAL, "cannot listen: no memory");
    }
    return KH_OK;
}

/* Another daemon may have put its own there. */
void kh_socket_remove(struct kh_http *http)
{
    struct kh_socket_place *place = &http->socket;
    struct stat there;

    if (*place->path && lstat(place->path, &there) == 0 &&
        there.st_dev == place->device && there.st_ino == place->inode &&
        unlink(place->path) != 0)
        kh_log(KH_LOG_WARNING, "the socket %s could not be removed: %s", place->path,
            strerror(errno));
    place->path[0] = '\0';
}

bool kh_socket_local(struct evhttp_request *ev)
{
    struct bufferevent *bev =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(ev));
    int family = AF_UNSPEC;
    socklen_t len = sizeof family;

    return bev &&
           getsockopt(bufferevent_getfd(bev), SOL_SOCKET, SO_DOMAIN, &family, &len) ==
               0 &&
           family == AF_UNIX;
}
