#include "core/object_file.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_ours(const ElfW(Ehdr) * header)
{
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
           header->e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
           header->e_phentsize == sizeof(ElfW(Phdr));
}

/* Where the last byte is that a segment of FD's object has in the file; 0: it cannot be
 * said. */
static uint64_t last_byte(int fd, const ElfW(Ehdr) * header)
{
    uint64_t last = 0;

    for (unsigned i = 0; i < header->e_phnum; i++) {
        off_t at = (off_t)(header->e_phoff + (uint64_t)i * header->e_phentsize);
        ElfW(Phdr) segment;

        if (pread(fd, &segment, sizeof segment, at) != (ssize_t)sizeof segment)
            return UINT64_MAX; /* not even its headers are there */
        if (segment.p_type == PT_LOAD && segment.p_offset + segment.p_filesz > last)
            last = segment.p_offset + segment.p_filesz;
    }
    return last;
}

kh_status kh_object_file_check(const char *path, struct kh_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ElfW(Ehdr) header = {0};
    struct stat sb;
    bool cut = false;

    if (fd < 0)
        return kh_fail(err, KH_REFUSED, "%s: the plugin cannot be loaded: %s", path,
            strerror(errno));
    if (fstat(fd, &sb) == 0 && sb.st_size > 0 &&
        read(fd, &header, sizeof header) == (ssize_t)sizeof header && is_ours(&header))
        cut = last_byte(fd, &header) > (uint64_t)sb.st_size;
    (void)close(fd);
    if (cut)
        return kh_fail(err, KH_REFUSED,
            "%s: the plugin cannot be loaded: the file is cut off (%lld bytes); install "
            "it again",
            path, (long long)sb.st_size);
    return KH_OK;
}
