/*
 * krb5_stretch FROM TO
 *
 * Copies the tickets of the cache FROM to the cache TO (FILE:...), and writes beside each
 * that it lasts an hour longer. That is only what a client believes: the times that count
 * stand inside of the ticket, where the KDC has sealed them. So a client goes on using a
 * ticket that is over, with a fresh authenticator, and a server has nothing else to
 * refuse it for.
 */
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>

static krb5_context context;

static void must(krb5_error_code code, const char *what)
{
    if (!code)
        return;
    fprintf(
        stderr, "krb5_stretch: %s: %s\n", what, krb5_get_error_message(context, code));
    exit(1);
}

static unsigned copy(krb5_ccache from, krb5_ccache to)
{
    krb5_cc_cursor cursor;
    krb5_creds creds;
    unsigned count = 0;

    must(krb5_cc_start_seq_get(context, from, &cursor), "the first ticket");
    while (krb5_cc_next_cred(context, from, &cursor, &creds) == 0) {
        if (creds.times.endtime != 0) /* else it is a setting of the cache's */
            creds.times.endtime += 3600;
        must(krb5_cc_store_cred(context, to, &creds), "a ticket is not taken");
        krb5_free_cred_contents(context, &creds);
        count++;
    }
    must(krb5_cc_end_seq_get(context, from, &cursor), "the last ticket");
    return count;
}

int main(int argc, char **argv)
{
    krb5_principal owner;
    krb5_ccache from;
    krb5_ccache to;
    unsigned count;

    if (argc != 3) {
        fprintf(stderr, "usage: krb5_stretch FROM TO\n");
        return 2;
    }
    must(krb5_init_context(&context), "krb5.conf");
    must(krb5_cc_resolve(context, argv[1], &from), argv[1]);
    must(krb5_cc_resolve(context, argv[2], &to), argv[2]);
    must(krb5_cc_get_principal(context, from, &owner), argv[1]);
    must(krb5_cc_initialize(context, to, owner), argv[2]);
    count = copy(from, to);
    krb5_free_principal(context, owner);
    (void)krb5_cc_close(context, from);
    (void)krb5_cc_close(context, to);
    krb5_free_context(context);
    return count > 0 ? 0 : 1;
}
