#include "plugins/pkcs11/softdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_CONF "/etc/softhsm/softhsm2.conf"
#define DIGEST_TEXT 64

/* The value of "directories.tokendir = VALUE". */
static bool parse_line(const char *line, char *out, size_t size)
{
    static const char key[] = "directories.tokendir";
    size_t len;

    line += strspn(line, " \t");
    if (strncmp(line, key, sizeof key - 1) != 0)
        return false;
    line += sizeof key - 1;
    line += strspn(line, " \t");
    if (*line++ != '=')
        return false;
    line += strspn(line, " \t");
    len = strcspn(line, "\r\n");
    while (len > 0 &&
           (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '/'))
        len--;
    if (len == 0 || len >= size)
        return false;
    memcpy(out, line, len);
    out[len] = '\0';
    return true;
}

static bool read_conf(const char *path, char *out, size_t size)
{
    char line[PATH_MAX + 64];
    FILE *file = fopen(path, "re");
    bool found = false;

    if (!file)
        return false;
    while (!found && fgets(line, sizeof line, file))
        found = parse_line(line, out, size);
    (void)fclose(file);
    return found;
}

bool kh_softdir_tokens(char *out, size_t size)
{
    const char *conf = getenv("SOFTHSM2_CONF");
    const char *home = getenv("HOME");
    char path[PATH_MAX];

    if (conf)
        return read_conf(conf, out, size);
    if (home) {
        (void)snprintf(path, sizeof path, "%s/.config/softhsm2/softhsm2.conf", home);
        if (access(path, F_OK) == 0)
            return read_conf(path, out, size);
    }
    return read_conf(SYSTEM_CONF, out, size);
}

kh_status kh_softdir_each(const char *dir,
    kh_status (*fn)(void *arg, const char *name, struct kh_error *err), void *arg,
    struct kh_error *err)
{
    DIR *stream = opendir(dir);
    struct dirent *entry;
    kh_status st = KH_OK;

    if (!stream)
        return errno == ENOENT
                   ? KH_OK
                   : kh_fail(err, KH_UNAVAILABLE, "%s: %s", dir, strerror(errno));
    while (st == KH_OK && (entry = readdir(stream)))
        st = fn(arg, entry->d_name, err);
    (void)closedir(stream);
    return st;
}

kh_status kh_softdir_read(const char *path, unsigned char data[KH_TOKEN_FILE_MAX],
    size_t *len, struct kh_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = 1;

    *len = 0;
    if (fd < 0)
        return kh_fail(err, errno == ENOENT ? KH_NOT_FOUND : KH_UNAVAILABLE, "%s: %s",
            path, strerror(errno));
    while (got > 0 && *len < KH_TOKEN_FILE_MAX) {
        got = read(fd, data + *len, KH_TOKEN_FILE_MAX - *len);
        if (got > 0)
            *len += (size_t)got;
    }
    (void)close(fd);
    if (got < 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", path, strerror(errno));
    if (got > 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "%s: too large for a SoftHSM token file", path);
    return KH_OK;
}

static bool digest_text(const unsigned char *data, size_t len, char out[DIGEST_TEXT + 1])
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned md_len = 0;

    if (EVP_Digest(data, len, md, &md_len, EVP_sha256(), NULL) != 1 || md_len != 32)
        return false;
    for (unsigned i = 0; i < md_len; i++)
        (void)snprintf(out + 2 * (size_t)i, 3, "%02x", md[i]);
    return true;
}

/* The digest in the name of a copy of UUID; NULL for any other file. */
static const char *copy_digest(const char *name, const char *uuid)
{
    char prefix[96];
    size_t len = (size_t)snprintf(prefix, sizeof prefix, "softhsm-%s-", uuid);

    if (strncmp(name, prefix, len) != 0 || strlen(name) != len + DIGEST_TEXT + 7 ||
        strcmp(name + len + DIGEST_TEXT, ".object") != 0)
        return NULL;
    return name + len;
}

struct copies {
    const char *state_dir;
    const char *uuid;
    const char *keep;    /* remove: all but the one with this digest */
    unsigned char *data; /* find */
    size_t *len;
    bool found;
};

static kh_status find_copy(void *arg, const char *name, struct kh_error *err)
{
    struct copies *want = arg;
    const char *digest = copy_digest(name, want->uuid);
    char actual[DIGEST_TEXT + 1];
    char path[PATH_MAX];
    struct kh_error ignored = {0};

    (void)err;
    if (!digest || want->found)
        return KH_OK;
    (void)snprintf(path, sizeof path, "%s/%s", want->state_dir, name);
    /* A damaged copy is no copy; the next may be good. */
    if (kh_softdir_read(path, want->data, want->len, &ignored) != KH_OK ||
        *want->len == 0)
        return KH_OK;
    want->found = digest_text(want->data, *want->len, actual) &&
                  strncmp(actual, digest, DIGEST_TEXT) == 0;
    return KH_OK;
}

kh_status kh_softcopy_find(const char *state_dir, const char *uuid,
    unsigned char data[KH_TOKEN_FILE_MAX], size_t *len, struct kh_error *err)
{
    struct copies want = {.state_dir = state_dir, .uuid = uuid, .data = data, .len = len};
    kh_status st = kh_softdir_each(state_dir, find_copy, &want, err);

    if (st == KH_OK && !want.found)
        st = kh_fail(
            err, KH_NOT_FOUND, "%s: no good copy of SoftHSM token %s", state_dir, uuid);
    return st;
}

static kh_status remove_older(void *arg, const char *name, struct kh_error *err)
{
    const struct copies *want = arg;
    const char *digest = copy_digest(name, want->uuid);
    char path[PATH_MAX];

    (void)err;
    if (!digest || strncmp(digest, want->keep, DIGEST_TEXT) == 0)
        return KH_OK;
    (void)snprintf(path, sizeof path, "%s/%s", want->state_dir, name);
    (void)unlink(path);
    return KH_OK;
}

static bool is_kept(const struct copies *want, const unsigned char *data, size_t len)
{
    unsigned char kept[KH_TOKEN_FILE_MAX];
    size_t kept_len = 0;
    struct kh_error ignored = {0};

    return kh_softcopy_find(want->state_dir, want->uuid, kept, &kept_len, &ignored) ==
               KH_OK &&
           kept_len == len && memcmp(kept, data, len) == 0;
}

kh_status kh_softcopy_keep(const struct kh_host *host, const char *uuid,
    const unsigned char *data, size_t len, struct kh_error *err)
{
    const char *state_dir = host->option_string(host, "state_dir");
    char digest[DIGEST_TEXT + 1];
    char path[PATH_MAX];
    struct copies want = {.state_dir = state_dir, .uuid = uuid, .keep = digest};
    kh_status st = KH_OK;

    if (!digest_text(data, len, digest))
        return kh_fail(err, KH_FATAL, "libcrypto gave no SHA-256");
    if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
        return kh_fail(
            err, KH_UNAVAILABLE, "state_dir %s: %s", state_dir, strerror(errno));
    (void)snprintf(path, sizeof path, "%s/softhsm-%s-%s.object", state_dir, uuid, digest);
    /* What has the right name may have been damaged since. */
    if (!is_kept(&want, data, len))
        st = host->file_write(host, path, data, len, 0600, false, err);
    return st == KH_OK ? kh_softdir_each(state_dir, remove_older, &want, err) : st;
}
