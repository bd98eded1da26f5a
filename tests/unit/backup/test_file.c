/* A backup file as a whole: written, read, altered. */
#include "core/backup/archive.h"
#include "core/backup/recipient.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char secret_text[] = "-----a private key, say-----";

static char *certificate_file; /* and its key */
static X509 *certificate;
static EVP_PKEY *key;

static void make_recipient(void)
{
    const char *dir = kh_test_dir();
    char *key_file = kh_test_path(dir, "key.pem");
    FILE *in;

    certificate_file = kh_test_path(dir, "cert.pem");
    if (kh_test_shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
                      "-nodes -days 30 -subj /CN=r -keyout '%s' -out '%s' 2>/dev/null",
            key_file, certificate_file) != 0)
        abort();
    in = fopen(key_file, "r");
    key = in ? PEM_read_PrivateKey(in, NULL, NULL, NULL) : NULL;
    if (in)
        fclose(in);
    free(key_file);
}

static void fill(struct kh_backup_manifest *m, const char *dir, size_t catalog_size)
{
    struct kh_backup_member *one = kh_backup_manifest_add(m);
    struct kh_error err = {0};
    char *bytes = malloc(catalog_size);

    for (size_t i = 0; i < catalog_size; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    one->file = kh_test_path(dir, "catalog");
    snprintf(one->name, sizeof one->name, KH_BACKUP_CATALOG);
    kh_test_write(one->file, bytes, catalog_size, 0600);
    free(bytes);
    KH_ASSERT_OK(kh_backup_measure(one, &err), err);
    CU_ASSERT_EQUAL(one->size, catalog_size);
    one = kh_backup_manifest_add(m);
    one->role = KH_ROLE_PRIVATE_KEY;
    one->path = strdup("/etc/key.pem");
    snprintf(one->name, sizeof one->name, "files/0001");
    KH_ASSERT_OK(kh_buf_copy(&one->data, secret_text, strlen(secret_text), &err), err);
    KH_ASSERT_OK(kh_backup_measure(one, &err), err);
}

/* A backup for LOCK in a file; its path. */
static char *make(const struct kh_backup_lock *lock, size_t catalog_size)
{
    const char *dir = kh_test_dir();
    char *path = kh_test_path(dir, "backup");
    KH_CLEANUP_MANIFEST struct kh_backup_manifest m = {.created = 1};
    struct kh_backup_sink *sink = NULL;
    struct kh_error err = {0};
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

    fill(&m, dir, catalog_size);
    KH_ASSERT_OK_FATAL(kh_backup_sink_open(&sink, fd, lock, &err), err);
    KH_ASSERT_OK(kh_backup_pack(&m, sink, &err), err);
    KH_ASSERT_OK(kh_backup_sink_finish(sink, &err), err);
    KH_ASSERT_OK(kh_backup_sink_check(sink, &err), err);
    kh_backup_sink_free(sink);
    close(fd);
    return path;
}

struct seen {
    size_t begun;
    size_t ended;
    size_t bytes;
    bool secret;
};

static kh_status begin(void *arg, struct kh_backup_member *member, struct kh_error *err)
{
    struct seen *seen = arg;

    (void)err;
    seen->begun++;
    seen->secret = member->role == KH_ROLE_PRIVATE_KEY;
    return KH_OK;
}

static kh_status chunk(void *arg, const void *data, size_t len, struct kh_error *err)
{
    struct seen *seen = arg;

    (void)err;
    seen->bytes += len;
    if (seen->secret) {
        CU_ASSERT_EQUAL(len, strlen(secret_text));
        CU_ASSERT_EQUAL(memcmp(data, secret_text, len), 0);
    }
    return KH_OK;
}

static kh_status end(void *arg, struct kh_error *err)
{
    struct seen *seen = arg;

    (void)err;
    seen->ended++;
    return KH_OK;
}

static kh_status read_it(const char *path, const struct kh_backup_key *with,
    struct seen *seen, struct kh_error *err)
{
    const struct kh_backup_taker taker = {begin, chunk, end, seen};
    KH_CLEANUP_MANIFEST struct kh_backup_manifest m = {0};
    struct kh_backup_source *source = NULL;
    kh_status st = kh_backup_source_open(&source, path, err);

    if (st == KH_OK)
        st = kh_backup_source_begin(source, with, err);
    if (st == KH_OK)
        st = kh_backup_unpack(source, &m, seen ? &taker : NULL, err);
    kh_backup_source_free(source);
    return st;
}

static void all_three_kinds_come_back(void)
{
    struct kh_buf words = {0};
    struct kh_error err = {0};
    static const size_t sizes[] = {0, 1, 512, 65536, 65537, 300000};

    KH_ASSERT_OK(kh_buf_copy(&words, "a passphrase", 12, &err), err);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const struct kh_backup_lock locks[] = {
            {NULL, NULL}, {certificate_file, NULL}, {NULL, &words}};
        const struct kh_backup_key with = {&words, certificate, key};

        for (size_t l = 0; l < (i == 0 ? 3 : 2); l++) {
            struct seen seen = {0};
            char *path = make(&locks[l], sizes[i]);

            KH_ASSERT_OK(read_it(path, &with, &seen, &err), err);
            CU_ASSERT_EQUAL(seen.begun, 2);
            CU_ASSERT_EQUAL(seen.ended, 2);
            CU_ASSERT_EQUAL(seen.bytes, sizes[i] + strlen(secret_text));
            if (l > 0)
                CU_ASSERT_NOT_EQUAL(
                    kh_test_shell("grep -q -e private -e manifest '%s'", path), 0);
            free(path);
        }
    }
    kh_buf_free(&words);
}

