/* Hadoop's Writables: numbers of variable length, texts. For server/kms/token.c only. */
#ifndef KH_SERVER_KMS_WRITABLE_H
#define KH_SERVER_KMS_WRITABLE_H

#include <keyhsm/types.h>

/* Bytes being read; BAD once something did not fit, and then everything is 0 or "". */
struct kms_reader {
    const unsigned char *at;
    const unsigned char *end;
    bool bad;
};

/* Bytes being written; they must fit: FULL says that they did not. */
struct kms_writer {
    unsigned char *at;
    unsigned char *end;
    bool full;
};

void kms_write_bytes(struct kms_writer *writer, const void *bytes, size_t len);
void kms_write_byte(struct kms_writer *writer, unsigned char byte);
/* -112..127 in one byte; else one that tells sign and length, and the number, big end
 * first. */
void kms_write_number(struct kms_writer *writer, int64_t number);
/* Length and bytes. */
void kms_write_text(struct kms_writer *writer, const char *text);

unsigned char kms_read_byte(struct kms_reader *reader);
/* Only the shortest form is taken. */
int64_t kms_read_number(struct kms_reader *reader);
/* A number that fits into an int32_t. */
int32_t kms_read_int(struct kms_reader *reader);
/* A length and as many bytes, at most MAX; they stay where they are. */
const unsigned char *kms_read_bytes(struct kms_reader *reader, size_t max, size_t *len);
/* A text of less than SIZE bytes, UTF-8, without a NUL. */
void kms_read_text(struct kms_reader *reader, char *out, size_t size);

#endif
