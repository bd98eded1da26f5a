#include "server/app.h"

#include "server/hello.h"

kh_status kh_app_use(struct kh_app *app, struct kh_backend *backend, struct kh_error *err)
{
    struct kh_info info = {0};
    kh_status st = kh_backend_info(backend, &info, err);

    if (st != KH_OK && st != KH_UNAVAILABLE && st != KH_BUSY)
        return st;
    atomic_store(
        &app->data_max, info.data_max ? info.data_max : (size_t)KH_DATA_DEFAULT_MAX);
    kh_hello_use(app->hello, backend);
    atomic_store(&app->backend, backend);
    return KH_OK;
}
