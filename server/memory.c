#include "server/memory.h"

#include "core/secmem.h"

#include <event2/event.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* realloc may leave the old bytes behind where it moves: so this never moves without
 * wiping. */
static void *wiping_realloc(void *old, size_t size)
{
    size_t had = malloc_usable_size(old);
    void *fresh;

    if (!old || size == 0) {
        kh_wipe_free(old);
        return size ? malloc(size) : NULL;
    }
    fresh = malloc(size);
    if (!fresh)
        return NULL;
    memcpy(fresh, old, had < size ? had : size);
    kh_wipe_free(old);
    return fresh;
}

void kh_event_memory_init(void)
{
    event_set_mem_functions(malloc, wiping_realloc, kh_wipe_free);
}
