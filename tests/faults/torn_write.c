/*
 * ftruncate(2) as the process's own symbol: SoftHSM empties a file and then writes it
 * anew, and finds this one first when it is linked into a program that exports its
 * symbols. After the call number TORN_WRITE_AT the process dies by SIGKILL, with the file
 * empty: a crash in the middle of a write. With TORN_WRITE_BEFORE set it dies just before
 * that call: a crash between two writes, with the attributes so far in the file.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/faults/torn_write.h"

static unsigned long calls;
static unsigned long die_at;
static bool before;

/* A program of others, under LD_PRELOAD, is armed from its start. */
__attribute__((constructor)) static void arm_at_start(void)
{
    torn_write_arm();
}

void torn_write_arm(void)
{
    const char *at = getenv("TORN_WRITE_AT");

    die_at = at ? strtoul(at, NULL, 10) : 0;
    before = getenv("TORN_WRITE_BEFORE") != NULL;
    calls = 0;
}

unsigned long torn_write_calls(void)
{
    return calls;
}

int ftruncate(int fd, off_t length)
{
    long rc;

    calls++;
    if (before && calls == die_at)
        (void)kill(getpid(), SIGKILL);
    rc = syscall(SYS_ftruncate, fd, length);
    if (die_at != 0 && calls == die_at)
        (void)kill(getpid(), SIGKILL);
    return (int)rc;
}
