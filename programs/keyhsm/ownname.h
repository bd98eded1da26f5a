/* The name a key server on this host calls keyhsmd by. */
#ifndef KH_PROGRAMS_KEYHSM_OWNNAME_H
#define KH_PROGRAMS_KEYHSM_OWNNAME_H

#include <stdbool.h>

#define KH_OWN_NAME_SIZE 256 /* bytes, with the NUL */

/*
 * The host's own name, fully qualified, when every address it stands for is one of this
 * host that can be listened on: the procedure has keyhsmd at https://HOST:9090, and that
 * is what HOST is. Else "localhost". Looks the name up, so it may wait for a name server.
 * Thread safe.
 */
void kh_own_name(char out[KH_OWN_NAME_SIZE]);

/* Whether every address of NAME is one of this host. */
bool kh_name_is_here(const char *name);

#endif
