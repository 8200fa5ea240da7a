/* History: what operations there were and how they went, put together from journal lines.
 *
 * The last HISTORY_OPERATIONS_MAX operations are kept, each with its steps, gates, loss, proof and
 * outcome; older ones are forgotten (the journal still has them). It is filled once from the tail
 * of the journal at start and then line by line as they are written, so both ways give the same. A
 * node knows the steps of what it carried out itself; of others' operations it knows what the
 * ledger says. Lines come from a file, so they may be anything: what does not fit is skipped.
 *
 * One thread. history_load blocks on the disk and is for the start (and for tests).
 */
#ifndef FAILOVERD_REPORT_HISTORY_H
#define FAILOVERD_REPORT_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/report/recent.h"

#define HISTORY_OPERATIONS_MAX 64
#define HISTORY_STEPS_MAX 24      /* of one operation, in the order in which they first began */
#define HISTORY_GATES_MAX 16
#define HISTORY_SERVICES_MAX 32
#define HISTORY_TAIL_BYTES_MAX (8 * 1024 * 1024)
#define HISTORY_LINE_MAX 16384
#define HISTORY_LOST_MAX 16       /* reports of lost writes */
#define HISTORY_LOST_TEXT_MAX 1024
#define HISTORY_NAME_MAX 64
#define HISTORY_TEXT_MAX 200

struct history;

struct history *history_new(void); /* NULL without memory */
void history_free(struct history *history);

/* One journal line, parsed. Borrowed. */
void history_line(struct history *history, const json_t *line);

/* The tail of a journal; a file that is not there is an empty one. *last_seq is the highest seq in it
 * (0: none), *torn whether it does not end with a line end. Either may be NULL. `recent`, too, gets the lines;
 * it and `history` may be NULL. */
bool history_load(struct history *history, struct recent *recent, const char *path, uint64_t *last_seq, bool *torn,
                  struct fault *fault) CHECKED;

/* { "operations": [ newest first ], "forgotten": n, "lost_writes": [ newest first ] } as README.md says; `service` NULL: of all,
 * `limit` 0: as many as are kept. A new reference; NULL without memory. */
json_t *history_json(const struct history *history, const char *service, size_t limit);

/* The last DNS act of a service. */
struct history_dns {
    char act[HISTORY_NAME_MAX];
    char outcome[HISTORY_NAME_MAX];
    char detail[HISTORY_TEXT_MAX];
    int64_t mono_us;   /* of this boot only; 0: from a line before the last start */
};
bool history_last_dns(const struct history *history, const char *service, struct history_dns *out) CHECKED;

/* What is known here of one operation. */
struct history_brief {
    char kind[HISTORY_NAME_MAX]; /* a stable name, "failover" */
    bool proven;                 /* this node carried it out and told how the old writer's fence was proven */
};
bool history_brief(const struct history *history, uint64_t operation, struct history_brief *out) CHECKED;

/* How long that step took: the median over the newest runs of that kind (a stable name, "failover") in which this
 * node carried it to its end, also of operations that went back later. */
#define HISTORY_TIMES_RUNS_MAX 9
struct history_time {
    double ms;     /* -1: there was no such run */
    unsigned runs; /* how many it rests on */
};
struct history_time history_step_time(const struct history *history, const char *service, const char *kind,
                                      const char *step);
/* The same of the whole, by the ledger, whoever carried it out: over the newest that this node saw end well. */
struct history_time history_total_time(const struct history *history, const char *service, const char *kind);

#endif
