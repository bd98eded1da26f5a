#include "server/app.h"

#include "server/hello.h"

void kh_app_use(struct kh_app *app, struct kh_backend *backend)
{
    kh_hello_use(app->hello, backend);
    atomic_store(&app->backend, backend);
    atomic_store(&app->ready_until, 0);
}
