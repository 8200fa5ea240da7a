/* The journal: one JSON line per event, appended to a file that outlives the process.
 *
 * Lines are made on the control loop and written by a thread of the journal's own, so a slow or full
 * disk never holds up the loop. The queue between them is bounded: what does not fit is lost, counted,
 * and said in the journal itself as soon as there is room again. A failed write is retried until
 * it succeeds; status says so meanwhile. Each line is one write to a file opened with O_APPEND; a line
 * torn by a full disk is ended and written again whole. A file that was moved away (logrotate) is noticed
 * and opened anew.
 *
 * Every line has seq, time, mono_us, node, event, level and text; where it has to do with one: service,
 * epoch, operation; and the event's own fields. README.md lists them all. The same event goes to the
 * log through coordinator/base/log.h, and to the history.
 *
 * journal_new and journal_free block on the disk; all else is for the loop's thread and does not.
 */
#ifndef FAILOVERD_REPORT_JOURNAL_H
#define FAILOVERD_REPORT_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/config/config.h"
#include "coordinator/report/history.h"
#include "coordinator/report/recent.h"
#include "policy/note.h"

#define JOURNAL_QUEUE_LINES_MAX 4096
#define JOURNAL_QUEUE_BYTES_MAX (4 * 1024 * 1024)
#define JOURNAL_LINE_MAX 8192 /* with its end; a longer one is refused and counted as lost */
#define JOURNAL_RETRY_MS 500
#define JOURNAL_TEXT_MAX 256

struct journal;

struct journal_settings {
    const char *path;
    const char *node;                     /* our name */
    const struct cluster_config *cluster; /* outlives the journal, or is replaced by journal_use */
    struct loop *loop;                    /* whose thread calls */
    struct history *history;              /* is filled from the file's tail, then kept up; may be NULL */
};

/* Opens the file (made with mode 0640), reads its tail for the next seq and for the history, and
 * starts the thread. NULL with the fault set when the file can't be opened or is no regular file. */
struct journal *journal_new(const struct journal_settings *settings, struct fault *fault);

/* Writes what is waiting for at most `wait_ms`, then ends the thread. False if lines were left
 * (then they are lost; a hung disk leaves the thread to itself). NULL is allowed and true. */
bool journal_free(struct journal *journal, int64_t wait_ms) CHECKED;

/* After a reload: names come from this configuration now. */
void journal_use(struct journal *journal, const struct cluster_config *cluster);

/* A note of the core: to journal, log and history. */
void journal_note(struct journal *journal, const struct note *note);

/* An event of the shell itself ("daemon_stopping", "config_reloaded", ...): `event` by convention is
 * [a-z_]+. `fields` is stolen and may be NULL; its keys must not be those that every line has. */
void journal_event(struct journal *journal, const char *event, int level, const char *service,
                   const char *text, json_t *fields);

/* What a person asked for, or how it came out; also what the audit trail keeps of it (audit.h). */
struct journal_audit {
    const char *event;     /* "order_asked", "order_answered", "order_denied" */
    uid_t uid;
    pid_t pid;
    const char *user;      /* name, or "" */
    const char *from;      /* the node on which that person is; NULL: this one */
    const char *role;
    const char *command;
    const char *service;   /* NULL: none */
    const char *reason;    /* NULL: none */
    uint32_t skipped_gates; /* bit per enum gate_id */
    const char *outcome;   /* of order_answered and order_denied; else NULL */
    uint64_t operation;    /* 0: none */
    uint64_t epoch;        /* 0: none */
    uint64_t asked;        /* of order_answered: the audit trail's number of what was asked; 0: none */
    const json_t *arguments; /* as asked, borrowed; NULL: none */
};

/* A line about it, synced soon; nobody waits for it, and it may get lost as any other. What has to be kept before
 * something is done goes through audit_put(). */
void journal_audit(struct journal *journal, const struct journal_audit *audit);

/* What is told to who follows: see recent.h. A new reference; NULL without memory. */
json_t *journal_events(const struct journal *journal, const struct recent_question *question);

struct journal_status {
    char path[512];
    uint64_t seq;        /* of the newest line */
    uint64_t written;    /* lines, since start */
    uint64_t lost;       /* lines, since start */
    size_t waiting;
    bool failing;        /* the last write did not succeed */
    int64_t failing_us;  /* for how long */
    char text[JOURNAL_TEXT_MAX]; /* why */
};
void journal_status(struct journal *journal, struct journal_status *status);

#endif
