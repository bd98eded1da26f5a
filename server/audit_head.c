#include "core/log.h"
#include "server/audit_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "00000000000000000007 HEX\n": always as long, so that it is written over in place. */
enum { SEQ_DIGITS = 20, HEAD_LEN = SEQ_DIGITS + 1 + KH_AUDIT_HASH };

static void parse(const char *text, struct kh_audit_link *head)
{
    const char *hash = text + SEQ_DIGITS + 1;

    if (strspn(text, "0123456789") != SEQ_DIGITS || text[SEQ_DIGITS] != ' ' ||
        strspn(hash, "0123456789abcdef") != KH_AUDIT_HASH - 1 ||
        hash[KH_AUDIT_HASH - 1] != '\n')
        return;
    head->seq = strtoull(text, NULL, 10);
    memcpy(head->hash, hash, KH_AUDIT_HASH - 1);
    head->hash[KH_AUDIT_HASH - 1] = '\0';
}

kh_status kh_audit_head_open(
    struct kh_audit *audit, struct kh_audit_link *head, struct kh_error *err)
{
    char text[HEAD_LEN + 1] = "";
    char *path = NULL;
    kh_status st = KH_OK;
    struct stat sb;

    if (asprintf(&path, "%s.head", audit->path) < 0)
        return kh_fail(err, KH_FATAL, "no memory for the audit log");
    audit->head_fd = open(
        path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0640);
    if (audit->head_fd < 0 || fstat(audit->head_fd, &sb) != 0)
        st = kh_fail(
            err, KH_UNAVAILABLE, "%s: cannot be opened: %s", path, strerror(errno));
    else if (!S_ISREG(sb.st_mode))
        st = kh_fail(err, KH_INVALID, "%s: must be a regular file", path);
    else if (pread(audit->head_fd, text, HEAD_LEN, 0) == HEAD_LEN)
        parse(text, head);
    free(path);
    return st;
}

void kh_audit_head_note(const struct kh_audit *audit)
{
    char text[HEAD_LEN + 1];

    (void)snprintf(text, sizeof text, "%0*" PRIu64 " %s\n", SEQ_DIGITS, audit->link.seq,
        audit->link.hash);
    if (pwrite(audit->head_fd, text, HEAD_LEN, 0) != HEAD_LEN)
        kh_log(KH_LOG_WARNING, "%s.head: cannot be written: %s", audit->path,
            strerror(errno));
}
