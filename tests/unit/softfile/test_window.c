#include "plugins/softfile/window.h"

#include "tests/lib/testlib.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A small window, and names for two and a half of it. */
enum { SMALL = 64, MANY = 160 };

static int directory(void)
{
    int fd = open(kh_test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    return fd;
}

static void make(int fd, const char *name)
{
    CU_ASSERT_EQUAL_FATAL(mkdirat(fd, name, 0700), 0);
}

/* Names in an order of their own, each once. */
static void make_many(int fd)
{
    for (unsigned i = 0; i < MANY; i++) {
        char name[32];

        snprintf(name, sizeof name, "n%05u", i * 79 % MANY);
        make(fd, name);
    }
}

/* As if nothing had changed for an hour: then the window may be kept. */
static void age(int fd)
{
    const struct timespec times[2] = {{0, UTIME_OMIT}, {time(NULL) - 3600, 0}};

    CU_ASSERT_EQUAL_FATAL(futimens(fd, times), 0);
}

static void begin(struct kh_soft_window *w, int fd)
{
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_soft_window_begin(w, fd, &err), err);
}

static kh_status next(
    struct kh_soft_window *w, int fd, struct kh_soft_entry *at, bool started)
{
    struct kh_error err = {0};

    return kh_soft_window_next(w, fd, started ? at : NULL, at, &err);
}

static void more_names_than_a_window_come_in_order_each_once(void)
{
    struct kh_soft_window w = {.capacity = SMALL};
    struct kh_soft_entry at = {0};
    unsigned count = 0;
    int fd = directory();

    make_many(fd);
    begin(&w, fd);
    while (next(&w, fd, &at, count > 0) == KH_OK) {
        char name[32];

        snprintf(name, sizeof name, "n%05u", count);
        CU_ASSERT_STRING_EQUAL(at.name, name);
        CU_ASSERT_FALSE(at.foreign);
        count++;
    }
    CU_ASSERT_EQUAL(count, MANY);
    CU_ASSERT_TRUE(w.count <= SMALL);
    kh_soft_window_free(&w);
    (void)close(fd);
}

static void a_window_is_kept_while_its_directory_rests(void)
{
    struct kh_soft_window w = {.capacity = SMALL};
    struct kh_soft_entry at = {0};
    int fd = directory();

    make(fd, "a");
    make(fd, "b");
    age(fd);
    begin(&w, fd);
    CU_ASSERT_EQUAL(next(&w, fd, &at, false), KH_OK);
    begin(&w, fd);
    CU_ASSERT_TRUE(w.valid);
    CU_ASSERT_EQUAL(next(&w, fd, &at, true), KH_OK);
    CU_ASSERT_STRING_EQUAL(at.name, "b");
    kh_soft_window_free(&w);
    (void)close(fd);
}

static void a_window_is_dropped_when_its_directory_changes(void)
{
    struct kh_soft_window w = {.capacity = SMALL};
    struct kh_soft_entry at = {0};
    int fd = directory();

    make(fd, "a");
    age(fd);
    begin(&w, fd);
    CU_ASSERT_EQUAL(next(&w, fd, &at, false), KH_OK);
    make(fd, "b");
    begin(&w, fd);
    CU_ASSERT_EQUAL(next(&w, fd, &at, true), KH_OK);
    CU_ASSERT_STRING_EQUAL(at.name, "b");
    kh_soft_window_free(&w);
    (void)close(fd);
}

/* Two changes within one tick of the clock have one mtime. */
static void a_window_of_a_directory_that_just_changed_is_not_kept(void)
{
    struct kh_soft_window w = {.capacity = SMALL};
    struct kh_soft_entry at = {0};
    struct stat st;
    int fd = directory();

    make(fd, "a");
    begin(&w, fd);
    CU_ASSERT_EQUAL(next(&w, fd, &at, false), KH_OK);
    CU_ASSERT_EQUAL_FATAL(fstat(fd, &st), 0);
    make(fd, "b");
    CU_ASSERT_EQUAL_FATAL(
        futimens(fd, (const struct timespec[2]){{0, UTIME_OMIT}, st.st_mtim}), 0);
    begin(&w, fd);
    CU_ASSERT_EQUAL(next(&w, fd, &at, true), KH_OK);
    CU_ASSERT_STRING_EQUAL(at.name, "b");
    kh_soft_window_free(&w);
    (void)close(fd);
}

static void foreign_names_come_after_the_deposit_they_look_like(void)
{
    static const struct kh_soft_entry expected[] = {
        {".foreign", true}, {"a%2fb", false}, {"a%2fb", true}, {"a/b", false}};
    struct kh_soft_window w = {.capacity = SMALL};
    struct kh_soft_entry at = {0};
    int fd = directory();

    make(fd, "a%2fb");   /* not canonical */
    make(fd, "a%252fb"); /* the deposit of that very name */
    make(fd, "a%2Fb");
    make(fd, ".foreign");
    make(fd, ".tmp-abcdef"); /* debris */
    begin(&w, fd);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        CU_ASSERT_EQUAL(next(&w, fd, &at, i > 0), KH_OK);
        CU_ASSERT_STRING_EQUAL(at.name, expected[i].name);
        CU_ASSERT_EQUAL(at.foreign, expected[i].foreign);
    }
    CU_ASSERT_EQUAL(next(&w, fd, &at, true), KH_NOT_FOUND);
    kh_soft_window_free(&w);
    (void)close(fd);
}

static void a_place_before_the_window_is_found_again(void)
{
    struct kh_soft_window w = {.capacity = SMALL};
    struct kh_soft_entry at = {.name = "n00130"};
    int fd = directory();

    make_many(fd);
    age(fd);
    begin(&w, fd);
    CU_ASSERT_EQUAL(next(&w, fd, &at, true), KH_OK);
    CU_ASSERT_STRING_EQUAL(at.name, "n00131");
    CU_ASSERT_EQUAL(next(&w, fd, &at, false), KH_OK);
    CU_ASSERT_STRING_EQUAL(at.name, "n00000");
    kh_soft_window_free(&w);
    (void)close(fd);
}

static void a_closed_directory_is_unavailable(void)
{
    struct kh_soft_window w = {.capacity = SMALL};
    struct kh_error err = {0};

    KH_ASSERT_FAILS(kh_soft_window_begin(&w, -1, &err), KH_UNAVAILABLE, err, "deposits");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"more_names_than_a_window_come_in_order_each_once",
            more_names_than_a_window_come_in_order_each_once},
        {"a_window_is_kept_while_its_directory_rests",
            a_window_is_kept_while_its_directory_rests},
        {"a_window_is_dropped_when_its_directory_changes",
            a_window_is_dropped_when_its_directory_changes},
        {"a_window_of_a_directory_that_just_changed_is_not_kept",
            a_window_of_a_directory_that_just_changed_is_not_kept},
        {"foreign_names_come_after_the_deposit_they_look_like",
            foreign_names_come_after_the_deposit_they_look_like},
        {"a_place_before_the_window_is_found_again",
            a_place_before_the_window_is_found_again},
        {"a_closed_directory_is_unavailable", a_closed_directory_is_unavailable},
    };

    return kh_test_main("softfile window", tests, sizeof tests / sizeof tests[0]);
}
