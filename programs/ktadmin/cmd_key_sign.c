#include "programs/ktadmin/commands.h"

#include "core/crypto.h"
#include "core/secmem.h"
#include "programs/ktadmin/keytext.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"

#include <openssl/evp.h>
#include <string.h>

struct sign {
    const char *digest;
    const char *scheme;
    const char *output;
    bool force;
};

/* What is signed: a digest, or for Ed25519 the message itself. */
struct input {
    unsigned char bytes[KH_KEY_INPUT_MAX];
    size_t len;
};

static FILE *open_file(const char *file, struct kh_error *err)
{
    FILE *from = !file || strcmp(file, "-") == 0 ? stdin : fopen(file, "re");

    if (!from)
        (void)kh_fail(err, KH_INVALID, "%s cannot be read: %m", file);
    return from;
}

static kh_status end_of(FILE *from, const char *file, struct kh_error *err)
{
    kh_status status = KH_OK;

    if (ferror(from))
        status = kh_fail(
            err, KH_INVALID, "%s cannot be read: %m", file ? file : "standard input");
    if (from != stdin)
        (void)fclose(from);
    return status;
}

static kh_status read_message(const char *file, struct input *input, struct kh_error *err)
{
    FILE *from = open_file(file, err);
    bool more;

    if (!from)
        return err->status;
    input->len = fread(input->bytes, 1, sizeof input->bytes, from);
    more = input->len == sizeof input->bytes && fgetc(from) != EOF;
    if (end_of(from, file, err) != KH_OK)
        return err->status;
    if (more)
        return kh_fail(err, KH_INVALID,
            "Ed25519 signs messages of at most %d bytes, and not their digests",
            KH_KEY_INPUT_MAX);
    return KH_OK;
}

static kh_status read_digest(
    const char *file, const char *name, struct input *input, struct kh_error *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
    FILE *from = open_file(file, err);
    unsigned char part[16384];
    unsigned len = 0;
    size_t n;
    bool good = from && ctx && md && EVP_DigestInit_ex2(ctx, md, NULL) == 1;
    kh_status status = from ? KH_OK : err->status;

    while (good && (n = fread(part, 1, sizeof part, from)) > 0)
        good = EVP_DigestUpdate(ctx, part, n) == 1;
    good = good && EVP_DigestFinal_ex(ctx, input->bytes, &len) == 1;
    input->len = len;
    if (from)
        status = end_of(from, file, err);
    if (status == KH_OK && !good)
        status = kh_fail(
            err, KH_FATAL, "the digest %s: %s", name, kh_crypto_reason("no memory"));
    EVP_MD_free(md);
    EVP_MD_CTX_free(ctx);
    return status;
}

static kh_key_scheme usual_scheme(kh_key_kind kind)
{
    switch (kind) {
    case KH_KIND_ED25519:
        return KH_SCHEME_ED25519;
    case KH_KIND_RSA_2048:
    case KH_KIND_RSA_3072:
    case KH_KIND_RSA_4096:
        return KH_SCHEME_RSA_PKCS1;
    default:
        return KH_SCHEME_ECDSA;
    }
}

/* By the key's kind, unless it is said. A salt is as long as the digest. */
static kh_status choose(const struct sign *sign, const struct kh_named_key *key,
    struct kh_key_use *use, struct kh_error *err)
{
    unsigned hash = KH_HASH_SHA256;
    unsigned scheme = usual_scheme(key->kind);
    char words[KH_WORDS_SIZE];

    if (sign->scheme &&
        (!kh_key_word_value(kh_key_scheme_words(), sign->scheme, &scheme) ||
            kh_key_scheme_purpose((kh_key_scheme)scheme) != KH_KEY_SIGN))
        return kh_fail(err, KH_INVALID,
            "--scheme: one of ecdsa, ed25519, rsa-pkcs1, rsa-pss is needed");
    if (sign->digest && (!kh_key_word_value(kh_key_hash_words(), sign->digest, &hash) ||
                            hash == KH_HASH_NONE))
        return kh_fail(err, KH_INVALID, "--digest: one of %s is needed",
            kh_words_text(kh_key_hash_words() + 1, words));
    use->scheme = (kh_key_scheme)scheme;
    if (scheme == KH_SCHEME_ED25519)
        return sign->digest ? kh_fail(err, KH_INVALID,
                                  "--digest: Ed25519 signs the message itself")
                            : KH_OK;
    use->hash = use->mgf_hash = (kh_key_hash)hash;
    use->salt_len = (uint32_t)kh_key_hash_len(use->hash);
    return KH_OK;
}

static kh_status sign_file(
    struct kh_task *task, const struct sign *sign, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    struct kh_named_key key = {0};
    struct kh_key_use use = {0};
    struct input input = {.len = 0};
    kh_status status = kh_task_open(task, err);

    if (status == KH_OK)
        status = task->target->ops->key_stat(task->target, task->name, &key, err);
    if (status == KH_OK)
        status = choose(sign, &key, &use, err);
    if (status == KH_OK)
        status = use.hash == KH_HASH_NONE
                     ? read_message(task->operand, &input, err)
                     : read_digest(task->operand,
                           kh_key_word(kh_key_hash_words(), use.hash), &input, err);
    if (status != KH_OK)
        return status;
    use.input = input.bytes;
    use.input_len = input.len;
    status = task->target->ops->key_sign(task->target, task->name, &use, &out, err);
    return status == KH_OK ? kh_output_data(sign->output, &out, sign->force, err)
                           : status;
}

int kh_cmd_key_sign(int argc, char **argv)
{
    struct sign sign = {0};
    const struct kh_cli_option options[] = {
        {"digest", 'd', "NAME", "sha256 (the default), sha384, sha512, sha224 or sha1",
            &sign.digest, NULL, 0},
        {"scheme", 0, "SCHEME",
            "rsa-pss in place of rsa-pkcs1; else the key's kind decides", &sign.scheme,
            NULL, 0},
        {"output", 'o', "FILE", "write to a new FILE; else to standard output",
            &sign.output, NULL, 0},
        {"force", 'f', NULL, "replace FILE, or write binary data to a terminal",
            &sign.force, NULL, 0},
    };
    const struct kh_cli cli = {.program = "ktadmin key sign",
        .arguments = "NAME [FILE]",
        .summary =
            "Signs a file, or standard input, with a key that stays on the device.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "The digest is made here. 'openssl dgst -sha256 -verify PUBLIC.pem "
                "-signature FILE.sig FILE'\n"
                "verifies ('ktadmin key public' writes PUBLIC.pem)."};
    struct kh_task task = {0};
    struct kh_error err = {0};

    kh_task_parse(&task, &cli, 2, argc, argv);
    return kh_task_end(&task, sign_file(&task, &sign, &err), &err);
}
