/*
 * Random kills of real migrations: kill_campaign [ROUNDS [SEED]]. Each round makes a
 * store and a token, kills the migration one to three times, now at a random step, now at
 * a random moment, then lets it end, and compares everything. 200 rounds take two minutes
 * on two idle cores, and up to forty on busy ones. The seed is printed; the same seed
 * kills at the same steps (moments differ). The places of a round that went wrong are
 * kept.
 */
#include "tests/faults/migrate/real_lab.h"

#include "core/secmem.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEPOSITS = 12, ROUNDS = 15 };

static unsigned die_after; /* steps; 0: the parent kills */
static atomic_uint steps;

static void count_down(void *arg, kh_migration_step step, bool after)
{
    (void)arg;
    (void)step;
    (void)after;
    if (atomic_fetch_add(&steps, 1) + 1 == die_after)
        (void)kill(getpid(), SIGKILL);
}

static int migrate_and_die(struct real_lab *lab)
{
    atomic_store(&steps, 0);
    lab->options.step = count_down;
    return real_migrate(lab);
}

static uint64_t microseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* How long a run takes that nobody kills, so that moments fall inside one. */
static uint64_t measure(void)
{
    struct real_lab lab;
    uint64_t began;

    real_make(&lab, "deposit", DEPOSITS);
    began = microseconds();
    if (real_child(&lab, real_migrate) != 0)
        abort();
    began = microseconds() - began;
    real_free(&lab);
    return began;
}

/* Counts the child that was killed (one may be faster); false when it failed by itself.
 */
static bool kill_once(struct real_lab *lab, uint64_t duration, unsigned *kills)
{
    int status = 0;
    pid_t child;

    die_after = random() % 2 ? (unsigned)(random() % 200) + 1 : 0;
    child = real_start(lab, migrate_and_die);
    if (die_after == 0) {
        (void)usleep((useconds_t)((uint64_t)random() % (duration + 1)));
        (void)kill(child, SIGKILL);
    }
    if (waitpid(child, &status, 0) != child)
        abort();
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
        fprintf(stderr, "a run ended with status %d\n", WEXITSTATUS(status));
        return false;
    }
    *kills += WIFSIGNALED(status);
    return true;
}

static bool round_is_fine(unsigned number, uint64_t duration, unsigned *kills)
{
    unsigned times = (unsigned)(random() % 3) + 1;
    struct real_lab lab;
    bool fine = true;

    real_make(&lab, number % 4 == 3 ? "epoch" : "deposit", DEPOSITS);
    for (unsigned i = 0; i < times && fine; i++) {
        fine = kill_once(&lab, duration, kills) &&
               (real_sealed(&lab) || real_source_intact(&lab));
    }
    fine = fine && real_finish(&lab);
    printf("round %u: %u time(s), %s\n", number, times, fine ? "fine" : "NOT FINE");
    (void)fflush(stdout);
    if (!fine && kh_test_shell("cp -a '%s' '/tmp/campaign-%d-%u'", lab.root,
                     (int)getpid(), number) == 0)
        printf("    its places are kept in /tmp/campaign-%d-%u\n", (int)getpid(), number);
    real_free(&lab);
    return fine;
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : ROUNDS;
    unsigned seed =
        argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : (unsigned)time(NULL);
    struct kh_error err = {0};
    uint64_t duration;
    unsigned kills = 0;
    unsigned bad = 0;

    if (kh_secmem_init(0, KH_LOCK_PREFERRED, &err) != KH_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    srandom(seed);
    duration = measure();
    printf("seed %u, a run takes %llu ms\n", seed, (unsigned long long)duration / 1000);
    for (unsigned i = 1; i <= rounds; i++)
        bad += !round_is_fine(i, duration, &kills);
    printf("%u rounds, %u kills, %u bad\n", rounds, kills, bad);
    return rounds > 0 && kills > 0 && bad == 0 ? 0 : 1;
}
