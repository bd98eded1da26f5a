#include "core/guise.h"

#include "core/fileio.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ALICE = 61234, BOB = 61235 }; /* nobody has these */

static struct kh_error err;

/* ---- places ---- */

static char *place(const char *name, uid_t owner)
{
    char *path = kh_test_path(kh_test_dir(), "%s", name);

    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL_FATAL(chown(path, owner, owner), 0);
    return path;
}

static uid_t owner_of(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 ? st.st_uid : (uid_t)-1;
}

static bool make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    return fd >= 0 && close(fd) == 0;
}

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);

    return fd >= 0 && close(fd) == 0;
}

/* Every right of root is there: a file of somebody else that nobody may touch is
 * written. */
static bool is_root_again(const char *dir)
{
    char *path = kh_test_path(dir, "locked");
    bool ok = kh_guise_user() == geteuid();

    if (access(path, F_OK) != 0)
        ok = ok && make_file(path) && chown(path, BOB, BOB) == 0 && chmod(path, 0) == 0;
    ok = ok && opens(path, O_RDWR);
    free(path);
    return ok;
}

static bool am_root(void)
{
    return geteuid() == 0;
}

/* ---- whose ---- */

static void nobody_but_root_has_a_guise(void)
{
    struct kh_guise guise = {.uid = 7};
    int status = -1;
    pid_t pid;

    if (!am_root()) {
        kh_guise_of(&guise, "/");
        CU_ASSERT_EQUAL(guise.uid, 0);
        return;
    }
    pid = fork();
    if (pid == 0) {
        bool ok = setresuid(ALICE, ALICE, ALICE) == 0;

        kh_guise_of(&guise, "/proc/self");
        ok = ok && guise.uid == 0;
        guise = (struct kh_guise){.uid = BOB, .gid = BOB};
        kh_guise_push(&guise); /* and it does nothing */
        ok = ok && kh_guise_user() == ALICE;
        kh_guise_pop();
        _exit(ok ? 0 : 1);
    }
    CU_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
    CU_ASSERT_EQUAL(status, 0);
}

static void the_owner_of_the_place_is_found(void)
{
    char *dir = place("of-alice", ALICE);
    char *below = kh_test_path(dir, "not/there/yet");
    struct kh_guise guise;

    kh_guise_of(&guise, dir);
    CU_ASSERT_EQUAL(guise.uid, ALICE);
    CU_ASSERT_EQUAL(guise.gid, ALICE);
    CU_ASSERT_EQUAL(guise.group_count, 1);
    CU_ASSERT_EQUAL(guise.groups[0], ALICE);
    kh_guise_of(&guise, below);
    CU_ASSERT_EQUAL(guise.uid, ALICE);
    free(below);
    free(dir);
}

static void a_place_of_root_or_none_gives_none(void)
{
    static const char *const none[] = {NULL, "", "relative/path", "/", "/no/such/place"};
    char *dir = place("of-root", 0);
    struct kh_guise guise;

    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        guise.uid = ALICE;
        kh_guise_of(&guise, none[i]);
        CU_ASSERT_EQUAL(guise.uid, 0);
    }
    kh_guise_of(&guise, dir);
    CU_ASSERT_EQUAL(guise.uid, 0);
    kh_guise_push(&guise);
    CU_ASSERT(is_root_again(dir));
    kh_guise_pop();
    free(dir);
}

/* The groups of a user who has a name come with him. */
static void a_named_owner_has_his_groups(void)
{
    char *dir = place("of-nobody", 65534);
    struct kh_guise guise;

    kh_guise_of(&guise, dir);
    CU_ASSERT_EQUAL(guise.uid, 65534);
    CU_ASSERT(guise.group_count >= 1);
    free(dir);
}

/* ---- under it ---- */

static void what_is_made_belongs_to_the_owner(void)
{
    char *dir = place("made", ALICE);
    char *file = kh_test_path(dir, "file");
    char *below = kh_test_path(dir, "below/it");
    char *lock_path = kh_test_path(dir, "lock");
    struct kh_guise guise;
    int lock = -1;

    kh_guise_of(&guise, dir);
    kh_guise_push(&guise);
    CU_ASSERT_EQUAL(kh_guise_user(), ALICE);
    KH_ASSERT_OK(kh_file_write(file, "x", 1, 0600, true, &err), err);
    KH_ASSERT_OK(kh_dir_make(below, 0700, &err), err);
    KH_ASSERT_OK(kh_lock(lock_path, "the test", &lock, &err), err);
    kh_guise_pop();
    kh_unlock(lock);
    CU_ASSERT_EQUAL(owner_of(file), ALICE);
    CU_ASSERT_EQUAL(owner_of(below), ALICE);
    CU_ASSERT_EQUAL(owner_of(lock_path), ALICE);
    CU_ASSERT(is_root_again(dir));
    free(lock_path);
    free(below);
    free(file);
    free(dir);
}

static void root_files_are_read_and_not_written(void)
{
    char *dir = place("link", ALICE);
    char *secret = kh_test_path(kh_test_dir(), "of-root-alone");
    char *link = kh_test_path(dir, "trap");
    struct kh_guise guise;

    kh_test_write(secret, "pin", 3, 0600);
    CU_ASSERT_EQUAL_FATAL(symlink(secret, link), 0);
    kh_guise_of(&guise, dir);
    kh_guise_push(&guise);
    CU_ASSERT(opens(secret, O_RDONLY));
    CU_ASSERT(!opens(secret, O_WRONLY));
    CU_ASSERT_EQUAL(errno, EACCES);
    /* A link that the owner laid. */
    CU_ASSERT(!opens(link, O_WRONLY | O_TRUNC));
    CU_ASSERT_EQUAL(errno, EACCES);
    kh_guise_pop();
    free(link);
    free(secret);
    free(dir);
}

