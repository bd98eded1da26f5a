#include "server/exposition.h"

void kh_expose_head(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void kh_expose_gauge(FILE *to, const char *name, const char *help, double value)
{
    kh_expose_head(to, name, "gauge", help);
    fprintf(to, "%s %.17g\n", name, value);
}

void kh_expose_counter(FILE *to, const char *name, const char *help, uint64_t value)
{
    kh_expose_head(to, name, "counter", help);
    fprintf(to, "%s %llu\n", name, (unsigned long long)value);
}

void kh_expose_value(FILE *to, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n')
            fputs("\\n", to);
        else if (*value == '"' || *value == '\\')
            fprintf(to, "\\%c", *value);
        else
            fputc(*value, to);
    }
}
