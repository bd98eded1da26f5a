#include "core/backup/manifest.h"

#include "core/record.h"
#include "core/secmem.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "keyhsm-backup"
#define VERSION 1

static const char *const role_names[KH_ROLE_COUNT] = {
    [KH_ROLE_CATALOG] = "catalog",
    [KH_ROLE_KEYS] = "keys",
    [KH_ROLE_CONFIGURATION] = "configuration",
    [KH_ROLE_TRUST] = "trust",
    [KH_ROLE_PRIVATE_KEY] = "private-key",
    [KH_ROLE_AUDIT_HEAD] = "audit-head",
};

const char *kh_backup_role_name(kh_backup_role role)
{
    return role_names[role];
}

struct kh_backup_member *kh_backup_manifest_add(struct kh_backup_manifest *manifest)
{
    struct kh_backup_member *more;

    if (manifest->count == KH_BACKUP_MEMBERS_MAX)
        return NULL;
    more = reallocarray(manifest->members, manifest->count + 1, sizeof *more);
    if (!more)
        return NULL;
    manifest->members = more;
    more += manifest->count++;
    memset(more, 0, sizeof *more);
    return more;
}

const struct kh_backup_member *kh_backup_manifest_find(
    const struct kh_backup_manifest *manifest, kh_backup_role role)
{
    for (size_t i = 0; i < manifest->count; i++) {
        if (manifest->members[i].role == role)
            return &manifest->members[i];
    }
    return NULL;
}

void kh_backup_manifest_free(struct kh_backup_manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        free(manifest->members[i].path);
        free(manifest->members[i].file);
        kh_buf_free(&manifest->members[i].data);
    }
    free(manifest->members);
    memset(manifest, 0, sizeof *manifest);
}

/* ---- encoding
 * --------------------------------------------------------------------------- */

static json_t *encode_member(const struct kh_backup_member *m)
{
    return json_pack("{s:s,s:s,s:s*,s:I,s:s,s:i,s:s,s:s}", "name", m->name, "role",
        role_names[m->role], "path", m->path, "size", (json_int_t)m->size, "sha256",
        m->sha256, "mode", (int)m->mode, "owner", m->owner, "group", m->group);
}

static json_t *encode_facts(const struct kh_backup_facts *f)
{
    json_t *serials = json_array();

    for (size_t i = 0; i < f->serial_count; i++)
        (void)json_array_append_new(serials, json_string(f->serials[i]));
    return json_pack("{s:I,s:I,s:I,s:I,s:[I,I,I],s:s,s:s,s:s,s:s,s:s,s:s,s:o}",
        "generation", (json_int_t)f->generation, "deposits", (json_int_t)f->deposits,
        "versions", (json_int_t)f->versions, "deleted", (json_int_t)f->deleted, "keys",
        (json_int_t)f->keys[0], (json_int_t)f->keys[1], (json_int_t)f->keys[2], "tag",
        f->tag, "identity", f->identity, "contents", f->contents, "state_dir",
        f->state_dir, "token_label", f->token_label, "module", f->module, "tokens",
        serials);
}

kh_status kh_backup_manifest_encode(
    const struct kh_backup_manifest *manifest, struct kh_buf *out, struct kh_error *err)
{
    char created[KH_TIME_LEN];
    json_t *members = json_array();
    json_t *root;
    char *text;
    json_free_t release;
    kh_status st = KH_OK;

    json_get_alloc_funcs(NULL, &release);
    for (size_t i = 0; i < manifest->count; i++)
        (void)json_array_append_new(members, encode_member(&manifest->members[i]));
    kh_time_format(manifest->created, created);
    root = json_pack("{s:s,s:i,s:s,s:I,s:s,s:s,s:s,s:o*,s:o}", "format", FORMAT,
        "version", VERSION, "created", created, "time", (json_int_t)manifest->created,
        "program", manifest->program, "host", manifest->host, "audit", manifest->audit,
        "catalog", manifest->facts.catalog ? encode_facts(&manifest->facts) : NULL,
        "members", members);
    text = root && json_array_size(members) == manifest->count
               ? json_dumps(root, JSON_INDENT(1))
               : NULL;
    if (!text)
        st = kh_fail(err, KH_FATAL,
            "cannot write the backup's manifest: no memory, or a "
            "path that is not UTF-8");
    else
        st = kh_buf_copy(out, text, strlen(text), err);
    release(text);
    json_decref(root);
    return st;
}

/* ---- decoding
 * --------------------------------------------------------------------------- */

static kh_status odd(struct kh_error *err)
{
    return kh_fail(err, KH_CORRUPT, "the manifest is not what a backup writes");
}

