/* The table of meters inside a struct kh_metrics: shared by metrics.c and meter.c only.
 */
#ifndef KH_SERVER_METER_IMPL_H
#define KH_SERVER_METER_IMPL_H

#include "server/meter.h"

#include <pthread.h>
#include <stdio.h>

struct kh_before;

/* Series of one family stand together: the text format wants that. */
struct kh_meters {
    pthread_mutex_t lock; /* of the list; a meter's value is atomic */
    struct kh_meter *first;
    struct kh_before *before; /* ever longer, and never changed behind its head */
};

void kh_meters_init(struct kh_meters *meters);
/* Frees every meter. */
void kh_meters_clear(struct kh_meters *meters);
/* Runs what kh_metrics_before gave, then writes every family with its help and type.
 * Thread safe. */
void kh_meters_print(struct kh_meters *meters, FILE *to);

/* Of a struct kh_metrics, which only metrics.c knows. */
struct kh_meters *kh_metrics_meters(struct kh_metrics *metrics);

#endif
