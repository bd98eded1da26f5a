/*
 * Inserts rows and says after each what became of it, one line each, until COUNT or for
 * ever: catalog_worker PATH FIRST COUNT "ack N" when the row dN is durable, else "status
 * S message". To be killed and traced by tests.
 */
#include "support.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    struct kh_catalog *c = NULL;
    struct kh_error err = {0};
    unsigned first;
    unsigned count;

    if (argc != 4)
        return 2;
    first = (unsigned)strtoul(argv[2], NULL, 10);
    count = (unsigned)strtoul(argv[3], NULL, 10);
    if (kh_catalog_open_sqlite(argv[1], &c, &err) != KH_OK) {
        printf("open %d %s\n", (int)err.status, err.message);
        return 1;
    }
    for (unsigned i = first; count == 0 || i < first + count; i++) {
        char name[16];
        kh_status status = announce(c, i, "deposit", &err);

        snprintf(name, sizeof name, "d%u", i);
        if (status == KH_OK)
            status = insert(c, name, 0, i, &err);
        if (status == KH_OK)
            printf("ack %u\n", i);
        else
            printf("status %d %s\n", (int)status, err.message);
        fflush(stdout);
    }
    c->close(c);
    return 0;
}