static void guises_lie_over_each_other(void)
{
    char *dir = place("nested", ALICE);
    char *other = place("nested-other", BOB);
    const struct kh_guise none = {.uid = 0};
    struct kh_guise alice;
    struct kh_guise bob;
    gid_t groups[KH_GUISE_GROUPS];

    kh_guise_of(&alice, dir);
    kh_guise_of(&bob, other);
    kh_guise_push(&alice);
    kh_guise_push(&bob);
    CU_ASSERT_EQUAL(kh_guise_user(), BOB);
    CU_ASSERT_EQUAL(getgroups(KH_GUISE_GROUPS, groups), 1);
    CU_ASSERT_EQUAL(groups[0], BOB);
    kh_guise_push(NULL);
    CU_ASSERT(is_root_again(dir));
    kh_guise_push(&alice);
    kh_guise_push(&none); /* of a place of root: the caller's stays */
    CU_ASSERT_EQUAL(kh_guise_user(), ALICE);
    kh_guise_pop();
    kh_guise_push(&alice); /* the same again */
    CU_ASSERT_EQUAL(kh_guise_user(), ALICE);
    kh_guise_pop();
    kh_guise_pop();
    CU_ASSERT(is_root_again(dir));
    kh_guise_pop();
    CU_ASSERT_EQUAL(kh_guise_user(), BOB);
    kh_guise_pop();
    CU_ASSERT_EQUAL(kh_guise_user(), ALICE);
    CU_ASSERT_EQUAL(getgroups(KH_GUISE_GROUPS, groups), 1);
    CU_ASSERT_EQUAL(groups[0], ALICE);
    kh_guise_pop();
    CU_ASSERT(is_root_again(dir));
    free(other);
    free(dir);
}

static void the_groups_of_root_come_back(void)
{
    char *dir = place("groups", ALICE);
    gid_t before[KH_GUISE_GROUPS];
    gid_t after[KH_GUISE_GROUPS];
    int count = getgroups(KH_GUISE_GROUPS, before);
    struct kh_guise guise;

    kh_guise_of(&guise, dir);
    kh_guise_push(&guise);
    kh_guise_pop();
    CU_ASSERT_EQUAL(getgroups(KH_GUISE_GROUPS, after), count);
    if (count > 0)
        CU_ASSERT_EQUAL(memcmp(before, after, (size_t)count * sizeof before[0]), 0);
    free(dir);
}

/* ---- threads ---- */

static void *look_at_myself(void *arg)
{
    *(uid_t *)arg = kh_guise_user();
    return NULL;
}

struct gate {
    pthread_barrier_t barrier;
    uid_t user;
};

static void *wait_and_look(void *arg)
{
    struct gate *gate = arg;

    (void)pthread_barrier_wait(&gate->barrier); /* the other has it on */
    gate->user = kh_guise_user();
    (void)pthread_barrier_wait(&gate->barrier);
    return NULL;
}

static void it_is_of_one_thread_and_those_it_starts(void)
{
    char *dir = place("threads", ALICE);
    struct gate gate = {.user = ALICE};
    struct kh_guise guise;
    uid_t child = 0;
    pthread_t before;
    pthread_t under;

    (void)pthread_barrier_init(&gate.barrier, NULL, 2);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&before, NULL, wait_and_look, &gate), 0);
    kh_guise_of(&guise, dir);
    kh_guise_push(&guise);
    (void)pthread_barrier_wait(&gate.barrier);
    (void)pthread_barrier_wait(&gate.barrier);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&under, NULL, look_at_myself, &child), 0);
    (void)pthread_join(under, NULL);
    (void)pthread_join(before, NULL);
    kh_guise_pop();
    CU_ASSERT_EQUAL(gate.user, 0);
    CU_ASSERT_EQUAL(child, ALICE);
    (void)pthread_barrier_destroy(&gate.barrier);
    free(dir);
}

int main(void)
{
    static const struct kh_test for_all[] = {
        {"nobody_but_root_has_a_guise", nobody_but_root_has_a_guise},
    };
    static const struct kh_test for_root[] = {
        {"nobody_but_root_has_a_guise", nobody_but_root_has_a_guise},
        {"the_owner_of_the_place_is_found", the_owner_of_the_place_is_found},
        {"a_place_of_root_or_none_gives_none", a_place_of_root_or_none_gives_none},
        {"a_named_owner_has_his_groups", a_named_owner_has_his_groups},
        {"what_is_made_belongs_to_the_owner", what_is_made_belongs_to_the_owner},
        {"root_files_are_read_and_not_written", root_files_are_read_and_not_written},
        {"guises_lie_over_each_other", guises_lie_over_each_other},
        {"the_groups_of_root_come_back", the_groups_of_root_come_back},
        {"it_is_of_one_thread_and_those_it_starts",
            it_is_of_one_thread_and_those_it_starts},
    };

    return am_root() ? kh_test_main(
                           "core/guise", for_root, sizeof for_root / sizeof for_root[0])
                     : kh_test_main("core/guise", for_all, 1);
}
