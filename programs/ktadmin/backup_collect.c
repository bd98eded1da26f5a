#include "core/fileio.h"
#include "programs/ktadmin/backup.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct collector {
    struct kh_backup_manifest *manifest;
    const struct kh_config *config;
    bool keys;
    uint64_t total;
};

static bool have(const struct kh_backup_manifest *manifest, const char *path)
{
    for (size_t i = 0; i < manifest->count; i++) {
        if (manifest->members[i].path && strcmp(manifest->members[i].path, path) == 0)
            return true;
    }
    return false;
}

/* "files/0003-keyhsm.ini": for people who look into the archive. */
static void name_member(struct kh_backup_member *m, size_t number, const char *path)
{
    const char *base = strrchr(path, '/');
    int n;

    n = snprintf(
        m->name, sizeof m->name, "files/%04zu-%.60s", number, base ? base + 1 : path);
    for (int i = 0; i < n; i++) {
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/",
                m->name[i]))
            m->name[i] = '_';
    }
}

static void note_owner(struct kh_backup_member *m, const struct stat *sb)
{
    const struct passwd *user = getpwuid(sb->st_uid);
    const struct group *group = getgrgid(sb->st_gid);

    m->mode = sb->st_mode & 07777;
    if (user && strlen(user->pw_name) < sizeof m->owner)
        (void)snprintf(m->owner, sizeof m->owner, "%s", user->pw_name);
    if (group && strlen(group->gr_name) < sizeof m->group)
        (void)snprintf(m->group, sizeof m->group, "%s", group->gr_name);
}

void kh_backup_owner(struct kh_backup_member *member, const char *path)
{
    struct stat sb;

    if (stat(path, &sb) == 0)
        note_owner(member, &sb);
}

static kh_status add_bytes(struct collector *c, kh_backup_role role, const char *path,
    const char *real, struct kh_error *err)
{
    struct kh_backup_member *m = kh_backup_manifest_add(c->manifest);
    struct stat sb;
    kh_status st;

    if (!m || !(m->path = strdup(path)))
        return kh_fail(err, KH_INVALID, "more than %u files", KH_BACKUP_MEMBERS_MAX);
    m->role = role;
    name_member(m, c->manifest->count, path);
    if (stat(real, &sb) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", path, strerror(errno));
    note_owner(m, &sb);
    st = kh_file_read(real, KH_BACKUP_FILE_MAX, &m->data, err);
    if (st == KH_OK)
        st = kh_backup_measure(m, err);
    c->total += m->size;
    if (st == KH_OK && c->total > KH_BACKUP_FILES_MAX)
        st = kh_fail(err, KH_INVALID, "certificates and keys are more than %u bytes",
            KH_BACKUP_FILES_MAX);
    return st;
}

/* PATH may be a link, or lead over one: what it leads to is backed up under its name. */
static kh_status add(
    struct collector *c, kh_backup_role role, const char *path, struct kh_error *err)
{
    char *real;
    kh_status st;

    if (!path || path[0] != '/' || have(c->manifest, path))
        return KH_OK;
    real = realpath(path, NULL);
    if (!real && errno == ENOENT) {
        fprintf(stderr, "ktadmin backup: note: %s is not there\n", path);
        return KH_OK;
    }
    if (!real)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", path, strerror(errno));
    st = add_bytes(c, role, path, real, err);
    free(real);
    return st;
}

static kh_status add_option(struct collector *c, kh_backup_role role, const char *section,
    const char *key, struct kh_error *err)
{
    return add(c, role, kh_config_string(c->config, section, key), err);
}

static int is_pin(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 4 &&
           strcmp(entry->d_name + len - 4, ".pem") == 0;
}

static kh_status add_pins(struct collector *c, struct kh_error *err)
{
    const char *dir = kh_config_string(c->config, "tls", "trust_dir");
    struct dirent **list = NULL;
    int count = dir ? scandir(dir, &list, is_pin, alphasort) : 0;
    kh_status st = KH_OK;

    if (count < 0 && errno != ENOENT)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", dir, strerror(errno));
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];

        (void)snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name);
        if (st == KH_OK)
            st = add(c, KH_ROLE_TRUST, path, err);
        free(list[i]);
    }
    free(list);
    return st;
}

static kh_status add_tls(struct collector *c, struct kh_error *err)
{
    static const char *const trust[] = {"certificate", "ca_file", "crl_file"};
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < sizeof trust / sizeof *trust; i++)
        st = add_option(c, KH_ROLE_TRUST, "tls", trust[i], err);
    if (st == KH_OK && c->keys)
        st = add_option(c, KH_ROLE_PRIVATE_KEY, "tls", "private_key", err);
    return st == KH_OK ? add_pins(c, err) : st;
}

static kh_status add_remote(struct collector *c, struct kh_error *err)
{
    static const char section[] = "backend.keyhsm";
    static const char *const trust[] = {
        "server_certificate", "client_certificate", "ca_file", "crl_file"};
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < sizeof trust / sizeof *trust; i++)
        st = add_option(c, KH_ROLE_TRUST, section, trust[i], err);
    if (st == KH_OK && c->keys)
        st = add_option(c, KH_ROLE_PRIVATE_KEY, section, "client_key", err);
    return st;
}

/* "SEQ HASH" without its line end and leading zeros. */
static void note_audit(
    struct kh_backup_manifest *manifest, const struct kh_backup_member *head)
{
    size_t len = head->data.len;
    const char *text = (const char *)head->data.data;

    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
        len--;
    while (len > 1 && *text == '0') {
        text++;
        len--;
    }
    if (len > 0 && len < sizeof manifest->audit)
        (void)snprintf(manifest->audit, sizeof manifest->audit, "%.*s", (int)len, text);
}

static kh_status add_audit(struct collector *c, struct kh_error *err)
{
    const char *file = kh_config_string(c->config, "audit", "file");
    size_t before = c->manifest->count;
    char head[PATH_MAX];
    kh_status st;

    if (!file)
        return KH_OK;
    (void)snprintf(head, sizeof head, "%s.head", file);
    st = add(c, KH_ROLE_AUDIT_HEAD, head, err);
    if (st == KH_OK && c->manifest->count > before)
        note_audit(c->manifest, &c->manifest->members[before]);
    return st;
}

static kh_status collect_one(struct collector *c, const struct kh_setup *setup,
    const char *ini, struct kh_error *err)
{
    char *path = realpath(ini, NULL); /* it may have been given as a relative one */
    kh_status st;

    c->config = setup->config;
    st = path ? add(c, KH_ROLE_CONFIGURATION, *ini == '/' ? ini : path, err)
              : kh_fail(err, KH_UNAVAILABLE, "%s: %s", ini, strerror(errno));
    free(path);
    if (st == KH_OK)
        st = add_tls(c, err);
    if (st == KH_OK)
        st = add_remote(c, err);
    return st == KH_OK ? add_audit(c, err) : st;
}

kh_status kh_backup_collect(struct kh_backup_manifest *manifest,
    const struct kh_backup_place *place, bool keys, struct kh_error *err)
{
    struct collector c = {.manifest = manifest, .keys = keys};
    kh_status st = KH_OK;

    if (place->keyhsm.config)
        st = collect_one(&c, &place->keyhsm, place->keyhsm_ini, err);
    if (st == KH_OK && place->trustee.config)
        st = collect_one(&c, &place->trustee, place->trustee_ini, err);
    return st;
}
