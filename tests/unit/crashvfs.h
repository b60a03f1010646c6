/* SPDX-License-Identifier: Apache-2.0
 *
 * A VFS of SQLite that knows what a power cut leaves (D26). It writes through to the default VFS, and beside that keeps for
 * each file the image of its last xSync and every write since. At the armed operation everything begins to fail, as for a
 * process that is gone; crashvfs_settle() then makes the files what the disk may hold, and the store can be opened again.
 *
 *     crashvfs_install();                 once, before db_open
 *     crashvfs_reset(); crashvfs_arm(17); the 17th write, sync, truncation or removal from now on is the last
 *     ... drive the store, close it ...
 *     crashvfs_settle(CRASH_SUBSET, 17);  then open again
 *
 * Existence: a new file is there for sure after its first sync (the unix VFS syncs the directory of logs and journals then),
 * a removed one may come back unless the removal asked for a synced directory. Any thread.
 */
#ifndef ZB_TESTS_CRASHVFS_H
#define ZB_TESTS_CRASHVFS_H

#include <stdbool.h>
#include <stdint.h>

enum crash_mode {
    CRASH_DROP,   /* nothing of what was not synced */
    CRASH_ALL,    /* all of it, but for the operation that failed: a killed process */
    CRASH_SUBSET, /* any part of it, in any order */
    CRASH_TEAR,   /* a beginning of it, the last write cut at a multiple of 512 */
};

void     crashvfs_install(void);
void     crashvfs_remove(void);
void     crashvfs_reset(void);          /* forgets all files (they count as synced), faults and counts */
void     crashvfs_arm(uint64_t n);      /* 0: never */
bool     crashvfs_crashed(void);
void     crashvfs_settle(enum crash_mode mode, uint64_t seed);
void     crashvfs_full(int64_t after);  /* writes that make a file longer fail with SQLITE_FULL after so many; -1: never */
uint64_t crashvfs_ops(void);            /* counted since the reset */
uint64_t crashvfs_syncs(void);
uint64_t crashvfs_unsynced(const char *suffix); /* operations since the last sync on files whose names end so */

#endif
