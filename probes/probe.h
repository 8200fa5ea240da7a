/* What all probes share: one round of a check, and the face that every kind shows to the schedule.
 *
 * A probe looks once, when it is told to, and reports facts: policy/health judges. What it must
 * tell apart is whose fault an ending is. FAILED speaks of the target; OBSERVER says that this node
 * could not look (no descriptor, no local port, silent name server, unreadable CA file), and then
 * nothing is known of the target. Everything in probes/ runs on one loop and never blocks.
 */
#ifndef FAILOVERD_PROBES_PROBE_H
#define FAILOVERD_PROBES_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "policy/facts.h"

/* How long each part of a round took; 0 when the round had none of it. With several addresses: those
 * of the address that decided, the first one that failed or else the slowest. */
struct probe_phases {
    int64_t name_us;       /* finding the addresses of the name */
    int64_t connect_us;    /* TCP */
    int64_t tls_us;        /* the handshake alone; of a database: the login */
    int64_t first_byte_us; /* from the request's being ready to go to the first byte; of a database: the query */
    int64_t rest_us;       /* from there to the end; of a database: the write */
};

/* Commits that wait for a synchronous standby, as a database check saw them. For people: no decision
 * rests on them. */
struct probe_waits {
    bool known;
    bool commit_lease;  /* a guard's commit lease is among those that they wait for */
    uint64_t count;
    int64_t longest_us;
};

/* An IP literal, an address with a port, or the folder of a Unix socket; what is longer is cut. */
#define PROBE_ADDRESS_MAX 108

/* What came of one round. */
struct probe_round {
    enum sample_outcome outcome;
    int64_t latency_us; /* of the whole round, as seen here; of a DNS check: of the first right answer */
    struct probe_phases phases;
    char address[PROBE_ADDRESS_MAX]; /* that decided, as the phases; "": none was known, or the system's name servers */
    struct probe_waits waits;        /* database checks only: whose commits hang */
    struct database_facts database;  /* database checks only; .known says whether it holds anything */
    int64_t certificate_not_after_s; /* https: the earliest end seen, wall seconds; 0 unknown */
    char detail[POLICY_TEXT_MAX];    /* one line for people, printable ASCII */
};

/* Sets the detail. Whatever is not printable ASCII becomes '?', and what does not fit ends in "...". */
void probe_say(struct probe_round *round, const char *format, ...) PRINTF_LIKE(2, 3);

/* Outcome and detail in one. */
void probe_end_as(struct probe_round *round, enum sample_outcome outcome, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Is this errno, got for a socket or a connect, our own lack of something? */
bool probe_is_own_fault(int error);

/* Called once per round, on the loop and never from within run. It may run, cancel or free the probe. */
typedef void probe_done(void *arg, const struct probe_round *round);

/* The face of a kind. `self` is what its _new returned. */
struct probe_class {
    const char *name; /* "http" */
    /* One round that ends by itself within `timeout_us`; none may be in progress. */
    void (*run)(void *self, int64_t timeout_us, probe_done *done, void *arg);
    /* Ends a round in progress without its callback; nothing to do when there is none. */
    void (*cancel)(void *self);
    void (*free)(void *self);
};

#endif
