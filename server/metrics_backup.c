#include "server/metrics_parts.h"

#include "core/fileio.h"
#include "core/secmem.h"
#include "server/exposition.h"

#include <stdlib.h>
#include <string.h>

/* What `ktadmin backup` writes down in the state directory. */
#define RECORD "last-backup"
enum { RECORD_MAX = 16384 };

/* When the last backup was made; 0: none, or nobody can tell. */
static int64_t last_backup(const char *state_dir)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    struct kh_error err = {0};
    char line[512] = "";
    char path[4096];
    const char *when;
    int n = snprintf(path, sizeof path, "%s/" RECORD, state_dir);

    if (n < 0 || n >= (int)sizeof path ||
        kh_file_read(path, RECORD_MAX, &text, &err) != KH_OK)
        return 0;
    memcpy(line, text.data, text.len < sizeof line ? text.len : sizeof line - 1);
    line[strcspn(line, "\n")] = '\0';
    when = strstr(line, " time ");
    return when ? (int64_t)strtoll(when + 6, NULL, 10) : 0;
}

/* Only where there is a catalog to lose. */
void kh_metrics_backup(struct kh_app *app, FILE *to)
{
    struct kh_backend *backend = app->backend;
    char section[KH_NAME_MAX + 16];
    const char *state_dir;

    snprintf(section, sizeof section, "backend.%s", kh_backend_name(backend));
    state_dir = kh_config_string(kh_backend_config(backend), section, "state_dir");
    if (state_dir)
        kh_expose_gauge(to, "keyhsm_backup_last_success_timestamp_seconds",
            "When 'ktadmin backup' last made a backup of the catalog, seconds since "
            "1970; "
            "0 is never.",
            (double)last_backup(state_dir));
}
