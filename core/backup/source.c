#include "core/backup/source.h"

#include "core/backup/outside.h"
#include "core/backup/recipient.h"
#include "core/backup/span.h"
#include "core/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kh_backup_source {
    char *path;
    int fd;
    struct kh_outside outside;
    kh_backup_kind kind;
    CMS_ContentInfo *cms;
    BIO *chain;
};

static kh_status altered(
    const struct kh_backup_source *s, const char *what, struct kh_error *err)
{
    return kh_fail(err, KH_CORRUPT, "%s: altered or damaged: %s", s->path, what);
}

static void end_reading(struct kh_backup_source *s)
{
    BIO_free_all(s->chain);
    CMS_ContentInfo_free(s->cms);
    s->chain = NULL;
    s->cms = NULL;
}

/* Whoever may write the file may ask for rounds without end. */
static bool too_many_rounds(const struct kh_outside *outside)
{
    static const unsigned char pbkdf2[] = {
        0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c};
    const unsigned char *end = outside->message + outside->message_len;
    const unsigned char *at = outside->message;
    bool many = false;

    while (!many && (at = memmem(at, (size_t)(end - at), pbkdf2, sizeof pbkdf2))) {
        const unsigned char *from = at += sizeof pbkdf2;
        PBKDF2PARAM *param = d2i_PBKDF2PARAM(NULL, &from, end - at);

        many = param && (ASN1_INTEGER_get(param->iter) < 1 ||
                            ASN1_INTEGER_get(param->iter) > KH_BACKUP_ROUNDS_MAX);
        PBKDF2PARAM_free(param);
    }
    ERR_clear_error();
    return many;
}

static kh_status parse_message(struct kh_backup_source *s, struct kh_error *err)
{
    const unsigned char *at = s->outside.message;
    STACK_OF(CMS_RecipientInfo) * infos;

    s->cms = d2i_CMS_ContentInfo(NULL, &at, (long)s->outside.message_len);
    ERR_clear_error();
    if (!s->cms || at != s->outside.message + s->outside.message_len ||
        OBJ_obj2nid(CMS_get0_type(s->cms)) != NID_id_smime_ct_authEnvelopedData)
        return altered(s, "its CMS message is none", err);
    infos = CMS_get0_RecipientInfos(s->cms);
    if (sk_CMS_RecipientInfo_num(infos) != 1)
        return altered(s, "its CMS message has not one recipient", err);
    s->kind =
        CMS_RecipientInfo_type(sk_CMS_RecipientInfo_value(infos, 0)) == CMS_RECIPINFO_PASS
            ? KH_BACKUP_PASSPHRASE
            : KH_BACKUP_CERTIFICATE;
    if (too_many_rounds(&s->outside))
        return altered(s, "its passphrase would take hours to try", err);
    return KH_OK;
}

kh_status kh_backup_source_open(
    struct kh_backup_source **out, const char *path, struct kh_error *err)
{
    struct kh_backup_source *s = calloc(1, sizeof *s);
    kh_status st = KH_OK;

    *out = NULL;
    if (!s || !(s->path = strdup(path))) {
        free(s);
        return kh_fail(err, KH_FATAL, "out of memory");
    }
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (s->fd < 0)
        st = kh_fail(err, errno == ENOENT ? KH_NOT_FOUND : KH_UNAVAILABLE, "%s: %s", path,
            strerror(errno));
    if (st == KH_OK)
        st = kh_outside_read(&s->outside, s->fd, path, err);
    if (st == KH_OK && s->outside.message)
        st = parse_message(s, err);
    if (st != KH_OK) {
        kh_backup_source_free(s);
        return st;
    }
    *out = s;
    return KH_OK;
}

kh_backup_kind kh_backup_source_kind(const struct kh_backup_source *source)
{
    return source->kind;
}

/* ---- beginning
 * -------------------------------------------------------------------------- */

static kh_status unlock(
    struct kh_backup_source *s, const struct kh_backup_key *key, struct kh_error *err)
{
    int done;

    ERR_clear_error();
    if (s->kind == KH_BACKUP_PASSPHRASE) {
        if (!key->passphrase || key->passphrase->len > INT_MAX)
            return kh_fail(err, KH_INVALID, "%s: a passphrase opens it", s->path);
        done = CMS_decrypt_set1_password(
            s->cms, key->passphrase->data, (ossl_ssize_t)key->passphrase->len);
        ERR_clear_error();
        return done == 1
                   ? KH_OK
                   : kh_fail(err, KH_REFUSED,
                         "%s: the passphrase is wrong, or the file was altered", s->path);
    }
    if (!key->certificate || !key->key)
        return kh_fail(err, KH_INVALID,
            "%s: the private key of its recipient's certificate opens it", s->path);
    done = CMS_decrypt_set1_pkey(s->cms, key->key, key->certificate);
    ERR_clear_error();
    return done == 1 ? KH_OK
                     : kh_fail(err, KH_REFUSED,
                           "%s: it was made for the certificate of another recipient, "
                           "or was altered",
                           s->path);
}

kh_status kh_backup_source_begin(
    struct kh_backup_source *s, const struct kh_backup_key *key, struct kh_error *err)
{
    BIO *span;
    kh_status st = KH_OK;

    end_reading(s);
    if (s->outside.message) {
        /* A message gives its key once. */
        st = parse_message(s, err);
        if (st == KH_OK)
            st = unlock(s, key, err);
    }
    if (st != KH_OK)
        return st;
    span = kh_span_new(s->fd, s->outside.at, s->outside.len);
    if (!span)
        return kh_fail(err, KH_FATAL, "out of memory");
    s->chain = s->cms ? CMS_dataInit(s->cms, span) : span;
    if (!s->chain) {
        BIO_free(span);
        ERR_clear_error();
        return altered(s, "its cipher", err);
    }
    return KH_OK;
}

/* ---- reading
 * ---------------------------------------------------------------------------- */

kh_status kh_backup_source_read(
    struct kh_backup_source *s, void *data, size_t len, size_t *got, struct kh_error *err)
{
    int n;

    *got = 0;
    errno = 0;
    n = BIO_read(s->chain, data, len > INT_MAX ? INT_MAX : (int)len);
    if (n > 0) {
        *got = (size_t)n;
        return KH_OK;
    }
    if (errno)
        return kh_fail(
            err, KH_UNAVAILABLE, "%s: cannot be read: %s", s->path, strerror(errno));
    if (s->cms && BIO_get_cipher_status(s->chain) != 1) {
        ERR_clear_error();
        return altered(s, "what is in it is not authentic", err);
    }
    return n < 0 ? altered(s, "it cannot be decrypted", err) : KH_OK;
}

void kh_backup_source_free(struct kh_backup_source *s)
{
    if (!s)
        return;
    end_reading(s);
    kh_outside_free(&s->outside);
    if (s->fd >= 0)
        (void)close(s->fd);
    free(s->path);
    free(s);
}
