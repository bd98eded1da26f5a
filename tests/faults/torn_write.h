/* See torn_write.c. */
#ifndef KH_TEST_TORN_WRITE_H
#define KH_TEST_TORN_WRITE_H

#include <sys/types.h>

/* Counts from here on, and dies at call number $TORN_WRITE_AT (0 or unset: never). */
void torn_write_arm(void);
/* Calls of ftruncate since then. */
unsigned long torn_write_calls(void);
__attribute__((visibility("default"))) int ftruncate(int fd, off_t length);

#endif
