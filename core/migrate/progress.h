/*
 * How far a migration has come, for those who watch it from outside (a daemon's status
 * page): KEY.progress beside the journal, one JSON object, written anew about once a
 * second while it copies, verifies and commits, and removed when it ends. One that is
 * left behind by a killed process names a pid that is gone. It holds counts and places,
 * no names.
 */
#ifndef KH_MIGRATE_PROGRESS_H
#define KH_MIGRATE_PROGRESS_H

#include "core/migrate/internal.h"

/* Writes what EVENT says. Nobody relies on it, so it never fails. Without a journal it
 * does nothing. Any thread; not with m->lock held. */
void kh_progress_write(struct kh_migration *m, const struct kh_migration_event *event);

/* Removes the file, if this migration made one. */
void kh_progress_end(struct kh_migration *m);

#endif
