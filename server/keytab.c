#include "server/keytab.h"

#include "core/fileio.h"

#include <errno.h>
#include <krb5.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_SHOWN = 128 };

/* What was seen so far. */
struct seen {
    unsigned http;
    krb5_principal last; /* HTTP/ principal, owned */
    char other[NAME_MAX_SHOWN];
};

static kh_status fail(
    krb5_context context, krb5_error_code code, const char *path, struct kh_error *err)
{
    const char *text = krb5_get_error_message(context, code);
    kh_status st = kh_fail(err, KH_INVALID, "keytab %s: %s", path, text);

    krb5_free_error_message(context, text);
    return st;
}

static bool is_http(krb5_const_principal principal)
{
    static const char service[] = "HTTP";

    return principal->length == 2 && principal->data[0].length == sizeof service - 1 &&
           memcmp(principal->data[0].data, service, sizeof service - 1) == 0 &&
           principal->data[1].length > 0;
}

static void look_at(krb5_context context, krb5_principal principal, struct seen *seen)
{
    char *name = NULL;

    if (!is_http(principal)) {
        if (!*seen->other && krb5_unparse_name(context, principal, &name) == 0) {
            snprintf(seen->other, sizeof seen->other, "%s", name);
            krb5_free_unparsed_name(context, name);
        }
        return;
    }
    if (seen->last && krb5_principal_compare(context, seen->last, principal))
        return;
    seen->http++;
    krb5_free_principal(context, seen->last);
    seen->last = NULL;
    (void)krb5_copy_principal(context, principal, &seen->last);
}

static krb5_error_code read_all(
    krb5_context context, krb5_keytab keytab, struct seen *seen)
{
    krb5_kt_cursor cursor;
    krb5_keytab_entry entry;
    krb5_error_code code = krb5_kt_start_seq_get(context, keytab, &cursor);

    if (code)
        return code;
    while ((code = krb5_kt_next_entry(context, keytab, &entry, &cursor)) == 0) {
        look_at(context, entry.principal, seen);
        krb5_free_keytab_entry_contents(context, &entry);
    }
    (void)krb5_kt_end_seq_get(context, keytab, &cursor);
    return code == KRB5_KT_END ? 0 : code;
}

static kh_status look(
    krb5_context context, const char *path, unsigned *count, struct kh_error *err)
{
    struct seen seen = {0};
    krb5_keytab keytab = NULL;
    char name[4200];
    krb5_error_code code;

    snprintf(name, sizeof name, "FILE:%s", path);
    code = krb5_kt_resolve(context, name, &keytab);
    if (code == 0)
        code = read_all(context, keytab, &seen);
    if (keytab)
        (void)krb5_kt_close(context, keytab);
    krb5_free_principal(context, seen.last);
    if (code)
        return fail(context, code, path, err);
    *count = seen.http;
    if (seen.http == 0)
        return kh_fail(err, KH_INVALID,
            "keytab %s has no principal HTTP/<host name>%s%s; clients ask for one by the "
            "name in the URL: ktadd -k %s HTTP/<host name>",
            path, *seen.other ? ", but " : "", seen.other, path);
    return KH_OK;
}

kh_status kh_keytab_check(const char *path, unsigned *count, struct kh_error *err)
{
    struct kh_error why = {0};
    krb5_context context = NULL;
    kh_status st;

    *count = 0;
    if (access(path, R_OK) != 0)
        return kh_fail(err, KH_INVALID,
            "keytab %s: %s; it must be a file that the user this daemon runs as can read",
            path, strerror(errno));
    if (kh_file_trusted(path, 037, &why) != KH_OK)
        return kh_fail(err, KH_INVALID, "keytab %.200s", why.message);
    if (krb5_init_context(&context) != 0)
        return kh_fail(err, KH_INVALID,
            "the Kerberos library does not start: look at /etc/krb5.conf, or the file "
            "that KRB5_CONFIG names");
    st = look(context, path, count, err);
    krb5_free_context(context);
    return st;
}
