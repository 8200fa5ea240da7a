/* Notes: the fixed vocabulary of the journal. The core says what happened in numbers; the shell
 * finds the names and the words. A new note gets a row in coordinator/report/vocabulary too.
 */
#ifndef FAILOVERD_POLICY_NOTE_H
#define FAILOVERD_POLICY_NOTE_H

#include "policy/failover/gates.h"
#include "policy/types.h"

enum note_kind {
    NOTE_STARTED,            /* a: restarts, b: generation */
    NOTE_VOTING,             /* this voter votes from now on */
    NOTE_MUTE,               /* a: enum mute_reason, b: newest generation that a peer knows */
    NOTE_STORE_FAILED,
    NOTE_CHECK_CHANGED,      /* check, region; a: new enum verdict, b: old; detail */
    NOTE_VERDICT_CHANGED,    /* own verdict of region; a: new, b: old, c: enum verdict_reason */
    NOTE_PEER_VERDICT,       /* node's verdict of region; a: new, b: old, c: reason */
    NOTE_ABSTAINING,         /* a: 1 begins, 0 ends; b: failing regions, c: of how many */
    NOTE_MAJORITY_FAILED,    /* region; a: votes, b: needed */
    NOTE_MAJORITY_CLEARED,   /* region */
    NOTE_GATE_SHUT,          /* region; a: enum gate_id; gate: how it stands */
    NOTE_CONFIRM_ASKED,      /* region: a fresh confirmation round */
    NOTE_CONFIRM_FAILED,     /* region; a: votes, b: needed */
    NOTE_CHOSEN,             /* a newer ledger is known chosen; a: version, b: phase, c: writer */
    NOTE_OPERATION_SEEN,     /* a new one is in the ledger; region: target, node: executor;
                                a: enum operation_kind, b: from, c: 1 if a person forced it; detail: why */
    NOTE_OPERATION_ENDED,    /* it moved the writer, and the ledger has its end; a: us from its begin to its end, by the
                                calendars of whoever wrote these down; b: 1 done, 0 it went back */
    NOTE_CONFLICT,           /* our proposal met another value; a: version */
    NOTE_OPERATION_BEGUN,    /* region: target; a: from */
    NOTE_STEP_STARTED,       /* step; a: attempt */
    NOTE_STEP_DONE,          /* step; a: us it took */
    NOTE_STEP_RETRIED,       /* step; a: attempt; detail */
    NOTE_STEP_OVERDUE,       /* step: past its deadline; a person should look */
    NOTE_ACT_SENT,           /* step; a: enum act_kind */
    NOTE_ACT_DONE,           /* step; a: enum act_kind, b: enum act_outcome, c: us; detail */
    NOTE_OPERATION_ABORTED,  /* goes back; a: enum step_id where, b: enum gate_id, GATE_COUNT: a person's word */
    NOTE_OPERATION_DONE,     /* a: us since begin, b: lost bytes estimated, c: lost us */
    NOTE_OPERATION_TAKEN,    /* this node goes on with it; node: the former executor */
    NOTE_OPERATION_LEFT,     /* another node goes on with it; node */
    NOTE_WAITING_OUT,        /* a: us left until the old lease has lapsed everywhere */
    NOTE_FENCE_PROVEN,       /* how the old writer's fence is known; a: enum fence_proof */
    NOTE_LEFT_CUT_OFF,       /* the operation is left, and region stays as its remote hook left it until a person
                                undoes that; a: 1 cut off, 0 perhaps; detail */
    NOTE_LOSS_ESTIMATED,     /* a: bytes, b: us, c: age of that knowledge in us */
    NOTE_LEASE_HELD,         /* first grant of this epoch; a: us left */
    NOTE_LEASE_LOST,         /* the deadline passed */
    NOTE_FENCE_CHANGED,      /* a: enum fence_state, b: old; detail */
    NOTE_FOLLOWS,            /* our own standby streams from region */
    NOTE_FOLLOW_FAILED,      /* it does not; region; a: enum act_outcome, REFUSED: it can't; detail */
    NOTE_STANDBY_AHEAD,      /* region's standby has more than the target that is about to be promoted; a: bytes */
    NOTE_DNS_READ,           /* a: enum dns_mark, b: epoch read */
    NOTE_TRAFFIC_MOVED,      /* a failback's stage is in force; region: home; a: percent there, b: which stage */
    NOTE_TRAFFIC_BACK,       /* home gets worse: all of it is to go back to region, or, where that is home, stays as it
                                is; a: percent at home; detail */
    NOTE_DNS_STOPPED,        /* a: enum dns_ruling; a person decides */
    NOTE_ORDER,              /* a: enum order_kind; detail: by whom */
    NOTE_ORDER_REFUSED,      /* a: enum order_answer, b: gate */
    NOTE_PAUSED,             /* a: us left until it is over by itself, 0: until resumed; detail: who and why */
    NOTE_RESUMED,            /* a: 1 by its time, 0 by a person; detail: who and why */
    NOTE_WISH,               /* what a person wants of the operation; a: enum operation_wish; detail: who and why */
    NOTE_SCHEDULED,          /* a switchover is put down for later; region; a: us until then; detail: who and why */
    NOTE_SCHEDULE_OFF,       /* it will not begin: another came first, it was declined, or a gate stayed shut */
    NOTE_MESSAGE_REFUSED,    /* node; a: enum message_kind: parsed, but makes no sense */
    NOTE_PROPOSED,           /* a failover waits for a person's word; region: target, node: proposer; a: from */
    NOTE_APPROVED,           /* ...has it; region, a: from; detail: whose */
    NOTE_DECLINED,           /* ...is not to be; region, a: from; detail: by whom */
    NOTE_WITHDRAWN,          /* ...is no question any more */
    NOTE_NO_ANSWER,          /* its time is over; region; a: 1 it goes on, 0 it waits on; b: us it waited */
    NOTE_MARK_MADE,          /* the glass is broken here; region; operation: the mark; detail: by whom */
    NOTE_MARK_OPENED,        /* our database is open by our mark, without a lease; region */
    NOTE_MARK_HEARD,         /* of another's; region, node: its maker */
    NOTE_MARK_GIVEN,         /* ours: never opened by again; region; a: 1: node writes, 0: another reason */
    NOTE_MARK_SHUT,          /* ours, given: its database is shut, proven; region */
    NOTE_MARK_ENDED,         /* reconciled, by what is chosen; region, node: its maker */
    NOTE_VOTERS,             /* a newer set of voters is known chosen; a: version, b: enum voter_change under way,
                                node: whom it is about, c: how many voters once it is over */
    NOTE_VOTER_ORDER,        /* a: enum voter_change, node, b: the node at which it was given; detail: by whom */
    NOTE_VOTER_REFUSED,      /* a: enum order_answer, node; b: service, if it is about one */
    NOTE_KIND_COUNT
};

struct note {
    enum note_kind kind;
    uint8_t service;    /* SERVICE_NONE if it is about the node */
    region_id region;
    node_id node;
    uint8_t check;
    uint8_t step;
    uint64_t epoch;
    uint64_t operation;
    int64_t a, b, c;
    struct gate gate; /* of NOTE_GATE_SHUT only */
    struct policy_text detail;
};

#endif
