#include "server/status.h"

#include "core/migrate/migrate.h"
#include "core/version.h"
#include "server/certs.h"
#include "server/reply.h"
#include "server/status_json.h"
#include "server/status_migration.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static json_t *host_name(void)
{
    char name[256] = "";

    if (gethostname(name, sizeof name - 1) != 0)
        name[0] = '\0';
    return kh_status_text(name);
}

static json_t *compose(struct kh_app *app, const struct kh_request *request,
    const struct kh_survey_view *view)
{
    json_t *certificates = kh_certs_json(app->certs, app->tls, app->backend);
    json_t *summary = kh_status_summary(app, view, certificates);

    return json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}",
        "daemon", app->name, "version", kh_version, "host", host_name(), "time",
        kh_status_time((int64_t)time(NULL)), "started", kh_status_time(app->started),
        "summary", summary, "links", kh_status_links(app, view), "backend",
        kh_status_backend(app, view), "deposits", kh_status_deposits(view), "token",
        kh_status_token(app, view), "requests", kh_status_requests(app->history),
        "certificates", certificates, "migration",
        kh_status_migration(KH_MIGRATION_STATE_DIR), "audit",
        kh_status_audit(app, request));
}

void kh_status_handler(struct kh_app *app, struct kh_request *request)
{
    struct kh_survey_view view = {0};

    if (*request->query) {
        kh_response_error(&request->response, 400, "invalid",
            "query: the status takes no parameters", NULL);
        return;
    }
    kh_survey_look(app->survey, app->backend, &view);
    kh_reply_json(request, 200, compose(app, request, &view));
}
