/* The running or last migration, as what it leaves tells. */
#ifndef KH_SERVER_STATUS_MIGRATION_H
#define KH_SERVER_STATUS_MIGRATION_H

#include <jansson.h>

/*
 * Looks into DIR, where migrations keep journals and reports, for the newest of them: a
 * new reference to {"state","text","phase","done","total","from","to","at","problem"}.
 * State is running, interrupted, committed, failed or unknown (DIR may not be read). Null
 * when there was none. NULL without memory. Thread safe.
 */
json_t *kh_status_migration(const char *dir);

#endif
