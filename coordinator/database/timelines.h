/* The history of a server's timeline: from which one it left which other, and where. Pure: texts in,
 * numbers out; fork.h fetches them.
 *
 * A promotion begins a new timeline and writes a history file that names each timeline before it and the
 * position (LSN, in bytes) at which it was left. Two servers of one system share the beginning of
 * their histories; the end of what they share is the fork: what either wrote after it, the other
 * does not have.
 */
#ifndef FAILOVERD_DATABASE_TIMELINES_H
#define FAILOVERD_DATABASE_TIMELINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"

#define TIMELINES_MAX 256            /* promotions that one history may tell of */
#define TIMELINES_TEXT_MAX 65536     /* bytes of a history file that are looked at; a longer one is refused */
#define TIMELINE_LSN_TEXT_MAX 20

struct timeline_past {
    uint32_t timeline;
    uint64_t end_lsn;                /* where it was left for the next */
};

struct timelines {
    uint32_t current;                /* 0: unknown */
    size_t count;                    /* of `past`, oldest first */
    struct timeline_past past[TIMELINES_MAX];
};

/* Reads a history file of timeline `current` (which has none when it is 1: then `text` is ""). The text comes
 * from a server and may be anything: numbers that do not grow, positions that go back, garbage are refused
 * with a sentence, and *out is then empty. */
bool timelines_parse(const char *text, uint32_t current, struct timelines *out, struct fault *fault) CHECKED;

enum timelines_relation {
    TIMELINES_SAME,       /* both are on the same timeline */
    TIMELINES_LEFT,       /* theirs left ours at `lsn`: ours is an ancestor */
    TIMELINES_DIVERGED,   /* ours is no ancestor of theirs; they share what is before `lsn` */
    TIMELINES_UNRELATED,  /* they share nothing */
};

struct timelines_fork {
    enum timelines_relation relation;
    uint32_t timeline;    /* the last one that they share; 0: none */
    uint64_t lsn;         /* where they part; 0: nowhere (same) or unrelated */
};

/* Both whole. A number alone does not make two timelines the same: two standbys promoted
 * independently both call theirs 2. What came before is compared, the way pg_rewind does. */
struct timelines_fork timelines_compare(const struct timelines *ours, const struct timelines *theirs);

/* By the number alone, where our own history is not known. */
struct timelines_fork timelines_find(uint32_t ours, const struct timelines *theirs);

/* "0/3000148" and back, as PostgreSQL writes them. */
const char *timeline_lsn_text(char out[TIMELINE_LSN_TEXT_MAX], uint64_t lsn);
bool timeline_lsn_parse(const char *text, uint64_t *lsn) CHECKED;

#endif
