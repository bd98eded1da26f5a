#include "server/kms/hosts.h"

#include "core/log.h"
#include "server/http.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEEP_MS = 60 * 1000,
    FAILED_MS = 5 * 1000, /* a name that cannot be looked up now may be soon */
    ADDRESSES_MAX = 64,   /* of one name */
    NAME_LEN_MAX = 253,
    BITS = 128
};

/* An address; IPv4 as ::ffff:a.b.c.d. */
struct address {
    unsigned char bytes[16];
};

struct entry {
    char *name; /* a host; NULL: a network */
    struct address network;
    unsigned bits;
    struct address *found; /* what NAME stands for until UNTIL */
    size_t found_count;
    uint64_t until; /* monotonic milliseconds */
};

struct kms_hosts {
    bool all;
    struct entry *entries;
    size_t count;
    pthread_mutex_t lock; /* of what was found */
};

static void map_v4(const void *v4, struct address *out)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    memcpy(out->bytes, mapped, sizeof mapped);
    memcpy(out->bytes + sizeof mapped, v4, 4);
}

/* *OFFSET is how many of the 128 bits are not the text's own. */
static bool parse_address(const char *text, struct address *out, unsigned *offset)
{
    unsigned char v4[4];

    *offset = 0;
    if (inet_pton(AF_INET6, text, out->bytes) == 1)
        return true;
    if (inet_pton(AF_INET, text, v4) != 1)
        return false;
    map_v4(v4, out);
    *offset = BITS - 32;
    return true;
}

static bool same_network(const struct address *a, const struct address *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned mask = 0xff00u >> bits % 8 & 0xffu;

    return memcmp(a->bytes, b->bytes, whole) == 0 &&
           (bits % 8 == 0 || ((a->bytes[whole] ^ b->bytes[whole]) & mask) == 0);
}

/* "ADDRESS/BITS", or an address alone. */
static kh_status parse_network(
    const char *text, const char *slash, struct entry *entry, struct kh_error *err)
{
    static const struct address zero;
    struct address rest;
    char address[INET6_ADDRSTRLEN + 1];
    unsigned offset;
    unsigned long bits = 0;
    char *end = NULL;

    (void)snprintf(address, sizeof address, "%.*s", (int)(slash - text), text);
    if (slash - text >= (ptrdiff_t)sizeof address ||
        !parse_address(address, &entry->network, &offset))
        return kh_fail(err, KH_INVALID,
            "'%.64s' is no network: no address stands before "
            "'/'",
            text);
    if (slash[1] >= '0' && slash[1] <= '9')
        bits = strtoul(slash + 1, &end, 10);
    if (!end || *end || bits > BITS - offset)
        return kh_fail(err, KH_INVALID, "'%.64s' is no network: give 0 to %u behind '/'",
            text, BITS - offset);
    entry->bits = offset + (unsigned)bits;
    rest = entry->network;
    for (unsigned i = 0; i < entry->bits; i++)
        rest.bytes[i / 8] &= (unsigned char)~(0x80u >> i % 8);
    if (memcmp(&rest, &zero, sizeof zero) != 0)
        return kh_fail(err, KH_INVALID,
            "'%.64s' is no network: bits behind the first %lu are set", text, bits);
    return KH_OK;
}

static bool is_host_name(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= NAME_LEN_MAX && *text != '-' && *text != '.' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "-._") == len &&
           strspn(text, "0123456789.") != len;
}

static kh_status parse_entry(const char *text, struct entry *entry, struct kh_error *err)
{
    const char *slash = strchr(text, '/');
    unsigned offset;

    if (slash)
        return parse_network(text, slash, entry, err);
    entry->bits = BITS;
    if (parse_address(text, &entry->network, &offset))
        return KH_OK;
    if (!is_host_name(text))
        return kh_fail(err, KH_INVALID,
            "'%.64s' is no address, no network and no host's name; give a list such as "
            "10.0.0.0/8,::1,hue.example.com",
            text);
    entry->name = strdup(text);
    return entry->name ? KH_OK : kh_fail(err, KH_FATAL, "no memory for a list of hosts");
}

static kh_status add_entry(struct kms_hosts *list, const char *text, struct kh_error *err)
{
    struct entry *more;
    kh_status st;

    if (list->count == KMS_HOSTS_MAX)
        return kh_fail(err, KH_INVALID, "more than %d hosts", KMS_HOSTS_MAX);
    more = realloc(list->entries, (list->count + 1) * sizeof *more);
    if (!more)
        return kh_fail(err, KH_FATAL, "no memory for a list of hosts");
    list->entries = more;
    more[list->count] = (struct entry){0};
    st = parse_entry(text, &more[list->count], err);
    if (st == KH_OK)
        list->count++;
    return st;
}

