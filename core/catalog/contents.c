/* A digest of which versions and named keys there are, and under which keys. */
#include "core/catalog/internal.h"

#include <openssl/evp.h>
#include <string.h>

/* Lengths come first, so no two rows have one encoding. */
static bool add(EVP_MD_CTX *ctx, sqlite3_stmt *stmt)
{
    const void *name = sqlite3_column_text(stmt, 0);
    const void *key = sqlite3_column_blob(stmt, 2);
    uint64_t numbers[3] = {(uint64_t)sqlite3_column_bytes(stmt, 0),
        (uint64_t)sqlite3_column_int64(stmt, 1), (uint64_t)sqlite3_column_bytes(stmt, 2)};
    unsigned char head[sizeof numbers];

    for (size_t i = 0; i < sizeof head; i++)
        head[i] = (unsigned char)(numbers[i / 8] >> (56 - 8 * (i % 8)));
    return name && key && EVP_DigestUpdate(ctx, head, sizeof head) == 1 &&
           EVP_DigestUpdate(ctx, name, numbers[0]) == 1 &&
           EVP_DigestUpdate(ctx, key, numbers[2]) == 1;
}

static kh_status digest_rows(
    struct kh_conn *conn, EVP_MD_CTX *ctx, unsigned char out[32], struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    bool row = false;
    kh_status status = kh_stmt_take(conn, KH_SQL_CONTENTS, &stmt, err);

    if (!ctx || EVP_DigestInit_ex2(ctx, EVP_sha256(), NULL) != 1)
        return kh_fail(err, KH_FATAL, "SHA-256 failed");
    if (status == KH_OK)
        status = kh_stmt_row(conn, stmt, SQLITE_OK, &row, err);
    while (status == KH_OK && row) {
        if (!add(ctx, stmt))
            return kh_conn_odd(conn, "versions", err);
        status = kh_stmt_row(conn, stmt, SQLITE_OK, &row, err);
    }
    if (status == KH_OK && EVP_DigestFinal_ex(ctx, out, NULL) != 1)
        status = kh_fail(err, KH_FATAL, "SHA-256 failed");
    return status;
}

static kh_status contents(
    struct kh_catalog *catalog, unsigned char digest[32], struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);

    if (status == KH_OK)
        status = digest_rows(conn, ctx, digest, err);
    EVP_MD_CTX_free(ctx);
    return status;
}

void kh_contents_methods(struct kh_catalog *face)
{
    face->contents = contents;
}
