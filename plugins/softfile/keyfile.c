#include "plugins/softfile/keys.h"

#include "plugins/softfile/files.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

/* OWASP's figure for PBKDF2-HMAC-SHA256; it is paid once, when the store is opened. */
enum { PBKDF2_ROUNDS = 600000, SALT_BYTES = 16, PEM_MAX = 64 * 1024 };

/* ---- passphrase ---- */

static kh_status ask(struct kh_soft_keys *keys, const char *prompt, struct kh_buf *out,
    struct kh_error *err)
{
    const char *source = keys->host->option_string(keys->host, "passphrase_source");

    return keys->host->secret(keys->host, source, prompt, out, err);
}

static kh_status confirm(struct kh_soft_keys *keys, struct kh_error *err)
{
    struct kh_buf again = {0};
    kh_status status = ask(keys, "The same passphrase again: ", &again, err);

    if (status == KH_OK &&
        (again.len != keys->passphrase.len ||
            CRYPTO_memcmp(again.data, keys->passphrase.data, again.len) != 0))
        status = kh_fail(err, KH_INVALID, "the two passphrases are not the same");
    keys->host->buf_free(keys->host, &again);
    return status;
}

kh_status kh_soft_keys_passphrase(
    struct kh_soft_keys *keys, bool new_one, struct kh_error *err)
{
    const char *source = keys->host->option_string(keys->host, "passphrase_source");
    kh_status status;

    if (!source || !*source || keys->passphrase.len > 0)
        return KH_OK;
    status = ask(keys,
        new_one ? "New passphrase of the legacy store's key: "
                : "Passphrase of the legacy store's key: ",
        &keys->passphrase, err);
    if (status == KH_OK && new_one && strcmp(source, "prompt") == 0)
        status = confirm(keys, err);
    if (status != KH_OK)
        kh_soft_keys_forget(keys);
    return status;
}

/* ---- saving ---- */

static kh_status save(const struct kh_soft_keys *keys, const char *directory,
    const char *file, BIO *pem, struct kh_error *err)
{
    char path[PATH_MAX];
    char *data = NULL;
    long len = BIO_get_mem_data(pem, &data);

    if (snprintf(path, sizeof path, "%s/%s", directory, file) >= (int)sizeof path)
        return kh_fail(err, KH_INVALID, "path too long: %.64s...", directory);
    return keys->host->file_write(keys->host, path, data, (size_t)len, 0600, true, err);
}

static X509_SIG *encrypt(const struct kh_soft_keys *keys, PKCS8_PRIV_KEY_INFO *info)
{
    unsigned char salt[SALT_BYTES];
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(keys->libctx, "AES-256-CBC", NULL);
    X509_ALGOR *pbe = NULL;
    X509_SIG *sealed = NULL;

    if (cipher && RAND_bytes_ex(keys->libctx, salt, sizeof salt, 0) == 1)
        pbe = PKCS5_pbe2_set_iv_ex(cipher, PBKDF2_ROUNDS, salt, sizeof salt, NULL,
            NID_hmacWithSHA256, keys->libctx);
    if (pbe)
        sealed = PKCS8_set0_pbe_ex((const char *)keys->passphrase.data,
            (int)keys->passphrase.len, info, pbe, keys->libctx, NULL);
    if (!sealed)
        X509_ALGOR_free(pbe);
    EVP_CIPHER_free(cipher);
    return sealed;
}

static bool encode_key(const struct kh_soft_keys *keys, BIO *pem)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(keys->key);
    X509_SIG *sealed = NULL;
    bool ok = false;

    if (info && keys->passphrase.len == 0)
        ok = PEM_write_bio_PKCS8_PRIV_KEY_INFO(pem, info) == 1;
    else if (info && (sealed = encrypt(keys, info)) != NULL)
        ok = PEM_write_bio_PKCS8(pem, sealed) == 1;
    X509_SIG_free(sealed);
    PKCS8_PRIV_KEY_INFO_free(info);
    return ok;
}

static kh_status fail(struct kh_error *err, const char *what)
{
    char reason[128];

    return kh_fail(
        err, KH_FATAL, "%s: %s", what, kh_soft_ssl_reason(reason, sizeof reason));
}

kh_status kh_soft_keys_save_key(
    const struct kh_soft_keys *keys, const char *directory, struct kh_error *err)
{
    BIO *pem = BIO_new(BIO_s_secmem());
    kh_status status = pem && encode_key(keys, pem)
                           ? save(keys, directory, KH_SOFT_KEY_FILE, pem, err)
                           : fail(err, "cannot encode the store's key");

    BIO_free(pem);
    return status;
}

kh_status kh_soft_keys_save_cert(
    const struct kh_soft_keys *keys, const char *directory, struct kh_error *err)
{
    BIO *pem = BIO_new(BIO_s_mem());
    kh_status status = pem && PEM_write_bio_X509(pem, keys->cert) == 1
                           ? save(keys, directory, KH_SOFT_CERT_FILE, pem, err)
                           : fail(err, "cannot encode the store's certificate");

    BIO_free(pem);
    return status;
}

/* ---- loading ---- */

/* Into secret memory: the file is the key itself when it has no passphrase. */
static kh_status slurp(int fd, const struct stat *st, struct kh_soft_keys *keys,
    struct kh_buf *out, struct kh_error *err)
{
    kh_status status = keys->host->buf_alloc(keys->host, out, (size_t)st->st_size, err);
    size_t used = 0;

