#include "server/kms/writable.h"

#include "core/deposit.h"

#include <string.h>

/* Of the first byte: how many bytes follow is what it is below these. */
enum { ONE_MIN = -112, ONE_MAX = 127, POSITIVE = -112, NEGATIVE = -120 };

void kms_write_bytes(struct kms_writer *writer, const void *bytes, size_t len)
{
    if (writer->full || (size_t)(writer->end - writer->at) < len) {
        writer->full = true;
        return;
    }
    if (len > 0)
        memcpy(writer->at, bytes, len);
    writer->at += len;
}

void kms_write_byte(struct kms_writer *writer, unsigned char byte)
{
    kms_write_bytes(writer, &byte, 1);
}

static unsigned bytes_of(uint64_t value)
{
    unsigned count = 0;

    for (; value > 0; value >>= 8)
        count++;
    return count;
}

void kms_write_number(struct kms_writer *writer, int64_t number)
{
    bool negative = number < 0;
    uint64_t value = negative ? ~(uint64_t)number : (uint64_t)number;
    unsigned count = bytes_of(value);

    if (number >= ONE_MIN && number <= ONE_MAX) {
        kms_write_byte(writer, (unsigned char)number);
        return;
    }
    /* A negative number as -113 has ~number = 112, which is one byte. */
    kms_write_byte(
        writer, (unsigned char)((negative ? NEGATIVE : POSITIVE) - (int)count));
    while (count-- > 0)
        kms_write_byte(writer, (unsigned char)(value >> 8 * count));
}

void kms_write_text(struct kms_writer *writer, const char *text)
{
    kms_write_number(writer, (int64_t)strlen(text));
    kms_write_bytes(writer, text, strlen(text));
}

unsigned char kms_read_byte(struct kms_reader *reader)
{
    if (reader->bad || reader->at == reader->end) {
        reader->bad = true;
        return 0;
    }
    return *reader->at++;
}

int64_t kms_read_number(struct kms_reader *reader)
{
    int byte = kms_read_byte(reader);
    int first = byte <= ONE_MAX ? byte : byte - 256; /* two's complement */
    bool negative = first < NEGATIVE;
    unsigned count;
    uint64_t value = 0;
    int64_t number;

    if (first >= ONE_MIN)
        return first;
    count = (unsigned)((negative ? NEGATIVE : POSITIVE) - first);
    for (unsigned i = 0; i < count; i++)
        value = value << 8 | kms_read_byte(reader);
    if (value > INT64_MAX)
        reader->bad = true;
    number = negative ? (int64_t)~value : (int64_t)value;
    if (bytes_of(value) != count || (number >= ONE_MIN && number <= ONE_MAX))
        reader->bad = true;
    return reader->bad ? 0 : number;
}

int32_t kms_read_int(struct kms_reader *reader)
{
    int64_t number = kms_read_number(reader);

    if (number < INT32_MIN || number > INT32_MAX)
        reader->bad = true;
    return reader->bad ? 0 : (int32_t)number;
}

const unsigned char *kms_read_bytes(struct kms_reader *reader, size_t max, size_t *len)
{
    int64_t number = kms_read_number(reader);
    const unsigned char *bytes = reader->at;

    *len = 0;
    if (reader->bad || number < 0 || (uint64_t)number > max ||
        number > reader->end - reader->at) {
        reader->bad = true;
        return bytes;
    }
    *len = (size_t)number;
    reader->at += number;
    return bytes;
}

void kms_read_text(struct kms_reader *reader, char *out, size_t size)
{
    size_t len;
    const unsigned char *bytes = kms_read_bytes(reader, size - 1, &len);

    out[0] = '\0';
    if (reader->bad || memchr(bytes, '\0', len) ||
        !kh_utf8_valid((const char *)bytes, len)) {
        reader->bad = true;
        return;
    }
    memcpy(out, bytes, len);
    out[len] = '\0';
}
