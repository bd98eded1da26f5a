/* What a test is, and the short checks it is written with, on CUnit. */
#ifndef KH_CONFORMANCE_EXPECT_H
#define KH_CONFORMANCE_EXPECT_H

#include <CUnit/CUnit.h>
#include <keyhsm/types.h>

#include <string.h>

struct kh_test {
    const char *name;
    void (*run)(void);
};

/* CU_ASSERT that EXPR is KH_OK, printing the error's text when it is not. */
#define KH_ASSERT_OK(expr, err)                                                          \
    do {                                                                                 \
        kh_status kh_st_ = (expr);                                                       \
        if (kh_st_ != KH_OK)                                                             \
            fprintf(stderr, "    %s:%d: status %d: %s\n", __FILE__, __LINE__,            \
                (int)kh_st_, (err).message);                                             \
        CU_ASSERT_EQUAL(kh_st_, KH_OK);                                                  \
    } while (0)
#define KH_ASSERT_OK_FATAL(expr, err)                                                    \
    do {                                                                                 \
        kh_status kh_st_ = (expr);                                                       \
        if (kh_st_ != KH_OK)                                                             \
            fprintf(stderr, "    %s:%d: status %d: %s\n", __FILE__, __LINE__,            \
                (int)kh_st_, (err).message);                                             \
        CU_ASSERT_EQUAL_FATAL(kh_st_, KH_OK);                                            \
    } while (0)
/* CU_ASSERT that EXPR gives STATUS and that the error's text contains WORD. */
#define KH_ASSERT_FAILS(expr, want, err, word)                                           \
    do {                                                                                 \
        kh_status kh_st_ = (expr);                                                       \
        if (kh_st_ != (want) || !strstr((err).message, (word)))                          \
            fprintf(stderr, "    %s:%d: status %d (wanted %d), text: %s\n", __FILE__,    \
                __LINE__, (int)kh_st_, (int)(want), (err).message);                      \
        CU_ASSERT_EQUAL(kh_st_, (want));                                                 \
        CU_ASSERT_PTR_NOT_NULL(strstr((err).message, (word)));                           \
    } while (0)

#endif
