/*
 * The archive format of a backup: POSIX ustar (IEEE 1003.1), of which it uses one way to
 * write each thing. So any tar reads it, and a reader here can insist on every byte:
 * a header is right when it is the one that would be written for its name and size.
 */
#ifndef KH_BACKUP_USTAR_H
#define KH_BACKUP_USTAR_H

#include <keyhsm/types.h>

#define KH_USTAR_BLOCK 512U
#define KH_USTAR_NAME_MAX 100            /* with the NUL */
#define KH_USTAR_SIZE_MAX 0x1ffffffffULL /* eleven octal digits */

/* The header of regular file NAME (1 to 99 bytes) with SIZE bytes. False: they do not
 * fit. Thread safe, as all here. */
bool kh_ustar_header(
    unsigned char block[KH_USTAR_BLOCK], const char *name, uint64_t size);

/* Takes a header apart. False when it is not exactly one that kh_ustar_header writes. */
bool kh_ustar_parse(const unsigned char block[KH_USTAR_BLOCK],
    char name[KH_USTAR_NAME_MAX], uint64_t *size);

/* Zero bytes that follow SIZE bytes of a file, up to the next block. */
size_t kh_ustar_padding(uint64_t size);

/* True when all LEN bytes are zero. */
bool kh_ustar_zero(const unsigned char *bytes, size_t len);

#endif
