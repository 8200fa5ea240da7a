/* The newest lines of the journal, in memory, for people who follow it (failoverctl events).
 *
 * The file has the same lines, and more of them, but it is not what an answer is made of: reading it would block the
 * control loop on the disk or need a thread beside the writer's; it is moved away under a reader (logrotate), ends in
 * torn lines, and lacks the newest ones for as long as its disk is full, which is when somebody looks. A ring of
 * bounded count and bytes costs a reference per line and has none of that. It begins with the file's tail, which is
 * read at the start anyway, so a restart is no hole. What is older than the ring is in the file for other tools.
 *
 * Who follows keeps a cursor: the run of the daemon and the seq of the last line seen. seq grows by one with each
 * line, so what the ring no longer has is counted. Of another run the cursor holds as long as seq went on from there.
 *
 * One thread; no I/O.
 */
#ifndef FAILOVERD_REPORT_RECENT_H
#define FAILOVERD_REPORT_RECENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECENT_LINES_MAX 1024
#define RECENT_BYTES_MAX (1024 * 1024)         /* of the lines as they are in the file */
#define RECENT_ANSWER_LINES_MAX 200
#define RECENT_ANSWER_BYTES_MAX (256 * 1024)

struct recent;

struct recent *recent_new(void); /* NULL without memory */
void recent_free(struct recent *recent);

/* Keeps a reference to the line, which nobody changes any more; `bytes` is its length in the file. One whose seq does
 * not go on from the last one's is passed over. */
void recent_line(struct recent *recent, json_t *line, size_t bytes);

/* What came until now is of earlier runs; `seq` is the highest there. Once. */
void recent_begin(struct recent *recent, uint64_t seq);

struct recent_question {
    int64_t after;       /* seq of the last line seen; -1: no cursor, and then: */
    const char *run;     /* of the answer that gave `after`; NULL: this one's */
    const char *since;   /* without cursor: time of the earliest wanted, as lines have it; NULL: all */
    size_t newest;       /* without cursor: this many of the newest only; 0: all */
    const char *service; /* NULL: of all, and those of none */
};

/* { "run", "events": [lines, oldest first], "next": cursor, "more": ask again at once, "missed": lines between cursor
 *   and answer that are not here any more, "restarted": the cursor is another run's, "cut": older ones that were asked
 *   for are not here }. A new reference; NULL without memory. */
json_t *recent_json(const struct recent *recent, const struct recent_question *question);

#endif
