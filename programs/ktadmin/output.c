#include "programs/ktadmin/output.h"

#include "core/deposit.h"
#include "core/fileio.h"
#include "core/name.h"
#include "core/record.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* C0, DEL, and C1 in its UTF-8 form. */
static bool is_control(const unsigned char *p)
{
    return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0);
}

void kh_print_text(FILE *to, const char *text)
{
    bool utf8 = kh_utf8_valid(text, strlen(text));

    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (is_control(p) && p[0] == 0xc2)
            fprintf(to, "\\xc2\\x%02x", *++p);
        else if (is_control(p) || (!utf8 && *p >= 0x80))
            fprintf(to, "\\x%02x", *p);
        else
            fputc(*p, to);
    }
}

void kh_print_name(FILE *to, const char *name, int width)
{
    char escaped[KH_NAME_ESCAPED_MAX];

    fprintf(to, "%-*s", width, kh_name_escape(name, escaped, sizeof escaped));
}

const char *kh_state_word(kh_state state)
{
    return state == KH_DELETED ? "deleted" : "active";
}

const char *kh_time_word(int64_t seconds, char *out)
{
    if (seconds == 0)
        return "-";
    kh_time_format(seconds, out);
    return out;
}

void kh_json_name(json_t *object, const char *name)
{
    char escaped[KH_NAME_ESCAPED_MAX];

    if (kh_utf8_valid(name, strlen(name))) {
        (void)json_object_set_new(object, "name", json_string(name));
        return;
    }
    kh_name_escape(name, escaped, sizeof escaped);
    (void)json_object_set_new(object, "name", json_string(escaped));
    (void)json_object_set_new(object, "escaped", json_true());
}

void kh_json_created(json_t *object, int64_t seconds)
{
    char text[KH_TIME_LEN];

    if (seconds == 0)
        return;
    kh_time_format(seconds, text);
    (void)json_object_set_new(object, "created", json_string(text));
}

kh_status kh_json_print(json_t *root, struct kh_error *err)
{
    int done = root ? json_dumpf(root, stdout, JSON_INDENT(2)) : -1;

    json_decref(root);
    if (done != 0)
        return kh_fail(err, KH_UNAVAILABLE, "standard output cannot be written: %m");
    fputc('\n', stdout);
    return kh_output_flush(err);
}

kh_status kh_output_done(
    const char *done, const char *name, uint32_t version, struct kh_error *err)
{
    printf("%s ", done);
    kh_print_name(stdout, name, 0);
    if (version == KH_ALL_VERSIONS)
        printf(", all versions\n");
    else
        printf(" version %u\n", version);
    return kh_output_flush(err);
}

kh_status kh_output_flush(struct kh_error *err)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return kh_fail(err, KH_UNAVAILABLE, "standard output cannot be written: %m");
    return KH_OK;
}

static bool is_text(const struct kh_buf *data)
{
    if (!kh_utf8_valid((const char *)data->data, data->len))
        return false;
    for (size_t i = 0; i < data->len; i++) {
        const unsigned char pair[2] = {
            data->data[i], i + 1 < data->len ? data->data[i + 1] : 0};

        if (is_control(pair) && !strchr("\n\r\t", pair[0] ? pair[0] : 1))
            return false;
    }
    return true;
}

/* write(2), not stdio: no copy of the secret stays in a buffer. */
static kh_status to_standard_output(
    const struct kh_buf *data, bool force, struct kh_error *err)
{
    size_t done = 0;

    if (!force && isatty(STDOUT_FILENO) && data->len > 0 && !is_text(data))
        return kh_fail(err, KH_REFUSED,
            "the data is binary and standard output a terminal: use --output FILE, or "
            "--force");
    while (done < data->len) {
        ssize_t n = write(STDOUT_FILENO, data->data + done, data->len - done);

        if (n < 0 && errno != EINTR)
            return kh_fail(err, KH_UNAVAILABLE, "standard output cannot be written: %m");
        if (n > 0)
            done += (size_t)n;
    }
    return KH_OK;
}

kh_status kh_output_data(
    const char *file, const struct kh_buf *data, bool force, struct kh_error *err)
{
    kh_status status;

    if (!file || strcmp(file, "-") == 0)
        return to_standard_output(data, force, err);
    status = kh_file_write(file, data->data, data->len, 0600, !force, err);
    /* "Not found" is said of deposits only: here it is the directory that is missing. */
    return status == KH_NOT_FOUND ? KH_UNAVAILABLE : status;
}
