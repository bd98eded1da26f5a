#include "server/notify.h"

#include "server/http.h"

#include <systemd/sd-daemon.h>

void kh_notify_ready(const char *status)
{
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void kh_notify_reloading(void)
{
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=Reloading",
        (unsigned long long)(kh_clock_ns() / 1000));
}

void kh_notify_stopping(const char *status)
{
    (void)sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status);
}

void kh_notify_alive(uint64_t now_ms)
{
    static uint64_t last;
    uint64_t usec = 0;

    if (sd_watchdog_enabled(0, &usec) <= 0 || (last && now_ms - last < usec / 4000))
        return;
    last = now_ms;
    (void)sd_notify(0, "WATCHDOG=1");
}
