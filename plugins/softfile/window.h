/*
 * A window on the names of a store in byte order. A directory gives its entries in no
 * order, so a page of a listing costs one pass over all of them; the window keeps the
 * next KH_SOFT_WINDOW names of a pass and so serves many pages, in the same memory
 * whatever the number of deposits.
 */
#ifndef KH_SOFTFILE_WINDOW_H
#define KH_SOFTFILE_WINDOW_H

#include "plugins/softfile/names.h"

#include <time.h>

#define KH_SOFT_WINDOW 4096U

/* An entry of deposits/. A FOREIGN one is no encoding of a name; then NAME is the file's
 * own name. */
struct kh_soft_entry {
    char name[KH_NAME_MAX + 1];
    bool foreign;
};

struct kh_soft_window {
    size_t capacity; /* of LIST; 0 before the first pass: KH_SOFT_WINDOW then */
    struct kh_soft_entry *list; /* sorted; NULL before the first pass */
    size_t count;
    bool valid;      /* LIST may be used in the page under way */
    bool lasting;    /* and in later ones, while the directory does not change */
    bool to_the_end; /* nothing comes after LIST */
    struct kh_soft_entry after; /* LIST begins with what follows this ... */
    bool started;               /* ... or, when this is false, with the first of all */
    struct timespec changed;    /* the directory's mtime at the pass */
};

/* Byte order of names; a foreign one after a deposit of the same name. */
int kh_soft_entry_compare(const struct kh_soft_entry *a, const struct kh_soft_entry *b);

/* Begins a page: forgets the window when directory DIRFD changed since the pass. */
KH_CHECK kh_status kh_soft_window_begin(
    struct kh_soft_window *window, int dirfd, struct kh_error *err);

/*
 * The first entry after AFTER (NULL: the first of all) in open directory DIRFD, in *NEXT;
 * KH_NOT_FOUND when there is none. Makes a pass when the window does not cover the place.
 * Not thread safe on one window.
 */
KH_CHECK kh_status kh_soft_window_next(struct kh_soft_window *window, int dirfd,
    const struct kh_soft_entry *after, struct kh_soft_entry *next, struct kh_error *err);

void kh_soft_window_free(struct kh_soft_window *window);

#endif
