/*
 * A TCP proxy between the client and a real keyhsmd. It sees TLS records only; what it
 * can do is to lose them. Connections that are open stay open until a fault is armed:
 * then the next bytes in that direction meet it, once.
 */
#ifndef KH_TEST_PROXY_H
#define KH_TEST_PROXY_H

typedef enum proxy_fault {
    PROXY_PASS,
    PROXY_CUT_REQUEST, /* the next bytes to the server are dropped, both ends closed */
    PROXY_CUT_ANSWER,  /* the next bytes from the server are dropped, both ends closed */
    PROXY_CUT_MIDDLE,  /* after two pieces of an answer of several, 16 KiB each at most */
    PROXY_HOLD_REQUEST, /* that connection passes nothing on any more, and stays open */
    PROXY_HOLD_ANSWER
} proxy_fault;

struct proxy;

/* Listens on localhost and forwards to PORT there. Aborts on failure. */
struct proxy *proxy_start(unsigned port);
unsigned proxy_port(const struct proxy *proxy);
void proxy_arm(struct proxy *proxy, proxy_fault fault);
/* How many connections there were so far. */
unsigned proxy_connections(const struct proxy *proxy);
/* Closes all and joins its threads. */
void proxy_stop(struct proxy *proxy);

#endif
