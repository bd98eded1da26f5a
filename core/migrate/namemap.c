#include "core/migrate/namemap.h"

#include "core/name.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { MAP_LINE_MAX = KH_NAME_ESCAPED_MAX + KH_NAME_MAX + 8, MAP_MAX = 1000000 };

struct pair {
    char *old;
    char *new_name;
};

struct kh_name_map {
    struct pair *by_old; /* owns the strings */
    struct pair *by_new;
    size_t count;
};

static int order_old(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->old, ((const struct pair *)b)->old);
}

static int order_new(const void *a, const void *b)
{
    int d =
        strcmp(((const struct pair *)a)->new_name, ((const struct pair *)b)->new_name);

    return d ? d : order_old(a, b);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoding (RFC 3986 2.1) in place. False: malformed, a NUL, empty or too long.
 */
static bool unescape(char *text)
{
    size_t out = 0;

    for (size_t i = 0; text[i]; i++) {
        int value = (unsigned char)text[i];

        if (text[i] == '%') {
            int high = hex_value(text[i + 1]);
            int low = high < 0 ? -1 : hex_value(text[i + 2]);

            if (low < 0)
                return false;
            value = high * 16 + low;
            i += 2;
        }
        if (value == 0)
            return false;
        text[out++] = (char)value;
    }
    text[out] = '\0';
    return out >= 1 && out <= KH_NAME_MAX;
}

static kh_status add_pair(
    struct kh_name_map *map, const char *old, const char *new_name, struct kh_error *err)
{
    struct pair *more = map->by_old;

    if ((map->count & (map->count - 1)) == 0) /* grow at 0, 1, 2, 4, ... */
        more = realloc(more, (map->count ? 2 * map->count : 1) * sizeof *more);
    if (!more)
        return kh_fail(err, KH_FATAL, "out of memory");
    map->by_old = more;
    more[map->count] = (struct pair){strdup(old), strdup(new_name)};
    map->count++;
    if (!more[map->count - 1].old || !more[map->count - 1].new_name)
        return kh_fail(err, KH_FATAL, "out of memory");
    return KH_OK;
}

static kh_status take_line(
    struct kh_name_map *map, char *line, const char *where, struct kh_error *err)
{
    char *tab = strchr(line, '\t');

    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#')
        return KH_OK;
    if (!tab || strchr(tab + 1, '\t'))
        return kh_fail(err, KH_INVALID,
            "%s: not a renaming; expected the old name percent-encoded, a tab, the new "
            "name",
            where);
    *tab++ = '\0';
    if (!unescape(line))
        return kh_fail(err, KH_INVALID,
            "%s: the old name is no percent-encoded name of 1 to %d bytes", where,
            KH_NAME_MAX);
    if (tab[0] == '\0' || strlen(tab) > KH_NAME_MAX)
        return kh_fail(err, KH_INVALID, "%s: the new name is not 1 to %d bytes long",
            where, KH_NAME_MAX);
    if (map->count == MAP_MAX)
        return kh_fail(err, KH_INVALID, "%s: more than %d renamings", where, MAP_MAX);
    return strcmp(line, tab) == 0 ? KH_OK : add_pair(map, line, tab, err);
}

static kh_status read_lines(
    struct kh_name_map *map, FILE *file, const char *path, struct kh_error *err)
{
    char line[MAP_LINE_MAX + 2];
    kh_status st = KH_OK;

    for (unsigned number = 1; st == KH_OK && fgets(line, sizeof line, file); number++) {
        char where[600];

        snprintf(where, sizeof where, "%.500s:%u", path, number);
        if (strlen(line) > MAP_LINE_MAX)
            return kh_fail(
                err, KH_INVALID, "%s: line longer than %d bytes", where, MAP_LINE_MAX);
        st = take_line(map, line, where, err);
    }
    if (st == KH_OK && ferror(file))
        st = kh_fail(err, KH_INVALID, "%s: %s", path, strerror(errno));
    return st;
}

static kh_status index_map(
    struct kh_name_map *map, const char *path, struct kh_error *err)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): never NULL */
    if (map->count == 0)
        return KH_OK;
    qsort(map->by_old, map->count, sizeof *map->by_old, order_old);
    for (size_t i = 1; i < map->count; i++) {
        char text[KH_NAME_ESCAPED_MAX];

        if (strcmp(map->by_old[i - 1].old, map->by_old[i].old) == 0)
            return kh_fail(err, KH_INVALID, "%s: old name '%s' stands twice", path,
                kh_name_escape(map->by_old[i].old, text, sizeof text));
    }
    map->by_new = calloc(map->count, sizeof *map->by_new);
    if (!map->by_new)
        return kh_fail(err, KH_FATAL, "out of memory");
    memcpy(map->by_new, map->by_old, map->count * sizeof *map->by_new);
    qsort(map->by_new, map->count, sizeof *map->by_new, order_new);
    return KH_OK;
}

