#include "core/migrate/namemap.h"

#include "core/fileio.h"
#include "core/name.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 10000 };

struct proposal {
    char old[KH_NAME_MAX + 1];
    char new_name[KH_NAME_MAX + 1];
};

struct kh_suggestions {
    struct proposal **list; /* in order of arrival; owns */
    size_t count;
    void *by_new; /* tsearch(3) tree of the same proposals */
};

static int order_new(const void *a, const void *b)
{
    return strcmp(
        ((const struct proposal *)a)->new_name, ((const struct proposal *)b)->new_name);
}

static void keep_node(void *node)
{
    (void)node; /* the list owns it */
}

struct kh_suggestions *kh_suggestions_new(void)
{
    return calloc(1, sizeof(struct kh_suggestions));
}

void kh_suggestions_free(struct kh_suggestions *s)
{
    if (!s)
        return;
    tdestroy(s->by_new, keep_node);
    for (size_t i = 0; i < s->count; i++)
        free(s->list[i]);
    free(s->list);
    free(s);
}

size_t kh_suggestions_count(const struct kh_suggestions *s)
{
    return s->count;
}

/* Finds the first proposal nobody has; P->new_name gets it. */
static kh_status choose(struct kh_suggestions *s, struct proposal *p, const char *target,
    kh_name_taken_fn taken, void *arg, struct kh_error *err)
{
    for (unsigned serial = 0; serial < TRIES; serial++) {
        bool used = false;
        kh_status st;

        kh_name_suggest(target, serial, p->new_name);
        if (tfind(p, &s->by_new, order_new))
            continue;
        st = taken(arg, p->new_name, &used, err);
        if (st != KH_OK)
            return st;
        if (!used)
            return KH_OK;
    }
    return kh_fail(err, KH_REFUSED, "no free name found for '%s'", p->new_name);
}

kh_status kh_suggestions_add(struct kh_suggestions *s, const char *old,
    const char *target, kh_name_taken_fn taken, void *arg, struct kh_error *err)
{
    struct proposal *p = calloc(1, sizeof *p);
    struct proposal **more = s->list;
    kh_status st;

    if (!p)
        return kh_fail(err, KH_FATAL, "out of memory");
    snprintf(p->old, sizeof p->old, "%s", old);
    st = choose(s, p, target, taken, arg, err);
    if (st == KH_OK && (s->count & (s->count - 1)) == 0)
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        more = realloc(more, (s->count ? 2 * s->count : 1) * sizeof *more);
    if (st == KH_OK && more)
        s->list = more;
    if (st == KH_OK && (!more || !tsearch(p, &s->by_new, order_new)))
        st = kh_fail(err, KH_FATAL, "out of memory");
    if (st != KH_OK) {
        free(p);
        return st;
    }
    s->list[s->count++] = p;
    return KH_OK;
}

static bool proposes_for(const struct kh_suggestions *s, const char *old)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->list[i]->old, old) == 0)
            return true;
    }
    return false;
}

kh_status kh_suggestions_write(const struct kh_suggestions *s,
    const struct kh_name_map *keep, const char *path, struct kh_error *err)
{
    char escaped[KH_NAME_ESCAPED_MAX];
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    kh_status st;

    if (!file)
        return kh_fail(err, KH_FATAL, "out of memory");
    fputs("# Renamings for a migration: old name (percent-encoded), a tab, new name.\n"
          "# Change the right-hand side as you like, then use it with --name-map.\n",
        file);
    for (size_t i = 0; i < kh_name_map_count(keep); i++) {
        const char *old;
        const char *new_name;

        kh_name_map_at(keep, i, &old, &new_name);
        if (!proposes_for(s, old))
            fprintf(
                file, "%s\t%s\n", kh_name_escape(old, escaped, sizeof escaped), new_name);
    }
    for (size_t i = 0; i < s->count; i++)
        fprintf(file, "%s\t%s\n",
            kh_name_escape(s->list[i]->old, escaped, sizeof escaped),
            s->list[i]->new_name);
    if (fclose(file) != 0) {
        free(text);
        return kh_fail(err, KH_FATAL, "out of memory");
    }
    st = kh_file_write(path, text, len, 0600, true, err);
    free(text);
    return st;
}
