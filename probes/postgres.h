/* One look at a PostgreSQL server: is it there, what role does it play, how far is it, and does it
 * acknowledge a write. Facts only; policy/health judges.
 *
 * The prober keeps its session open between rounds, because a login costs seven milliseconds of CPU for
 * SCRAM (OpenSSL 3.0), which at short intervals would be most of what an idle coordinator takes. A kept
 * session proves only that its own backend lives, while new clients talk to the postmaster, and a frozen
 * postmaster accepts TCP and stays silent. So a round whose last login is POSTGRES_FRESH_EVERY_US old logs
 * in anew, and so does a round whose session is found dead: a restart in between is not yet a failure.
 *
 * How an ending counts as a sample (facts.outcome):
 *   failed     nobody answers, refused, too late, connection broken twice, starting up or shutting
 *              down, query failed, a write on a primary refused or not acknowledged in time
 *              (a write of an earlier round that still waits for a synchronous standby counts as this
 *              round's: another would only wait behind it, and take one more of the server's slots)
 *   observer   we can't tell: no file descriptor here, login or certificate refused, privileges or
 *              the heartbeat table missing, no connection slot free for us. A password changed on
 *              one side must not fail a region over, and neither must a full house: the same clients
 *              would fill the next one.
 * Each of them leaves a sentence in `detail`.
 */
#ifndef FAILOVERD_PROBES_POSTGRES_H
#define FAILOVERD_PROBES_POSTGRES_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"
#include "policy/facts.h"

#define POSTGRES_FRESH_EVERY_US (20 * (int64_t)1000000)
#define POSTGRES_DETAIL_MAX 256
#define POSTGRES_HOST_MAX 256
#define POSTGRES_SLOT_MAX 64
/* A walreceiver hears something at least each wal_receiver_timeout / 2, 30 s as shipped, from a
 * primary that lives, however idle; beyond it we don't call it live. */
#define POSTGRES_WALRECEIVER_AGE_MAX_US (35 * (int64_t)1000000)

enum postgres_problem {
    POSTGRES_FINE,
    POSTGRES_OBSERVER,      /* our own fault */
    POSTGRES_UNREACHABLE,
    POSTGRES_TIMEOUT,
    POSTGRES_BROKEN,        /* the connection broke in mid-round */
    POSTGRES_AUTH,          /* we are not let in: configuration, not failure */
    POSTGRES_PRIVILEGE,     /* let in, but may not see what the check needs: run the setup SQL */
    POSTGRES_NOT_NOW,       /* starting up, shutting down */
    POSTGRES_FULL,          /* no connection slot */
    POSTGRES_REFUSED,       /* login ended by another error */
    POSTGRES_QUERY,         /* the query failed */
    POSTGRES_WRITE_REFUSED, /* a primary that refuses the write: read only, disk full, ... */
    POSTGRES_WRITE_TIMEOUT, /* a primary that does not acknowledge it in time */
};

/* What the facts query shows. LSNs are bytes; 0 is unknown. */
struct postgres_facts {
    enum postgres_problem problem;
    enum sample_outcome outcome;
    bool reachable;            /* a session stood and answered in this round */
    bool fresh;                /* this round logged in anew */
    bool in_recovery;
    uint64_t system_id;
    uint32_t timeline;
    uint64_t insert_lsn;       /* primary */
    uint64_t flush_lsn;        /* primary */
    uint64_t receive_lsn;      /* standby: durable here, whether streamed or restored */
    uint64_t replay_lsn;       /* standby */
    bool replay_paused;
    bool receipt_frozen;       /* standby: primary_conninfo is empty */
    bool walreceiver_present;
    bool walreceiver_streaming;
    bool walreceiver_live;     /* streaming, and heard of within POSTGRES_WALRECEIVER_AGE_MAX_US */
    int64_t walreceiver_age_us;/* since its last message; -1 unknown */
    char sender_host[POSTGRES_HOST_MAX];
    char slot[POSTGRES_SLOT_MAX];
    int64_t server_wall_us;    /* the server's clock (since 1970) as read at facts_received_us or earlier */
    int64_t facts_received_us; /* base_mono_us */
    uint64_t commits_waiting;  /* for a synchronous standby, in this server, */
    int64_t commits_longest_us;/* the longest of them so long */
    int64_t own_longest_us;    /* of the writes of checks such as this one; 0: none waits */
    bool commit_lease;         /* a guard's commit lease is among those that they wait for */
    bool write_checked;
    bool write_ok;
    int64_t tcp_us;            /* durations of the phases; 0 when the round had none of it */
    int64_t login_us;          /* the whole connect, tcp included */
    int64_t query_us;
    int64_t write_us;
    int64_t total_us;
    char detail[POSTGRES_DETAIL_MAX]; /* a sentence for people */
};

/* The part of the facts that the core knows. `known` is set where the facts query was answered. */
void postgres_facts_to_policy(const struct postgres_facts *facts, struct database_facts *out);

/* The facts query, for others who have a session: one statement, no parameters, one row. */
extern const char *const postgres_facts_sql;
/* Fills the facts from its result; everything else in *facts is left alone. False, with a sentence,
 * when the answer is not what was asked for. */
bool postgres_facts_read(const struct pg_answer *result, struct postgres_facts *facts,
                         struct fault *fault) CHECKED;
/* What a pg_session outcome other than PG_OK means for a check. */
enum postgres_problem postgres_problem_of(const struct pg_answer *result);
const char *postgres_problem_name(enum postgres_problem problem);
/* A server that changed its role under the query: ask again. */
bool postgres_role_changed(const struct pg_answer *result);

struct postgres_probe_settings {
    struct pg_target target; /* texts are copied */
    const char *observer;    /* our node's name: the row of the heartbeat table that is ours; copied */
    bool write_check;
    /* Asked before each write, from the probes loop; NULL: always. A database that is fenced, or is
     * not the writer's, must not be written to past the point where the timelines part. */
    const _Atomic bool *may_write;
    int64_t fresh_every_us;  /* 0: POSTGRES_FRESH_EVERY_US */
};

struct postgres_probe;

/* Called once per round, on the loop. `facts` lives during the call only. */
typedef void postgres_probe_fn(void *arg, const struct postgres_facts *facts);

/* NULL with the fault set when the settings make no sense. */
struct postgres_probe *postgres_probe_new(struct loop *loop, const struct postgres_probe_settings *settings,
                                          struct fault *fault);
/* Ends a round in progress without its callback. May be called from the callback. NULL is allowed. */
void postgres_probe_free(struct postgres_probe *probe);
/* One round, of `timeout_us` at most altogether; none may be in progress. */
void postgres_probe_run(struct postgres_probe *probe, int64_t timeout_us, postgres_probe_fn *fn, void *arg);

#endif
