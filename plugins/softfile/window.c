#include "plugins/softfile/window.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A change within this time of a pass may carry the same mtime as the pass saw (a tick of
 * the kernel's clock, a second on old file systems): such a window is used once only. */
enum { RACY_SECONDS = 2 };

int kh_soft_entry_compare(const struct kh_soft_entry *a, const struct kh_soft_entry *b)
{
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : (int)a->foreign - (int)b->foreign;
}

void kh_soft_window_free(struct kh_soft_window *window)
{
    free(window->list);
    memset(window, 0, sizeof *window);
}

/* ---- one pass: the smallest, in a heap with the largest on top ---- */

static void swap(struct kh_soft_entry *a, struct kh_soft_entry *b)
{
    struct kh_soft_entry c = *a;

    *a = *b;
    *b = c;
}

static void sift_up(struct kh_soft_entry *heap, size_t at)
{
    while (at > 0 && kh_soft_entry_compare(&heap[(at - 1) / 2], &heap[at]) < 0) {
        swap(&heap[(at - 1) / 2], &heap[at]);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct kh_soft_entry *heap, size_t count)
{
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < count &&
            kh_soft_entry_compare(&heap[child], &heap[child + 1]) < 0)
            child++;
        if (child >= count || kh_soft_entry_compare(&heap[child], &heap[at]) <= 0)
            return;
        swap(&heap[child], &heap[at]);
        at = child;
    }
}

static void offer(struct kh_soft_window *window, const struct kh_soft_entry *entry)
{
    if (window->started && kh_soft_entry_compare(entry, &window->after) <= 0)
        return;
    if (window->count < window->capacity) {
        window->list[window->count] = *entry;
        sift_up(window->list, window->count++);
        return;
    }
    window->to_the_end = false;
    if (kh_soft_entry_compare(entry, &window->list[0]) < 0) {
        window->list[0] = *entry;
        sift_down(window->list, window->count);
    }
}

static void offer_file(struct kh_soft_window *window, const char *file)
{
    struct kh_soft_entry entry;

    if (strcmp(file, ".") == 0 || strcmp(file, "..") == 0 || kh_soft_is_debris(file))
        return;
    entry.foreign = !kh_soft_name_decode(file, entry.name);
    if (entry.foreign)
        snprintf(entry.name, sizeof entry.name, "%s", file);
    offer(window, &entry);
}

static int by_entry(const void *a, const void *b)
{
    return kh_soft_entry_compare(a, b);
}

static kh_status pass(struct kh_soft_window *window, int dirfd, struct kh_error *err)
{
    int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;
    int cause;

    if (!dir) {
        cause = errno;
        if (copy >= 0)
            (void)close(copy);
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot list the deposits: %s", strerror(cause));
    }
    window->count = 0;
    window->to_the_end = true;
    while (errno = 0, (entry = readdir(dir)) != NULL)
        offer_file(window, entry->d_name);
    cause = errno;
    (void)closedir(dir);
    if (cause != 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot list the deposits: %s", strerror(cause));
    qsort(window->list, window->count, sizeof *window->list, by_entry);
    return KH_OK;
}

/* ---- the window ---- */

kh_status kh_soft_window_begin(
    struct kh_soft_window *window, int dirfd, struct kh_error *err)
{
    struct stat st;

    if (fstat(dirfd, &st) != 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot look at the deposits: %s", strerror(errno));
    window->valid = window->valid && window->lasting &&
                    window->changed.tv_sec == st.st_mtim.tv_sec &&
                    window->changed.tv_nsec == st.st_mtim.tv_nsec;
    window->changed = st.st_mtim;
    return KH_OK;
}

static bool covers(const struct kh_soft_window *window, const struct kh_soft_entry *after)
{
    const struct kh_soft_entry *last =
        window->count ? &window->list[window->count - 1] : NULL;

    if (!after)
        return !window->started;
    if (window->started && kh_soft_entry_compare(after, &window->after) < 0)
        return false;
    return window->to_the_end || (last && kh_soft_entry_compare(after, last) < 0);
}

static const struct kh_soft_entry *find(
    const struct kh_soft_window *window, const struct kh_soft_entry *after)
{
    size_t low = 0;
    size_t high = window->count;

    while (after && low < high) {
        size_t middle = low + (high - low) / 2;

        if (kh_soft_entry_compare(&window->list[middle], after) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < window->count ? &window->list[low] : NULL;
}

static kh_status renew(struct kh_soft_window *window, int dirfd,
    const struct kh_soft_entry *after, struct kh_error *err)
{
    kh_status status;

    window->valid = false;
    if (window->capacity == 0)
        window->capacity = KH_SOFT_WINDOW;
    if (!window->list)
        window->list = calloc(window->capacity, sizeof *window->list);
    if (!window->list)
        return kh_fail(err, KH_FATAL, "out of memory");
    window->started = after != NULL;
    if (after)
        window->after = *after;
    status = pass(window, dirfd, err);
    window->valid = status == KH_OK;
    window->lasting = time(NULL) - window->changed.tv_sec > RACY_SECONDS;
    return status;
}

kh_status kh_soft_window_next(struct kh_soft_window *window, int dirfd,
    const struct kh_soft_entry *after, struct kh_soft_entry *next, struct kh_error *err)
{
    const struct kh_soft_entry *found;
    kh_status status = KH_OK;

    if (!window->valid || !covers(window, after))
        status = renew(window, dirfd, after, err);
    if (status != KH_OK)
        return status;
    found = find(window, after);
    if (!found)
        return kh_fail(err, KH_NOT_FOUND, "there is no further deposit");
    *next = *found;
    return KH_OK;
}
