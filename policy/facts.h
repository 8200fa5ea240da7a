/* What is observed of the world, as the core keeps it and as nodes tell each other.
 *
 * Probes report facts; policy/health judges. On the wire every time is an age, because two nodes'
 * clocks share no origin; in memory the receiver turns an age into a reading of its own clock.
 */
#ifndef FAILOVERD_POLICY_FACTS_H
#define FAILOVERD_POLICY_FACTS_H

#include "policy/types.h"

/* How one round of a check ended. OBSERVER: the fault is our own (no file descriptor, no name
 * server, no credentials); it says nothing about the target. */
enum sample_outcome { SAMPLE_OK, SAMPLE_FAILED, SAMPLE_OBSERVER };

/* One look at a database. `lsn` is what the primary has flushed or what the standby has received. */
struct database_facts {
    bool known;
    bool in_recovery;
    bool write_checked;     /* a real write was tried on the primary... */
    bool write_ok;          /* ...and acknowledged */
    bool walreceiver_live;  /* streaming, and its last message is recent */
    bool frozen;            /* the standby's WAL receipt is switched off (primary_conninfo empty) */
    uint32_t timeline;
    uint64_t lsn;
    uint64_t replayed_lsn;
    uint64_t system_id;
};

struct sample {
    uint8_t check;
    enum sample_outcome outcome;
    struct mono_time at;          /* when the round ended */
    int64_t latency_us;
    struct database_facts database;
    struct policy_text detail;
};

enum verdict { VERDICT_UNKNOWN, VERDICT_HEALTHY, VERDICT_SUSPECT, VERDICT_FAILED };

/* Why a verdict is what it is. The check and the detail say which and in the probe's words. */
enum verdict_reason {
    REASON_NO_CHECKS,      /* nothing is configured to look at */
    REASON_FIRST_ROUND,    /* not every check has completed its first round */
    REASON_OBSERVER,       /* this node cannot look: its own fault */
    REASON_STALE,          /* no result for too long */
    REASON_SELF_SUSPECT,   /* most of what this node looks at fails: it suspects itself, abstains */
    REASON_LEASE_LAPSED,   /* this voter grants the writer's guard no lease any more, and the kernel
                              enforces that: whatever the checks see, no client is served */
    REASON_CHECKS_PASS,
    REASON_CHECK_FAILING,  /* a failing run, not yet long enough */
    REASON_CHECK_FAILED,
};

/* What one node judges of one region. */
struct region_verdict {
    enum verdict verdict;
    enum verdict_reason reason;
    uint8_t check;             /* the one that decides, or CHECK_NONE */
    struct mono_time since;    /* since when the verdict stands; a failing run: since its start */
    struct policy_text detail;
};

/* How far a writer wrote: read by its own guard behind its confirmed fence, after it gave its lease of that epoch back
 * for good. Whatever it acknowledged is before it. */
struct last_word {
    uint64_t epoch;       /* whose lease was given back; 0: nothing to say */
    uint64_t lsn;
    uint32_t timeline;
};

enum fence_state {
    FENCE_UNKNOWN,
    FENCE_OPEN,       /* the database may acknowledge writes */
    FENCE_READS,      /* a standby serves reads; there is no lease */
    FENCE_CLOSING,
    FENCE_CONFIRMED,  /* proven shut */
    FENCE_FAILED,     /* could not be shut or proven; tried again */
};

#endif
