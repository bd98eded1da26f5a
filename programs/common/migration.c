#include "programs/common/migration.h"

#include "core/loader.h"
#include "programs/common/migration_ask.h"
#include "programs/common/migration_view.h"

#include <unistd.h>

struct job {
    const struct kh_migration_request *request;
    const struct kh_setup *setup;
    struct kh_migration_options options;
    struct kh_migration_view view;
    struct kh_backend *source;
    struct kh_backend *destination;
    struct kh_migration *migration;
};

kh_status kh_migration_check(const struct kh_migration_request *request,
    const char *plugin_dir, struct kh_error *err)
{
    const struct kh_plugin *from = NULL;
    const struct kh_plugin *to = NULL;
    kh_status st = kh_loader_load(plugin_dir, request->from, &from, err);

    if (st == KH_OK)
        st = kh_loader_load(plugin_dir, request->to, &to, err);
    if (st != KH_OK)
        return KH_INVALID;
    return kh_migrate_check(from, to, err);
}

static int fail(struct job *job, int status, const struct kh_error *err)
{
    kh_migration_view_say(&job->view, "%s", err->message);
    return status;
}

static kh_status open_end(
    struct job *job, struct kh_backend **out, const char *name, struct kh_error *err)
{
    return kh_backend_open(
        out, name, job->setup->plugin_dir, job->setup->config, KH_OPEN_MIGRATE, err);
}

/* *STATUS gets the exit status when the source was left earlier, and true is returned. */
static bool sealed_before(struct job *job, int *status)
{
    struct kh_migration_result result;
    struct kh_error err = {0};
    bool sealed = false;
    kh_status st = kh_migrate_sealed(&job->options, &sealed, &result, &err);

    if (st != KH_OK) {
        *status = fail(job, KH_MIGRATION_FAILED, &err);
        return true;
    }
    if (!sealed)
        return false;
    *status = KH_MIGRATION_COMMITTED;
    kh_migration_view_say(&job->view,
        "nothing to do: %s was migrated and sealed before; its deposits live in %s",
        result.source, result.destination);
    kh_migration_view_result(&job->view, &result, *status);
    return true;
}

static int stop_before_start(struct job *job)
{
    const struct kh_migration_result *r = kh_migrate_result(job->migration);
    int status = atomic_load(job->options.cancelled) ? KH_MIGRATION_INTERRUPTED
                                                     : KH_MIGRATION_FAILED;

    kh_migration_view_say(
        &job->view, "Nothing was changed. To migrate, run the same command again.");
    kh_migration_view_result(&job->view, r, status);
    return status;
}

/* After a plan without findings. */
static int ask_and_run(struct job *job)
{
    const struct kh_migration_result *r = kh_migrate_result(job->migration);
    FILE *lines = job->request->json ? stderr : stdout;
    struct kh_error err = {0};
    bool moves = !r->empty || job->options.seal_empty;
    kh_status st;

    if (!r->empty && !job->request->yes &&
        !kh_migration_ask(lines, job->options.cancelled))
        return stop_before_start(job);
    if (job->request->begin && job->request->begin(job->request->arg, &err) != KH_OK)
        return fail(job, KH_MIGRATION_FAILED, &err);
    if (moves && !job->request->json) {
        fputs("Migrating hsm deposits...\n", stdout);
        (void)fflush(stdout);
    }
    st = kh_migrate_run(job->migration, &err);
    if (st != KH_OK)
        (void)fail(job, 0, &err);
    kh_migration_view_result(&job->view, r, r->outcome);
    if (st == KH_OK && moves && !job->request->json) {
        fputs("\nMigration Complete!\n", stdout);
        (void)fflush(stdout);
    }
    return r->outcome;
}

static int plan_and_run(struct job *job)
{
    const struct kh_migration_result *r;
    struct kh_error err = {0};

    if (kh_migrate_open(&job->migration, &job->options, &err) != KH_OK)
        return fail(job, kh_exit_code(err.status), &err);
    r = kh_migrate_result(job->migration);
    if (kh_migrate_plan(job->migration, &err) != KH_OK) {
        (void)fail(job, 0, &err);
        kh_migration_view_result(&job->view, r, r->outcome);
        return r->outcome;
    }
    if (!job->options.dry_run)
        return ask_and_run(job);
    kh_migration_view_say(&job->view,
        "dry run: %llu deposits could be moved to %s; nothing was changed",
        (unsigned long long)r->deposits, r->destination);
    kh_migration_view_result(&job->view, r, KH_EXIT_OK);
    return KH_EXIT_OK;
}

static int work(struct job *job)
{
    struct kh_error err = {0};
    int status;

    if (open_end(job, &job->source, job->request->from, &err) != KH_OK)
        return fail(job, kh_exit_code(err.status), &err);
    job->options.source = job->source;
    if (sealed_before(job, &status))
        return status;
    if (open_end(job, &job->destination, job->request->to, &err) != KH_OK) {
        bool away = err.status == KH_UNAVAILABLE || err.status == KH_BUSY;

        return fail(
            job, away ? KH_MIGRATION_UNAVAILABLE : kh_exit_code(err.status), &err);
    }
    job->options.destination = job->destination;
    /* Only now: until here there is nothing to finish, and a PIN prompt is best just
     * ended. */
    job->options.cancelled = kh_migration_catch_signals(KH_MIGRATION_INTERRUPTED);
    return plan_and_run(job);
}

int kh_migration_main(
    const struct kh_migration_request *request, const struct kh_setup *setup)
{
    struct job job = {
        .request = request,
        .setup = setup,
        .options = request->engine,
        .view = {.program = request->program,
            .json = request->json,
            .tty = !request->json && isatty(STDERR_FILENO),
            .out = stdout,
            .err = stderr,
            .clock = kh_monotonic},
    };
    int status;

    job.options.event = kh_migration_view_event;
    job.options.arg = &job.view;
    status = work(&job);
    kh_migrate_close(job.migration);
    kh_backend_close(job.destination);
    kh_backend_close(job.source);
    return status;
}