    while (status == KH_OK && used < out->len) {
        ssize_t n = pread(fd, out->data + used, out->len - used, (off_t)used);

        if (n <= 0)
            status = kh_fail(err, KH_UNAVAILABLE, "%s cannot be read", KH_SOFT_KEY_FILE);
        else
            used += (size_t)n;
    }
    if (status != KH_OK)
        keys->host->buf_free(keys->host, out);
    return status;
}

static kh_status load(struct kh_soft_keys *keys, int dirfd, const char *file, uid_t owner,
    struct kh_buf *out, char note[KH_SOFT_NOTE_SIZE])
{
    KH_SOFT_CLEANUP_FD int fd = -1;
    struct kh_error why = {0};
    struct stat st;
    kh_status status = kh_soft_open(dirfd, file, owner, &fd, &st, note);

    if (status != KH_OK)
        return status;
    if (st.st_size > PEM_MAX) {
        snprintf(note, KH_SOFT_NOTE_SIZE, "is too large");
        return KH_CORRUPT;
    }
    status = slurp(fd, &st, keys, out, &why);
    if (status != KH_OK)
        snprintf(note, KH_SOFT_NOTE_SIZE, "%.150s", why.message);
    return status;
}

/* A wrong mode is put right by a command, so that is in the message. */
static kh_status explain(
    struct kh_error *err, kh_status status, const char *path, const char *note)
{
    if (strncmp(note, "mode ", 5) == 0)
        return kh_fail(err, KH_REFUSED, "%s: %s; run: chmod 0600 %s", path, note, path);
    return kh_fail(err, status, "%s: %s", path, note);
}

static int give_passphrase(char *buf, int size, int writing, void *arg)
{
    const struct kh_buf *passphrase = arg;

    (void)writing;
    if (passphrase->len == 0 || passphrase->len > (size_t)size)
        return -1;
    memcpy(buf, passphrase->data, passphrase->len);
    return (int)passphrase->len;
}

static bool is_encrypted(const struct kh_buf *pem)
{
    return memmem(pem->data, pem->len, "ENCRYPTED", 9) != NULL;
}

static kh_status decode_key(struct kh_soft_keys *keys, const struct kh_buf *text,
    const char *path, struct kh_error *err)
{
    bool encrypted = is_encrypted(text);
    kh_status status = encrypted ? kh_soft_keys_passphrase(keys, false, err) : KH_OK;
    BIO *pem;

    if (status != KH_OK)
        return status;
    if (encrypted && keys->passphrase.len == 0)
        return kh_fail(
            err, KH_REFUSED, "%s has a passphrase: set passphrase_source", path);
    pem = BIO_new_mem_buf(text->data, (int)text->len);
    if (pem)
        keys->key = PEM_read_bio_PrivateKey_ex(
            pem, NULL, give_passphrase, &keys->passphrase, keys->libctx, NULL);
    BIO_free(pem);
    ERR_clear_error();
    if (keys->key)
        return KH_OK;
    return encrypted ? kh_fail(err, KH_REFUSED, "wrong passphrase for %s", path)
                     : kh_fail(err, KH_CORRUPT, "%s: not a private key in PEM", path);
}

kh_status kh_soft_keys_load_key(struct kh_soft_keys *keys, int dirfd,
    const char *directory, uid_t owner, struct kh_error *err)
{
    char note[KH_SOFT_NOTE_SIZE] = "";
    char path[PATH_MAX];
    struct kh_buf text = {0};
    kh_status status = load(keys, dirfd, KH_SOFT_KEY_FILE, owner, &text, note);

    snprintf(path, sizeof path, "%s/%s", directory, KH_SOFT_KEY_FILE);
    status = status == KH_OK ? decode_key(keys, &text, path, err)
                             : explain(err, status, path, note);
    if (status == KH_OK && !EVP_PKEY_is_a(keys->key, "EC") &&
        !EVP_PKEY_is_a(keys->key, "RSA"))
        status =
            kh_fail(err, KH_INVALID, "%s: a key of type %s; an EC or RSA key is needed",
                path, EVP_PKEY_get0_type_name(keys->key));
    keys->host->buf_free(keys->host, &text);
    return status;
}

kh_status kh_soft_keys_load_cert(struct kh_soft_keys *keys, int dirfd,
    const char *directory, uid_t owner, struct kh_error *err)
{
    char note[KH_SOFT_NOTE_SIZE] = "";
    char path[PATH_MAX];
    struct kh_buf text = {0};
    kh_status status = load(keys, dirfd, KH_SOFT_CERT_FILE, owner, &text, note);
    BIO *pem = status == KH_OK ? BIO_new_mem_buf(text.data, (int)text.len) : NULL;

    snprintf(path, sizeof path, "%s/%s", directory, KH_SOFT_CERT_FILE);
    if (status != KH_OK) {
        (void)explain(err, status, path, note);
        status = err->status;
    } else {
        keys->cert = X509_new_ex(keys->libctx, NULL);
        if (!pem || !keys->cert || !PEM_read_bio_X509(pem, &keys->cert, NULL, NULL))
            status = kh_fail(err, KH_CORRUPT, "%s: not a certificate in PEM", path);
        else if (!X509_get0_subject_key_id(keys->cert))
            status = kh_fail(err, KH_CORRUPT, "%s: has no subject key identifier", path);
        else if (keys->key && X509_check_private_key(keys->cert, keys->key) != 1)
            status = kh_fail(err, KH_CORRUPT, "%s: is not the certificate of %s", path,
                KH_SOFT_KEY_FILE);
    }
    ERR_clear_error();
    BIO_free(pem);
    keys->host->buf_free(keys->host, &text);
    return status;
}
