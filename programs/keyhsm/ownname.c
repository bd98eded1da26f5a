#include "programs/keyhsm/ownname.h"

#include "programs/common/selfsigned.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Only an address of this host can be bound; which port is no matter. */
static bool is_here(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool here = fd >= 0 && bind(fd, address->ai_addr, address->ai_addrlen) == 0;

    if (fd >= 0)
        (void)close(fd);
    return here;
}

bool kh_name_is_here(const char *name)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    bool here = getaddrinfo(name, NULL, &hints, &found) == 0;

    for (const struct addrinfo *a = found; here && a; a = a->ai_next)
        here = is_here(a);
    if (found)
        freeaddrinfo(found);
    return here;
}

void kh_own_name(char out[KH_OWN_NAME_SIZE])
{
    kh_selfsigned_host(out, KH_OWN_NAME_SIZE);
    if (!kh_name_is_here(out))
        snprintf(out, KH_OWN_NAME_SIZE, "localhost");
}
