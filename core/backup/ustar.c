#include "core/backup/ustar.h"

#include <string.h>

/* Offsets and lengths of IEEE 1003.1, pax, "ustar Interchange Format". */
enum {
    MODE_AT = 100,
    UID_AT = 108,
    GID_AT = 116,
    SIZE_AT = 124,
    MTIME_AT = 136,
    CHECKSUM_AT = 148,
    TYPE_AT = 156,
    MAGIC_AT = 257
};

static unsigned checksum(const unsigned char block[KH_USTAR_BLOCK])
{
    unsigned sum = 0;

    for (size_t i = 0; i < KH_USTAR_BLOCK; i++)
        sum += i >= CHECKSUM_AT && i < TYPE_AT ? ' ' : block[i];
    return sum;
}

bool kh_ustar_header(unsigned char block[KH_USTAR_BLOCK], const char *name, uint64_t size)
{
    size_t len = strlen(name);
    char text[16];

    if (len < 1 || len >= KH_USTAR_NAME_MAX || size > KH_USTAR_SIZE_MAX)
        return false;
    memset(block, 0, KH_USTAR_BLOCK);
    memcpy(block, name, len + 1);
    memcpy(block + MODE_AT, "0000600", 8);
    memcpy(block + UID_AT, "0000000", 8);
    memcpy(block + GID_AT, "0000000", 8);
    (void)snprintf(text, sizeof text, "%011llo", (unsigned long long)size);
    memcpy(block + SIZE_AT, text, 12);
    memcpy(block + MTIME_AT, "00000000000", 12);
    block[TYPE_AT] = '0';
    memcpy(block + MAGIC_AT, "ustar", 6);
    block[MAGIC_AT + 6] = '0'; /* the version: 00, with no NUL behind it */
    block[MAGIC_AT + 7] = '0';
    (void)snprintf(text, sizeof text, "%06o", checksum(block));
    memcpy(block + CHECKSUM_AT, text, 7);
    block[CHECKSUM_AT + 7] = ' ';
    return true;
}

bool kh_ustar_parse(const unsigned char block[KH_USTAR_BLOCK],
    char name[KH_USTAR_NAME_MAX], uint64_t *size)
{
    unsigned char again[KH_USTAR_BLOCK];
    uint64_t value = 0;

    for (size_t i = SIZE_AT; i < SIZE_AT + 11; i++) {
        if (block[i] < '0' || block[i] > '7')
            return false;
        value = value * 8 + (block[i] - '0');
    }
    if (!memchr(block, '\0', KH_USTAR_NAME_MAX))
        return false;
    memcpy(name, block, KH_USTAR_NAME_MAX);
    *size = value;
    return kh_ustar_header(again, name, value) &&
           memcmp(again, block, KH_USTAR_BLOCK) == 0;
}

size_t kh_ustar_padding(uint64_t size)
{
    return (size_t)((KH_USTAR_BLOCK - size % KH_USTAR_BLOCK) % KH_USTAR_BLOCK);
}

bool kh_ustar_zero(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}
