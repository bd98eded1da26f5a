/* The Prometheus text format (version 0.0.4), line by line. Pure. */
#ifndef KH_SERVER_EXPOSITION_H
#define KH_SERVER_EXPOSITION_H

#include <stdint.h>
#include <stdio.h>

/* What stands before the series of a family. TYPE: "counter", "gauge", "histogram". HELP
 * is one line without a backslash. */
void kh_expose_head(FILE *to, const char *name, const char *type, const char *help);

/* A family of one series. */
void kh_expose_gauge(FILE *to, const char *name, const char *help, double value);
void kh_expose_counter(FILE *to, const char *name, const char *help, uint64_t value);

/* VALUE as it stands between the quotes of a label. */
void kh_expose_value(FILE *to, const char *value);

#endif
