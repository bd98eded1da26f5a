/* A line of the audit log: whatever a request says, what is written is read back; and
 * whatever a file holds, it is an entry or a fault. */
#include "server/audit_line.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* The bytes, and their second half, as the fields of an entry. */
static void write_and_read(const char *text, size_t size)
{
    static char line[KH_AUDIT_LINE_MAX];
    const char *middle = text + size / 2;
    const struct kh_audit_entry entry = {
        .id = text,
        .principal = middle,
        .certificate = text,
        .operation = middle,
        .deposit = text,
        .version = middle,
        .user = text,
        .real_user = middle,
        .status = (int)size,
    };
    struct kh_audit_link link = KH_AUDIT_ORIGIN;
    struct kh_audit_facts facts;
    size_t len = kh_audit_line_make(line, &entry, NULL, &link);

    if (len == 0 || len > sizeof line || memchr(line, '\n', len) != line + len - 1)
        abort();
    /* An operation of the log's own would need what only the log writes. */
    if (strcmp(middle, KH_AUDIT_RECOVER) != 0 &&
        kh_audit_line_fault(line, len - 1, &facts))
        abort();
    if (link.seq != 1)
        abort();
}

/* The bytes as what precedes a right hash: the parser behind it is reached, too. */
static void read_sealed(const char *text, size_t size)
{
    char line[4096 + 128];
    char hash[KH_AUDIT_HASH];
    struct kh_audit_facts facts;
    int len;

    if (!kh_audit_hash(text, size, hash) || size == 0)
        return;
    len = snprintf(line, sizeof line, "%.*s,\"hash\":\"%s\"}", (int)size - 1, text, hash);
    (void)kh_audit_line_fault(line, (size_t)len, &facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kh_audit_facts facts;
    char text[4097];

    (void)kh_audit_line_fault((const char *)data, size, &facts);
    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    write_and_read(text, size);
    read_sealed(text, size);
    return 0;
}
