/* libevent's memory: wiped before it is freed, because buffers carry deposits. */
#ifndef KH_SERVER_MEMORY_H
#define KH_SERVER_MEMORY_H

/* Once, before libevent is used. */
void kh_event_memory_init(void);

#endif