kh_status kh_name_map_load(
    struct kh_name_map **out, const char *path, struct kh_error *err)
{
    FILE *file = fopen(path, "re");
    struct kh_name_map *map;
    kh_status st;

    *out = NULL;
    if (!file)
        return kh_fail(err, KH_INVALID, "%s: %s", path, strerror(errno));
    map = calloc(1, sizeof *map);
    st = map ? read_lines(map, file, path, err) : kh_fail(err, KH_FATAL, "out of memory");
    (void)fclose(file);
    if (st == KH_OK)
        st = index_map(map, path, err);
    if (st != KH_OK) {
        kh_name_map_free(map);
        return st;
    }
    *out = map;
    return KH_OK;
}

void kh_name_map_free(struct kh_name_map *map)
{
    if (!map)
        return;
    for (size_t i = 0; i < map->count; i++) {
        free(map->by_old[i].old);
        free(map->by_old[i].new_name);
    }
    free(map->by_old);
    free(map->by_new);
    free(map);
}

/* The first entry whose new name is NEW_NAME, or NULL. */
static const struct pair *find_new(const struct kh_name_map *map, const char *new_name)
{
    size_t low = 0;
    size_t high = map->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strcmp(map->by_new[middle].new_name, new_name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < map->count && strcmp(map->by_new[low].new_name, new_name) == 0
               ? &map->by_new[low]
               : NULL;
}

static const struct pair *find_old(const struct kh_name_map *map, const char *old)
{
    size_t low = 0;
    size_t high = map ? map->count : 0;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(map->by_old[middle].old, old);

        if (order == 0)
            return &map->by_old[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *kh_name_map_to(const struct kh_name_map *map, const char *old)
{
    const struct pair *found = find_old(map, old);

    return found ? found->new_name : old;
}

bool kh_name_map_has(const struct kh_name_map *map, const char *old)
{
    return find_old(map, old) != NULL;
}

const char *kh_name_map_from(const struct kh_name_map *map, const char *new_name)
{
    const struct pair *found;

    if (!map)
        return new_name;
    found = find_new(map, new_name);
    if (found)
        return found->old;
    return kh_name_map_has(map, new_name) ? NULL : new_name;
}

size_t kh_name_map_count(const struct kh_name_map *map)
{
    return map ? map->count : 0;
}

void kh_name_map_at(
    const struct kh_name_map *map, size_t i, const char **old, const char **new_name)
{
    *old = map->by_new[i].old;
    *new_name = map->by_new[i].new_name;
}

kh_status kh_name_map_digest(
    const struct kh_name_map *map, char out[65], struct kh_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx;
    bool fine;

    snprintf(out, 65, "none");
    if (kh_name_map_count(map) == 0)
        return KH_OK;
    ctx = EVP_MD_CTX_new();
    fine = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    for (size_t i = 0; fine && i < map->count; i++)
        fine =
            EVP_DigestUpdate(ctx, map->by_old[i].old, strlen(map->by_old[i].old) + 1) &&
            EVP_DigestUpdate(
                ctx, map->by_old[i].new_name, strlen(map->by_old[i].new_name) + 1);
    fine = fine && EVP_DigestFinal_ex(ctx, digest, NULL);
    EVP_MD_CTX_free(ctx);
    if (!fine)
        return kh_fail(err, KH_FATAL, "SHA-256 of the name map failed");
    for (size_t i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return KH_OK;
}
