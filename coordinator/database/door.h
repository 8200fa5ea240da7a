/* The door: a fence over libpq alone, for database hosts that we can't reach into.
 *
 * Shut: session_preload_libraries names a library that does not exist, so no new session can start,
 * and default_transaction_read_only is on; then every session that could write is ended. A session
 * that was forked before the reload may still finish its login, so the proof takes
 * 2 x (authentication_timeout + post_auth_delay) and a second, clean sweep.
 *
 * Each call is one errand with a life of its own: it ends with exactly one callback, on the loop, by
 * its deadline at the latest, and frees itself after it; or it is cancelled before, without
 * callback. Two errands for one database at a time are the caller's mistake: cancel the open before
 * you shut. (A shut that follows is proof even so: its sweep ends the session of the cancelled one.)
 * All of them may be repeated. Times are base_mono_us.
 */
#ifndef FAILOVERD_DATABASE_DOOR_H
#define FAILOVERD_DATABASE_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"

/* The library that does not exist. */
#define DOOR_LIBRARY "failoverd_door_is_shut"
/* Above this the proof takes longer than a failover should: readiness complains. */
#define DOOR_AUTHENTICATION_TIMEOUT_MAX_S 5
#define DOOR_FINDINGS_MAX 24
#define DOOR_FINDING_TEXT_MAX 320

/* Texts are copied by each call. */
struct door_settings {
    struct pg_target guard;  /* the role of etc/postgresql-setup.sql that the door lets in */
    struct pg_target canary; /* the role that it keeps out: our proof */
};

enum door_outcome {
    DOOR_DONE,       /* shut: confirmed. open: a new session gets in. inspect: the state is known */
    DOOR_LATE,       /* open: the deadline passed first. It was told to be shut again: shut it to prove it */
    DOOR_FAILED,     /* see why */
    DOOR_UNPROVEN,   /* shut: the deadline came before the proof; the settings may be in force */
};

enum door_state { DOOR_STATE_UNKNOWN, DOOR_STATE_OPEN, DOOR_STATE_SHUT };

struct door_report {
    enum door_outcome outcome;
    enum door_state state;    /* what the last canary saw */
    size_t writers;           /* sessions found by the last sweep or look that could still write */
    bool writers_known;
    bool in_recovery;         /* when `state` is known */
    int64_t shut_us;          /* when the canary was first refused; 0: it was not */
    int64_t confirmed_us;     /* when the proof was complete; 0: it is not */
    size_t sessions_ended;
    struct fault why;         /* a sentence, also when done */
};

typedef void door_fn(void *arg, const struct door_report *report);

struct door_finding {
    char name[48];                    /* stable: "authentication_timeout", "superuser_login", ... */
    bool serious;                     /* the fence may not hold; else it is only worth knowing */
    char text[DOOR_FINDING_TEXT_MAX]; /* what, what it means, what to do */
};
struct door_findings {
    bool complete; /* all questions were answered; else `why` says what was not */
    size_t count;
    struct door_finding list[DOOR_FINDINGS_MAX];
    struct fault why;
};
typedef void door_findings_fn(void *arg, const struct door_findings *findings);

struct door_errand;

/* Ends it without a callback. What was already sent to the server may still happen. */
void door_cancel(struct door_errand *errand);

/* Shuts and proves it. `progress` (or NULL) is called once when new sessions are kept out, with
 * shut_us set; `done` when it is confirmed, or is not. NULL with the fault set: not begun. */
struct door_errand *door_shut(struct loop *loop, const struct door_settings *settings, int64_t deadline_us,
                              door_fn *progress, door_fn *done, void *arg, struct fault *fault);

/* Opens, but does not begin to after `not_after_us`, the end of the lease, by the database's own
 * clock. The caller checks its lease again in `done`, and shuts if it lapsed. */
struct door_errand *door_open(struct loop *loop, const struct door_settings *settings, int64_t not_after_us,
                              int64_t deadline_us, door_fn *done, void *arg, struct fault *fault);

/* Looks, and changes nothing. */
struct door_errand *door_inspect(struct loop *loop, const struct door_settings *settings, int64_t deadline_us,
                                 door_fn *done, void *arg, struct fault *fault);

/* What would keep the door from being a fence on this server. */
struct door_errand *door_readiness(struct loop *loop, const struct door_settings *settings, int64_t deadline_us,
                                   door_findings_fn *done, void *arg, struct fault *fault);

const char *door_outcome_name(enum door_outcome outcome);

#endif