/* Copies TEXT, when it fits. */
static bool take(char *out, size_t size, const char *text)
{
    if (!text || strlen(text) >= size)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool is_hex(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}

static bool name_is_new(const struct kh_backup_manifest *manifest, const char *name)
{
    for (size_t i = 0; i + 1 < manifest->count; i++) {
        if (strcmp(manifest->members[i].name, name) == 0)
            return false;
    }
    return strcmp(name, KH_BACKUP_MANIFEST) != 0;
}

static bool take_role(kh_backup_role *out, const char *text)
{
    for (int i = 0; text && i < KH_ROLE_COUNT; i++) {
        if (strcmp(text, role_names[i]) == 0) {
            *out = (kh_backup_role)i;
            return true;
        }
    }
    return false;
}

static bool decode_member(struct kh_backup_manifest *manifest, json_t *value)
{
    struct kh_backup_member *m = kh_backup_manifest_add(manifest);
    const char *s[6] = {0};
    json_int_t size = -1;
    int mode = -1;

    if (!m || json_unpack(value, "{s:s,s:s,s?s,s:I,s:s,s:i,s:s,s:s!}", "name", &s[0],
                  "role", &s[1], "path", &s[2], "size", &size, "sha256", &s[3], "mode",
                  &mode, "owner", &s[4], "group", &s[5]) != 0)
        return false;
    if (!take(m->name, sizeof m->name, s[0]) || !m->name[0] ||
        !take_role(&m->role, s[1]) || !take(m->sha256, sizeof m->sha256, s[3]) ||
        !is_hex(s[3], KH_SHA256_TEXT - 1) || !take(m->owner, sizeof m->owner, s[4]) ||
        !take(m->group, sizeof m->group, s[5]))
        return false;
    if (size < 0 || mode < 0 || mode > 07777 || !name_is_new(manifest, m->name) ||
        (m->role != KH_ROLE_CATALOG && m->role != KH_ROLE_KEYS &&
            size > (json_int_t)KH_BACKUP_FILE_MAX))
        return false;
    m->size = (uint64_t)size;
    m->mode = (unsigned)mode;
    if (s[2] && (s[2][0] != '/' || strlen(s[2]) > 4000 || !(m->path = strdup(s[2]))))
        return false;
    return true;
}

static bool decode_serials(struct kh_backup_facts *f, json_t *list)
{
    size_t i;
    json_t *value;

    if (!json_is_array(list) || json_array_size(list) > KH_BACKUP_TOKENS_MAX)
        return false;
    json_array_foreach(list, i, value)
    {
        if (!take(f->serials[i], sizeof f->serials[i], json_string_value(value)))
            return false;
    }
    f->serial_count = json_array_size(list);
    return true;
}

static bool decode_facts(struct kh_backup_facts *f, json_t *value)
{
    json_int_t n[7] = {0};
    const char *s[6] = {0};
    json_t *serials = NULL;

    if (json_unpack(value, "{s:I,s:I,s:I,s:I,s:[I,I,I!],s:s,s:s,s:s,s:s,s:s,s:s,s:o!}",
            "generation", &n[0], "deposits", &n[1], "versions", &n[2], "deleted", &n[3],
            "keys", &n[4], &n[5], &n[6], "tag", &s[0], "identity", &s[1], "contents",
            &s[2], "state_dir", &s[3], "token_label", &s[4], "module", &s[5], "tokens",
            &serials) != 0)
        return false;
    f->catalog = true;
    f->generation = (uint64_t)n[0];
    f->deposits = (uint64_t)n[1];
    f->versions = (uint64_t)n[2];
    f->deleted = (uint64_t)n[3];
    for (int i = 0; i < 3; i++)
        f->keys[i] = (uint64_t)n[4 + i];
    return take(f->tag, sizeof f->tag, s[0]) &&
           take(f->identity, sizeof f->identity, s[1]) &&
           take(f->contents, sizeof f->contents, s[2]) &&
           take(f->state_dir, sizeof f->state_dir, s[3]) &&
           take(f->token_label, sizeof f->token_label, s[4]) &&
           take(f->module, sizeof f->module, s[5]) && decode_serials(f, serials);
}

static bool decode_members(struct kh_backup_manifest *manifest, json_t *list)
{
    uint64_t files = 0;
    size_t i;
    json_t *value;

    if (!json_is_array(list) || json_array_size(list) > KH_BACKUP_MEMBERS_MAX)
        return false;
    json_array_foreach(list, i, value)
    {
        const struct kh_backup_member *m;

        if (!decode_member(manifest, value))
            return false;
        m = &manifest->members[i];
        if (m->role != KH_ROLE_CATALOG && m->role != KH_ROLE_KEYS)
            files += m->size;
    }
    return files <= KH_BACKUP_FILES_MAX;
}

static bool decode(struct kh_backup_manifest *manifest, json_t *root)
{
    const char *s[4] = {0};
    json_int_t created = 0;
    json_t *catalog = NULL;
    json_t *members = NULL;
    int version;

    if (json_unpack(root, "{s:s,s:i,s:s,s:I,s:s,s:s,s:s,s?o,s:o!}", "format", &s[0],
            "version", &version, "created", &s[0], "time", &created, "program", &s[1],
            "host", &s[2], "audit", &s[3], "catalog", &catalog, "members", &members) != 0)
        return false;
    manifest->created = created;
    return take(manifest->program, sizeof manifest->program, s[1]) &&
           take(manifest->host, sizeof manifest->host, s[2]) &&
           take(manifest->audit, sizeof manifest->audit, s[3]) &&
           (!catalog || decode_facts(&manifest->facts, catalog)) &&
           decode_members(manifest, members);
}

kh_status kh_backup_manifest_decode(
    struct kh_backup_manifest *manifest, const struct kh_buf *text, struct kh_error *err)
{
    json_t *root =
        json_loadb((const char *)text->data, text->len, JSON_REJECT_DUPLICATES, NULL);
    const char *format = json_string_value(json_object_get(root, "format"));
    json_int_t version = json_integer_value(json_object_get(root, "version"));
    bool ours = format && strcmp(format, FORMAT) == 0 && version >= 1;
    kh_status st = KH_OK;

    memset(manifest, 0, sizeof *manifest);
    if (ours && version > VERSION)
        st = kh_fail(err, KH_REFUSED,
            "the backup was made by a newer program (format %lld, this one knows %d)",
            (long long)version, VERSION);
    else if (!ours || !decode(manifest, root))
        st = odd(err);
    if (st != KH_OK)
        kh_backup_manifest_free(manifest);
    json_decref(root);
    return st;
}
