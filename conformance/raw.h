/*
 * The plugin itself, without the layer of checks that programs have in front of it: for
 * the tests that look at what it does with the memory it is given.
 */
#ifndef KH_CONFORMANCE_RAW_H
#define KH_CONFORMANCE_RAW_H

#include "conformance/contract.h"
#include "core/host.h"

struct kh_raw {
    const struct kh_plugin *plugin;
    void *ctx;
    struct kh_host_origin origin;
    struct kh_host host;
    char section[64];
};

/* Closes the shared backend, then opens RAW, which must stay where it is until
 * kh_raw_close. False: it failed, and the test has been told. */
bool kh_raw_open(struct kh_raw *raw);
void kh_raw_close(struct kh_raw *raw);

/*
 * Memory that ends where it says: SIZE zeroed bytes whose end is aligned to what follows,
 * a page that nobody may touch. A write behind them kills the process, which is then
 * reported with the name of the test. Free with kh_edge_free. Ends the program without
 * memory.
 */
struct kh_edge {
    void *at; /* the SIZE bytes; aligned as SIZE is */
    void *map;
    size_t map_len;
};
struct kh_edge kh_edge_new(size_t size);
/* From now on they may only be read. Whole pages: everything of the edge. */
void kh_edge_freeze(const struct kh_edge *edge);
void kh_edge_free(struct kh_edge *edge);

#endif
