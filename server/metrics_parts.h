/* The parts that GET /metrics is put together from (metrics_text.c). Each prints whole
 * families; on a worker. */
#ifndef KH_SERVER_METRICS_PARTS_H
#define KH_SERVER_METRICS_PARTS_H

#include "server/app.h"

#include <stdio.h>

/* metrics_backend.c: the backend's state, what it holds, and what was asked of it. */
void kh_metrics_backend(struct kh_app *app, FILE *to);

/* metrics_expiry.c: when the certificates end that the daemon shows, pins or believes. */
void kh_metrics_expiry(struct kh_app *app, FILE *to);

/* metrics_backup.c: when the catalog was last backed up. */
void kh_metrics_backup(struct kh_app *app, FILE *to);

/* metrics_process.c: the process_* families that every program has. */
void kh_metrics_process(FILE *to);

#endif
