/*
 * gss_client [-s] SERVICE@HOST [COMMAND...]
 *
 * Makes the first token for a service with the ticket of KRB5CCNAME: a bare Kerberos
 * token, as Python's requests-kerberos sends, or SPNEGO's with -s. Prints it in base64;
 * or runs COMMAND by the shell with it in TOKEN, takes the server's token from what
 * COMMAND prints, and prints "mutual" when the server has proved itself with it. With
 * GSS_DELEGATE set it gives the server credentials of its own.
 */
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static gss_OID_desc krb5 = {
    9, (void *)(uintptr_t) "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};
static gss_OID_desc spnego = {6, (void *)(uintptr_t) "\x2b\x06\x01\x05\x05\x02"};

static void die(const char *what, OM_uint32 major, OM_uint32 minor)
{
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    OM_uint32 more = 0;
    OM_uint32 unused;

    (void)gss_display_status(&unused, minor ? minor : major,
        minor ? GSS_C_MECH_CODE : GSS_C_GSS_CODE, minor ? &krb5 : GSS_C_NO_OID, &more,
        &text);
    fprintf(stderr, "gss_client: %s: %.*s\n", what, (int)text.length,
        (const char *)text.value);
    exit(1);
}

static gss_name_t import(const char *service)
{
    gss_buffer_desc text = {strlen(service), (void *)(uintptr_t)service};
    gss_name_t name = GSS_C_NO_NAME;
    OM_uint32 minor;
    OM_uint32 major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name);

    if (major != GSS_S_COMPLETE)
        die("gss_import_name", major, minor);
    return name;
}

static void step(gss_ctx_id_t *context, gss_name_t name, gss_OID mech,
    gss_buffer_desc *in, gss_buffer_desc *out)
{
    OM_uint32 minor;
    OM_uint32 flags = GSS_C_MUTUAL_FLAG;
    OM_uint32 major = gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, context, name,
        mech, getenv("GSS_DELEGATE") ? flags | GSS_C_DELEG_FLAG : flags, 0,
        GSS_C_NO_CHANNEL_BINDINGS, in, NULL, out, NULL, NULL);

    if (GSS_ERROR(major))
        die("gss_init_sec_context", major, minor);
    if (in && major != GSS_S_COMPLETE)
        die("the server's token leaves it unfinished", major, minor);
}

static char *encode(const gss_buffer_desc *token)
{
    char *text = malloc(4 * (token->length / 3 + 1) + 1);

    if (!text)
        abort();
    EVP_EncodeBlock((unsigned char *)text, token->value, (int)token->length);
    return text;
}

/* What COMMAND prints: the server's token in base64; "" without one. */
static char *run(char **command, const char *token)
{
    char line[70000] = "";
    FILE *from;
    char *text = NULL;
    size_t used = 0;

    setenv("TOKEN", token, 1);
    for (; *command; command++)
        used += (size_t)snprintf(line + used, sizeof line - used, "%s ", *command);
    from = popen(line, "r");
    if (!from || !fgets(line, sizeof line, from))
        line[0] = '\0';
    if (from)
        (void)pclose(from);
    line[strcspn(line, "\r\n")] = '\0';
    text = strdup(line);
    return text;
}

static void finish(gss_ctx_id_t *context, gss_name_t name, gss_OID mech, char *answer)
{
    size_t len = strlen(answer);
    unsigned char *raw = malloc(len + 1);
    gss_buffer_desc in = {0, raw};
    gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;
    int n = raw ? EVP_DecodeBlock(raw, (const unsigned char *)answer, (int)len) : -1;

    if (n <= 0) {
        fprintf(stderr, "gss_client: the server sent no token\n");
        exit(1);
    }
    in.length =
        (size_t)n - (answer[len - 1] == '=') - (len > 1 && answer[len - 2] == '=');
    step(context, name, mech, &in, &out);
    puts("mutual");
    (void)gss_release_buffer(&minor, &out);
    free(raw);
}

int main(int argc, char **argv)
{
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
    gss_OID mech = &krb5;
    gss_name_t name;
    OM_uint32 minor;
    char *token;
    int at = 1;

    if (argc > at && strcmp(argv[at], "-s") == 0) {
        mech = &spnego;
        at++;
    }
    if (argc <= at) {
        fprintf(stderr, "usage: gss_client [-s] SERVICE@HOST [COMMAND...]\n");
        return 2;
    }
    name = import(argv[at++]);
    step(&context, name, mech, NULL, &out);
    token = encode(&out);
    if (argc > at) {
        char *answer = run(argv + at, token);

        finish(&context, name, mech, answer);
        free(answer);
    } else {
        puts(token);
    }
    free(token);
    (void)gss_release_buffer(&minor, &out);
    (void)gss_release_name(&minor, &name);
    (void)gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
    return 0;
}
