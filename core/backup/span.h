/* A BIO that gives a span of a file, and then its end. */
#ifndef KH_BACKUP_SPAN_H
#define KH_BACKUP_SPAN_H

#include <openssl/bio.h>
#include <stdint.h>

/* LEN bytes of FD from offset AT on, read with pread(2); FD stays the caller's. NULL
 * without memory. It goes to BIO_free. Reading sets errno when the file cannot be read;
 * the end of the file before the span's is the span's end. */
BIO *kh_span_new(int fd, int64_t at, uint64_t len);

#endif
