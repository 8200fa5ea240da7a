/* The audit trail: every verb that changes something, on disk before it is done.
 *
 * A file of its own and not the journal, because the two promise opposite things. The journal takes all that happens,
 * and when its disk is too slow it loses lines and says how many; it is rotated often and read by machines. The trail
 * takes only what people order, loses nothing that was acted on, is kept for years, and every line carries the hash
 * of the one before (audit_chain.h), which lines that may be lost could not bear. The journal still tells the same
 * story in its order of events, and is told the hash of each line of the trail as soon as it is on disk (`audit_line`):
 * whoever ships the journal away has what a chain in one file can't give by itself, a witness.
 *
 * Lines are made on the loop and written by a thread (journal_writer.h); a verb waits until its line is synced, for at
 * most AUDIT_DEADLINE_MS, while the loop goes on. Not written in time, no room in the queue, a file that could not be
 * read at the start: the verb is refused. Lines of refused verbs stay in the queue and are written when the disk takes
 * them, followed by their outcome: asking is on record, too. What failoverd does by itself never comes by here.
 *
 * A file that was moved away is followed by a new one that continues the chain. At a start the chain goes on from the
 * file's last whole line; what a crash left after it is named by length and hash in the line written then ("opened").
 * With no file, or none of its last AUDIT_TAIL_BYTES readable, another chain begins.
 *
 * audit_new and audit_free block on the disk; all else is for the loop's thread and does not.
 */
#ifndef FAILOVERD_REPORT_AUDIT_H
#define FAILOVERD_REPORT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/report/audit_chain.h"
#include "coordinator/report/journal.h"

#define AUDIT_DEADLINE_MS 2000
#define AUDIT_TAIL_BYTES (4 * AUDIT_LINE_MAX)

struct audit;

struct audit_settings {
    const char *path;
    const char *node;        /* our name */
    struct loop *loop;
    struct journal *journal; /* outlives the trail; is told the same events and each line's hash */
};

/* Reads the file's end, starts the thread and writes the line "opened"; does not wait for it. A file that can't be
 * used is no failure, since failoverd has to run without it: the log says so, and every audit_put fails until a
 * restart. NULL with the fault set: no memory, no thread, or too long a name. */
struct audit *audit_new(const struct audit_settings *settings, struct fault *fault);

/* Writes what is waiting for at most `wait_ms`. False if lines were left. Nobody is told any more. NULL is allowed and
 * true. */
bool audit_free(struct audit *audit, int64_t wait_ms) CHECKED;

/* On the loop's thread, exactly once unless forgotten: the line and all before it are on disk; or the fault says why
 * not within the deadline. */
typedef void audit_kept(bool ok, const struct fault *fault, void *arg);

/* Queues the line, and the journal's. *seq is its number, if `seq` is not NULL. `kept` may be NULL: nobody waits. False
 * with the fault set, and no answer follows, when it can't even be queued; the journal has it all the same. */
bool audit_put(struct audit *audit, const struct journal_audit *entry, audit_kept *kept, void *arg, uint64_t *seq,
               struct fault *fault) CHECKED;

/* Whoever waits with this `arg` is not told any more. The lines are written all the same. */
void audit_forget(struct audit *audit, const void *arg);

struct audit_status {
    char path[512];
    uint64_t seq;               /* of the newest line on disk; 0: none yet */
    char hash[AUDIT_HASH_SIZE]; /* its hash */
    size_t waiting;             /* lines */
    uint64_t lost;              /* that found no room, since start; nothing was done on them */
    bool failing;               /* orders are refused now */
    int64_t failing_us;         /* for how long */
    char text[JOURNAL_TEXT_MAX]; /* why */
};
void audit_status(struct audit *audit, struct audit_status *status);

#endif
