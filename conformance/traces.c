#include "conformance/traces.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* A mapping larger than that is reserved and not used: a sanitizer's shadow, terabytes.
 */
#define SPARSE ((uintptr_t)1 << 30)

enum { MASK = 0x5a, SECRET_LEN = 32, CHUNK = 1 << 16, DESCRIPTORS = 4096 };

/* /proc/self/fd is root's in a process that must not be dumped. */
static long open_files(void)
{
    long count = 0;

    for (int fd = 0; fd < DESCRIPTORS; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static long threads(void)
{
    DIR *d = opendir("/proc/self/task");
    long count = 0;

    if (!d)
        abort();
    while (readdir(d))
        count++;
    (void)closedir(d);
    return count;
}

struct kh_traces kh_traces_now(void)
{
    return (struct kh_traces){.descriptors = open_files(),
        .threads = threads(),
        .secret = CRYPTO_secure_used(),
        .heap = mallinfo2().uordblks};
}

void kh_marked_new(struct kh_marked *mark)
{
    if (RAND_bytes(mark->masked, sizeof mark->masked) != 1)
        abort();
}

void kh_marked_reveal(const struct kh_marked *mark, unsigned char out[32])
{
    for (size_t i = 0; i < SECRET_LEN; i++)
        out[i] = mark->masked[i] ^ MASK;
}

static bool is_secret(const struct kh_marked *mark, const unsigned char *at)
{
    for (size_t i = 0; i < SECRET_LEN; i++) {
        if ((at[i] ^ MASK) != mark->masked[i])
            return false;
    }
    return true;
}

/* The window is read through the kernel: a page that has gone meanwhile is a failed read
 * and no fault. It lives outside of the memory that is looked at, and is wiped. */
static size_t copies_between(uintptr_t from, uintptr_t to, const struct kh_marked *mark)
{
    static unsigned char window[CHUNK + SECRET_LEN];
    uintptr_t own = (uintptr_t)window;
    size_t found = 0;

    for (uintptr_t at = from; at < to; at += CHUNK) {
        size_t want = to - at < sizeof window ? to - at : sizeof window;
        struct iovec into = {window, want};
        struct iovec of = {(void *)at, want}; /* NOLINT(performance-no-int-to-ptr) */
        ssize_t n;

        if (at < own + sizeof window && own < at + want)
            continue;
        n = process_vm_readv(getpid(), &into, 1, &of, 1, 0);
        for (ssize_t i = 0; i + SECRET_LEN <= n && i < CHUNK; i++)
            found += is_secret(mark, window + i);
    }
    OPENSSL_cleanse(window, sizeof window);
    return found;
}

size_t kh_marked_copies(const struct kh_marked *mark, char *where, size_t size)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    size_t found = 0;

    *where = 0;
    if (!maps)
        abort();
    while (fgets(line, sizeof line, maps)) {
        uintptr_t from;
        uintptr_t to;
        char mode[5];
        int name = 0;
        size_t here;

        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %n", &from, &to, mode, &name) != 3 ||
            strncmp(mode, "rw", 2) != 0 || to - from > SPARSE)
            continue;
        here = copies_between(from, to, mark);
        line[strcspn(line, "\n")] = 0;
        if (here > 0 && found == 0)
            (void)snprintf(
                where, size, "%s", line[name] ? line + name : "anonymous memory");
        found += here;
    }
    (void)fclose(maps);
    return found;
}
