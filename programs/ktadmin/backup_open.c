#include "programs/ktadmin/backup_open.h"

#include "core/backup/recipient.h"
#include "core/secmem.h"
#include "core/secret.h"
#include "programs/common/setup.h"

#include <string.h>
#include <unistd.h>

static kh_status get_passphrase(struct kh_backup_opened *o,
    const struct kh_backup_open_args *args, struct kh_error *err)
{
    const char *source = args->passphrase_source ? args->passphrase_source : "prompt";

    if (!args->passphrase_source && !args->passphrase && !isatty(STDIN_FILENO))
        return kh_fail(err, KH_INVALID,
            "a passphrase opens this backup: --passphrase asks for it, "
            "--passphrase-source says where it is");
    o->key.passphrase = &o->passphrase;
    return kh_secret_read(source, "Passphrase of the backup: ", &o->passphrase, err);
}

static kh_status get_key(struct kh_backup_opened *o,
    const struct kh_backup_open_args *args, struct kh_error *err)
{
    struct kh_http_options options = {.certfile = args->recipient,
        .keyfile = args->keyfile,
        .passphrase_source = args->passphrase_source};
    kh_status st;

    if (!args->recipient || !args->keyfile)
        return kh_fail(err, KH_INVALID,
            "this backup was encrypted to a certificate: --recipient CERT and "
            "--recipient-key KEY open it");
    if (!options.passphrase_source && (args->passphrase || isatty(STDIN_FILENO)))
        options.passphrase_source = "prompt";
    st = kh_backup_certificate(&o->certificate, args->recipient, err);
    if (st == KH_OK)
        st = kh_identity_load(&o->identity, &options, err);
    o->key.certificate = o->certificate;
    o->key.key = o->identity.key;
    return st;
}

kh_status kh_backup_open(struct kh_backup_opened *opened, const char *file,
    const struct kh_backup_open_args *args, struct kh_error *err)
{
    kh_status st;

    memset(opened, 0, sizeof *opened);
    st = kh_backup_source_open(&opened->source, file, err);
    if (st != KH_OK)
        return st;
    switch (kh_backup_source_kind(opened->source)) {
    case KH_BACKUP_PASSPHRASE:
        return get_passphrase(opened, args, err);
    case KH_BACKUP_CERTIFICATE:
        return get_key(opened, args, err);
    case KH_BACKUP_CLEAR:
        break;
    }
    return KH_OK;
}

void kh_backup_opened_free(struct kh_backup_opened *opened)
{
    kh_backup_source_free(opened->source);
    kh_identity_free(&opened->identity);
    X509_free(opened->certificate);
    kh_buf_free(&opened->passphrase);
    memset(opened, 0, sizeof *opened);
}

kh_status kh_backup_pass(struct kh_backup_opened *opened,
    struct kh_backup_manifest *manifest, const struct kh_backup_taker *taker,
    struct kh_error *err)
{
    kh_status st = kh_backup_source_begin(opened->source, &opened->key, err);

    memset(manifest, 0, sizeof *manifest);
    return st == KH_OK ? kh_backup_unpack(opened->source, manifest, taker, err) : st;
}

kh_status kh_backup_bare_setup(struct kh_error *err)
{
    return kh_secmem_init(0, KH_LOCK_PREFERRED, err);
}
