#include "core/backup/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 65536 };

/* An EVP_MD_CTX by another name, so that no header here needs libcrypto's. */
static EVP_MD_CTX *context(struct kh_digest *digest)
{
    return (EVP_MD_CTX *)digest;
}

struct kh_digest *kh_digest_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (ctx && EVP_DigestInit_ex2(ctx, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        ctx = NULL;
    }
    return (struct kh_digest *)ctx;
}

bool kh_digest_add(struct kh_digest *digest, const void *data, size_t len)
{
    return digest && (len == 0 || EVP_DigestUpdate(context(digest), data, len) == 1);
}

bool kh_digest_end(struct kh_digest *digest, char out[65])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool ok = digest && EVP_DigestFinal_ex(context(digest), bytes, &len) == 1;

    out[0] = '\0';
    for (unsigned i = 0; ok && i < len && i < 32; i++)
        (void)snprintf(out + 2 * (size_t)i, 3, "%02x", bytes[i]);
    EVP_MD_CTX_free(context(digest));
    return ok;
}

kh_status kh_digest_file(const char *path, char out[65], struct kh_error *err)
{
    static _Thread_local unsigned char chunk[CHUNK];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct kh_digest *digest = kh_digest_new();
    struct stat sb;
    ssize_t n = -1;
    bool ok = digest != NULL;
    bool regular = false;
    int cause;

    if (fd >= 0 && fstat(fd, &sb) == 0) {
        regular = S_ISREG(sb.st_mode);
        while (regular && ok && (n = read(fd, chunk, sizeof chunk)) > 0)
            ok = kh_digest_add(digest, chunk, (size_t)n);
    }
    cause = errno;
    if (!kh_digest_end(digest, out))
        ok = false;
    if (fd >= 0)
        (void)close(fd);
    if (fd >= 0 && !regular)
        return kh_fail(err, KH_INVALID, "%s: not a regular file", path);
    if (n < 0)
        return kh_fail(err, fd < 0 && cause == ENOENT ? KH_NOT_FOUND : KH_UNAVAILABLE,
            "%s: %s", path, strerror(cause));
    return ok ? KH_OK : kh_fail(err, KH_FATAL, "SHA-256 failed");
}
