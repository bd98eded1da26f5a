/*
 * A real keyhsmd for one test, with certificates of its own:
 *
 *     kh_test_keyhsmd_make(&d, dir, "softfile");
 *     kh_test_keyhsmd_add(&d, "directory = %s/store", dir);
 *     kh_test_keyhsmd_start(&d);
 *
 * It is killed when the test program ends, however that ends.
 */
#ifndef KH_TEST_KEYHSMD_H
#define KH_TEST_KEYHSMD_H

#include <keyhsm/types.h>

#include <sys/types.h>

struct kh_test_keyhsmd {
    char dir[512]; /* client.crt, client.key, other.crt, other.key, server.crt,
                      server.key, keyhsmd.ini, keyhsmd.log */
    char backend[32];
    const char *plugin_dir; /* TEST_PLUGIN_DIR, unless set before it starts */
    pid_t pid;              /* 0: not running */
    unsigned port;
};

/* Certificates and a configuration that ends in the empty section of BACKEND. The daemon
 * lets `client` in, and not `other`; the client knows it by server.crt. Aborts on
 * failure, as all of them do. */
void kh_test_keyhsmd_make(
    struct kh_test_keyhsmd *daemon, const char *dir, const char *backend);
/* One more line of that section, or the beginning of another. */
void kh_test_keyhsmd_add(struct kh_test_keyhsmd *daemon, const char *format, ...)
    KH_PRINTF(2, 3);
/* Returns once it listens, on the port it had before if it had one. */
void kh_test_keyhsmd_start(struct kh_test_keyhsmd *daemon);
/* Sends SIGNAL and waits for its end. */
void kh_test_keyhsmd_stop(struct kh_test_keyhsmd *daemon, int signal);

#endif