/* False: no memory. */
static bool make_list(struct kms_hosts **list)
{
    if (*list)
        return true;
    *list = calloc(1, sizeof **list);
    if (*list && pthread_mutex_init(&(*list)->lock, NULL) == 0)
        return true;
    free(*list);
    *list = NULL;
    return false;
}

kh_status kms_hosts_add(struct kms_hosts **list, const char *text, struct kh_error *err)
{
    kh_status st = KH_OK;
    char *copy = make_list(list) ? strdup(text) : NULL;
    char *rest = NULL;

    if (!copy)
        return kh_fail(err, KH_FATAL, "no memory for a list of hosts");
    for (char *word = strtok_r(copy, ", \t\r\n", &rest); st == KH_OK && word;
         word = strtok_r(NULL, ", \t\r\n", &rest)) {
        if (strcmp(word, "*") == 0)
            (*list)->all = true;
        else
            st = add_entry(*list, word, err);
    }
    free(copy);
    return st;
}

static size_t take_found(const struct addrinfo *info, struct address *out)
{
    size_t count = 0;

    for (; info && count < ADDRESSES_MAX; info = info->ai_next) {
        if (info->ai_family == AF_INET)
            map_v4(&((const struct sockaddr_in *)(const void *)info->ai_addr)->sin_addr,
                &out[count++]);
        else if (info->ai_family == AF_INET6)
            memcpy(out[count++].bytes,
                &((const struct sockaddr_in6 *)(const void *)info->ai_addr)->sin6_addr,
                16);
    }
    return count;
}

/* Looks NAME up, without the lock. */
static size_t look_up(const char *name, struct address out[ADDRESSES_MAX])
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *info = NULL;
    size_t count = 0;
    int rc = getaddrinfo(name, NULL, &hints, &info);

    if (rc != 0)
        kh_log(KH_LOG_WARNING,
            "kms: [kms.proxyuser]: the host %s cannot be looked up: %s", name,
            gai_strerror(rc));
    else
        count = take_found(info, out);
    if (info)
        freeaddrinfo(info);
    return count;
}

static bool is_among(
    const struct address *wanted, const struct address *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(wanted, &list[i], sizeof *wanted) == 0)
            return true;
    }
    return false;
}

static void keep(struct entry *entry, const struct address *found, size_t count)
{
    struct address *copy = count > 0 ? malloc(count * sizeof *copy) : NULL;

    free(entry->found);
    entry->found = copy;
    entry->found_count = copy ? count : 0;
    if (copy)
        memcpy(copy, found, count * sizeof *copy);
    entry->until = kh_clock_ms() + (copy ? KEEP_MS : FAILED_MS);
}

static bool host_is(
    struct kms_hosts *list, struct entry *entry, const struct address *wanted)
{
    struct address found[ADDRESSES_MAX];
    size_t count;
    bool known;
    bool is;

    (void)pthread_mutex_lock(&list->lock);
    known = entry->until > kh_clock_ms();
    is = known && is_among(wanted, entry->found, entry->found_count);
    (void)pthread_mutex_unlock(&list->lock);
    if (known)
        return is;
    count = look_up(entry->name, found);
    (void)pthread_mutex_lock(&list->lock);
    keep(entry, found, count);
    (void)pthread_mutex_unlock(&list->lock);
    return is_among(wanted, found, count);
}

bool kms_hosts_have(struct kms_hosts *list, const char *address)
{
    struct address wanted;
    unsigned offset;

    if (!list || !parse_address(address, &wanted, &offset))
        return false;
    if (list->all)
        return true;
    for (size_t i = 0; i < list->count; i++) {
        struct entry *entry = &list->entries[i];

        if (!entry->name && same_network(&wanted, &entry->network, entry->bits))
            return true;
    }
    /* Names last: they may have to be looked up. */
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].name && host_is(list, &list->entries[i], &wanted))
            return true;
    }
    return false;
}

void kms_hosts_free(struct kms_hosts *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->count; i++) {
        free(list->entries[i].name);
        free(list->entries[i].found);
    }
    free(list->entries);
    (void)pthread_mutex_destroy(&list->lock);
    free(list);
}