static void it_can_be_read_twice(void)
{
    const struct kh_backup_lock lock = {certificate_file, NULL};
    const struct kh_backup_key with = {NULL, certificate, key};
    struct kh_backup_source *source = NULL;
    struct kh_error err = {0};
    char *path = make(&lock, 1000);

    KH_ASSERT_OK_FATAL(kh_backup_source_open(&source, path, &err), err);
    CU_ASSERT_EQUAL(kh_backup_source_kind(source), KH_BACKUP_CERTIFICATE);
    for (int i = 0; i < 3; i++) {
        KH_CLEANUP_MANIFEST struct kh_backup_manifest m = {0};

        KH_ASSERT_OK(kh_backup_source_begin(source, &with, &err), err);
        KH_ASSERT_OK(kh_backup_unpack(source, &m, NULL, &err), err);
        CU_ASSERT_EQUAL(m.count, 2);
    }
    kh_backup_source_free(source);
    free(path);
}

/* Every byte, one after the other. */
static void no_altered_byte_passes(const struct kh_backup_lock *lock)
{
    const struct kh_backup_key with = {NULL, certificate, key};
    struct kh_error err = {0};
    char *path = make(lock, 700);
    struct stat sb;
    int fd = open(path, O_RDWR);
    unsigned passed = 0;

    CU_ASSERT_EQUAL_FATAL(fstat(fd, &sb), 0);
    for (off_t at = 0; at < sb.st_size; at++) {
        unsigned char byte;
        unsigned char other;

        if (pread(fd, &byte, 1, at) != 1)
            abort();
        other = byte ^ 0x10;
        if (pwrite(fd, &other, 1, at) != 1)
            abort();
        if (read_it(path, &with, NULL, &err) == KH_OK) {
            fprintf(stderr, "    byte %lld\n", (long long)at);
            passed++;
        }
        if (pwrite(fd, &byte, 1, at) != 1)
            abort();
    }
    CU_ASSERT_EQUAL(passed, 0);
    KH_ASSERT_OK(read_it(path, &with, NULL, &err), err);
    close(fd);
    free(path);
}

static void no_altered_byte_passes_encrypted(void)
{
    no_altered_byte_passes(&(struct kh_backup_lock){certificate_file, NULL});
}

