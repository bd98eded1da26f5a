#include "conformance/raw.h"

#include "core/loader.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

bool kh_raw_open(struct kh_raw *raw)
{
    struct kh_error err = {0};
    kh_status st;

    kh_contract_close();
    memset(raw, 0, sizeof *raw);
    (void)snprintf(raw->section, sizeof raw->section, "backend.%s", kh_contract.backend);
    raw->origin = (struct kh_host_origin){kh_contract_config(), raw->section};
    kh_host_init(&raw->host, kh_contract.backend, KH_OPEN_SERVE, &raw->origin);
    st = kh_loader_load(kh_contract.plugin_dir, kh_contract.backend, &raw->plugin, &err);
    if (st == KH_OK)
        st = raw->plugin->open(&raw->host, &raw->ctx, &err);
    KH_ASSERT_OK(st, err);
    return st == KH_OK;
}

void kh_raw_close(struct kh_raw *raw)
{
    raw->plugin->close(raw->ctx);
}

struct kh_edge kh_edge_new(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t body = (size + page - 1) / page * page;
    struct kh_edge edge = {.map_len = body + page};

    edge.map = mmap(
        NULL, edge.map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (edge.map == MAP_FAILED || mprotect((char *)edge.map + body, page, PROT_NONE) != 0)
        abort();
    edge.at = (char *)edge.map + body - size;
    return edge;
}

void kh_edge_freeze(const struct kh_edge *edge)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if (mprotect(edge->map, edge->map_len - page, PROT_READ) != 0)
        abort();
}

void kh_edge_free(struct kh_edge *edge)
{
    (void)munmap(edge->map, edge->map_len);
    memset(edge, 0, sizeof *edge);
}
