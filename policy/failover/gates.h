/* Gates: what must hold before an operation may go on. Each is named, and keeps its value, its
 * limit, the age of what it rests on and who observed it, so that "what holds it back" always has
 * an answer. The numbers are stable: they are in the ledger (gates a person skipped), in logs and
 * in reports.
 */
#ifndef FAILOVERD_POLICY_GATES_H
#define FAILOVERD_POLICY_GATES_H

#include "policy/types.h"

enum gate_id {
    GATE_MAJORITY_FAILED,    /* value: voters that say failed, freshly; limit: majority of all */
    GATE_TARGET_HEALTHY,     /* value: enum verdict of the target's own coordinator */
    GATE_TARGET_COORDINATOR, /* value: 1 if one is there, votes, and can work the target's fence */
    GATE_TARGET_STREAMING,   /* value: the standby's timeline; limit: the primary's last known */
    GATE_LOSS_WITHIN_RPO,    /* value: bytes that would be lost; limit: what may be */
    GATE_OUTAGE_MIN,         /* value: us since the failing run began; limit: us */
    GATE_COOLDOWN,           /* value: us since the last operation ended; limit: us */
    GATE_NOT_PAUSED,
    GATE_FENCE,              /* value: enum fence_proof that can be had */
    GATE_NO_MARK,            /* value: unreconciled marks of a broken glass; never skipped: a person reconciles */
    GATE_BLAST_RADIUS,       /* value: other services that fail over; limit: from how many on it is shut; 0: never */
    GATE_APPROVED,           /* last: asked for when all else is open. value: enum proposal_state; limit: APPROVED */
    GATE_COUNT
};

struct gate {
    bool open;
    bool known;      /* false: shut because what it needs is not known */
    bool skipped;    /* shut, and a person skipped it by name */
    node_id observer;
    int64_t value;
    int64_t limit;
    int64_t value_us;  /* LOSS_WITHIN_RPO: the same loss in time; APPROVED: how long it waits for an answer */
    int64_t limit_us;
    int64_t age_us;
    bool at_least;     /* LOSS_WITHIN_RPO: it goes further back than is known, and value_us may be any more */
};

/* What a person agrees to lose, of each kind by itself; -1: what the service's RPO says of it. */
struct loss_accepted {
    int64_t bytes;
    int64_t us;
};

/* How it is known, or how it could become known, that the old writer cannot acknowledge a write. */
enum fence_proof {
    PROOF_NONE,
    PROOF_RELEASED,    /* the outgoing guard confirmed its fence and gave its lease back */
    PROOF_LAPSED,      /* the lease has run out, and the kernel on the database's host enforces it */
    PROOF_REMOTE,      /* the lease has run out, and the old region's remote hook confirmed that no client reaches it */
    PROOF_ACCEPTED,    /* not proven: the service accepts an unconfirmed fence after the lease */
    PROOF_PERSON,      /* not proven: a person skipped the gate by name */
};

const char *gate_name(enum gate_id gate);

#endif
