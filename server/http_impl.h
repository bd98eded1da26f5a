/* Inside of the HTTP engine: shared by http.c, intake.c, send.c and listen.c only. */
#ifndef KH_SERVER_HTTP_IMPL_H
#define KH_SERVER_HTTP_IMPL_H

#include "server/connection.h"
#include "server/http.h"

#include <event2/event.h>
#include <event2/http.h>

#include <sys/types.h>

#define KH_LISTENERS 16

/* The socket that was made, told from another's by its inode. */
struct kh_socket_place {
    char path[108]; /* of struct sockaddr_un; "": none */
    dev_t device;
    ino_t inode;
};

struct kh_http {
    struct event_base *base;
    struct evhttp *evhttp;
    struct event *sweep;
    struct kh_tls *tls;
    struct kh_http_options options;
    struct kh_http_events events;
    struct kh_conns conns;
    struct evhttp_bound_socket *bound[KH_LISTENERS];
    size_t bound_count;
    struct kh_socket_place socket;
    uint64_t generation; /* of trust, when connections were last looked at */
    bool paused; /* listeners off: at the connection limit, or out of descriptors */
    bool draining;
    bool idle_cut; /* the drain has closed idle connections */
    atomic_uint requests;
};

/* intake.c: evhttp's general callback; ARG is the struct kh_http. */
void kh_intake(struct evhttp_request *ev, void *arg);
/* Frees REQUEST and wipes what it held. */
void kh_request_free(struct kh_request *request);

/* send.c: answers EV on CONN with RESPONSE; REQUEST_ID may be NULL. Frees nothing. */
void kh_send(struct kh_http *http, struct kh_conn *conn, struct evhttp_request *ev,
    const struct kh_response *response, const char *request_id);

/* refusal.c: has what evhttp answers by itself on BEV counted and logged. False: no
 * memory. */
struct bufferevent;
bool kh_refusals_watch(struct bufferevent *bev, struct kh_conn *conn);

/* listen.c: on or off, when the number of connections or descriptors says so. */
void kh_listen_pause(struct kh_http *http, bool pause);
void kh_listen_close(struct kh_http *http);
/* Accepts on FD, which is the engine's from now on, also on failure. False: no memory. */
bool kh_listen_attach(struct kh_http *http, int fd);

/* socket.c: removes the file, unless it is another's by now. */
void kh_socket_remove(struct kh_http *http);
/* True when EV came over a socket of the file system. */
bool kh_socket_local(struct evhttp_request *ev);

#endif