static void no_cut_or_longer_file_passes(void)
{
    const struct kh_backup_lock locks[] = {{certificate_file, NULL}, {NULL, NULL}};
    const struct kh_backup_key with = {NULL, certificate, key};

    for (size_t l = 0; l < 2; l++) {
        struct kh_error err = {0};
        char *path = make(&locks[l], 700);
        struct stat sb;

        CU_ASSERT_EQUAL_FATAL(stat(path, &sb), 0);
        CU_ASSERT_EQUAL(truncate(path, sb.st_size + 1), 0);
        CU_ASSERT_NOT_EQUAL(read_it(path, &with, NULL, &err), KH_OK);
        CU_ASSERT_EQUAL(truncate(path, sb.st_size + 512), 0);
        CU_ASSERT_NOT_EQUAL(read_it(path, &with, NULL, &err), KH_OK);
        for (off_t len = sb.st_size - 1; len >= 0; len -= len > 600 ? 97 : 13) {
            CU_ASSERT_EQUAL(truncate(path, len), 0);
            if (read_it(path, &with, NULL, &err) == KH_OK)
                CU_FAIL("a cut file was taken");
        }
        free(path);
    }
}

static void the_wrong_key_is_refused_in_words(void)
{
    const struct kh_backup_lock lock = {certificate_file, NULL};
    struct kh_buf words = {0};
    struct kh_buf wrong = {0};
    struct kh_error err = {0};
    char *path = make(&lock, 10);

    KH_ASSERT_FAILS(read_it(path, &(struct kh_backup_key){0}, NULL, &err), KH_INVALID,
        err, "private key");
    free(path);
    KH_ASSERT_OK(kh_buf_copy(&words, "a passphrase", 12, &err), err);
    KH_ASSERT_OK(kh_buf_copy(&wrong, "a passphrasf", 12, &err), err);
    path = make(&(struct kh_backup_lock){NULL, &words}, 10);
    KH_ASSERT_FAILS(
        read_it(path, &(struct kh_backup_key){.passphrase = &wrong}, NULL, &err),
        KH_REFUSED, err, "passphrase is wrong");
    free(path);
    kh_buf_free(&words);
    kh_buf_free(&wrong);
}

static void a_member_that_changes_while_it_is_packed_is_noticed(void)
{
    const char *dir = kh_test_dir();
    KH_CLEANUP_MANIFEST struct kh_backup_manifest m = {.created = 1};
    const struct kh_backup_lock lock = {NULL, NULL};
    struct kh_backup_sink *sink = NULL;
    struct kh_error err = {0};
    char *path = kh_test_path(dir, "backup");
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

    fill(&m, dir, 100);
    kh_test_write(m.members[0].file, "x", 1, 0600);
    KH_ASSERT_OK_FATAL(kh_backup_sink_open(&sink, fd, &lock, &err), err);
    KH_ASSERT_FAILS(kh_backup_pack(&m, sink, &err), KH_BUSY, err, "changed");
    kh_backup_sink_free(sink);
    close(fd);
    free(path);
}

static void a_full_disk_is_unavailable(void)
{
    const char *dir = kh_test_dir();
    KH_CLEANUP_MANIFEST struct kh_backup_manifest m = {.created = 1};
    const struct kh_backup_lock lock = {NULL, NULL};
    struct kh_backup_sink *sink = NULL;
    struct kh_error err = {0};
    int fd = open("/dev/full", O_RDWR);

    fill(&m, dir, 200000);
    KH_ASSERT_OK_FATAL(kh_backup_sink_open(&sink, fd, &lock, &err), err);
    KH_ASSERT_FAILS(kh_backup_pack(&m, sink, &err), KH_UNAVAILABLE, err, "No space left");
    kh_backup_sink_free(sink);
    close(fd);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"all_three_kinds_come_back", all_three_kinds_come_back},
        {"it_can_be_read_twice", it_can_be_read_twice},
        {"no_altered_byte_passes_encrypted", no_altered_byte_passes_encrypted},
        {"no_cut_or_longer_file_passes", no_cut_or_longer_file_passes},
        {"the_wrong_key_is_refused_in_words", the_wrong_key_is_refused_in_words},
        {"a_member_that_changes_while_it_is_packed_is_noticed",
            a_member_that_changes_while_it_is_packed_is_noticed},
        {"a_full_disk_is_unavailable", a_full_disk_is_unavailable},
    };
    struct kh_error err = {0};
    int status;

    make_recipient();
    if (!key || kh_backup_certificate(&certificate, certificate_file, &err) != KH_OK)
        return 1;
    status = kh_test_main("backup: file", tests, sizeof tests / sizeof tests[0]);
    X509_free(certificate);
    EVP_PKEY_free(key);
    free(certificate_file);
    return status;
}
