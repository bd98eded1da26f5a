/* What systemd is told (Type=notify). Without systemd every call does nothing. */
#ifndef KH_SERVER_NOTIFY_H
#define KH_SERVER_NOTIFY_H

#include <keyhsm/types.h>

void kh_notify_ready(const char *status);
void kh_notify_reloading(void);
void kh_notify_stopping(const char *status);

/* Call often; tells the watchdog in its own time, when it is on. NOW in monotonic
 * milliseconds. */
void kh_notify_alive(uint64_t now_ms);

#endif
