/* fault: one thing that goes wrong in a world, or that a person does to it, as plain data.
 *
 * Purpose: mix.c draws a list of these, run.c plays it, shrink.c leaves entries out of it and plays it
 * again. A fault names its victim either outright or by the part that it plays at that moment (the
 * writer's region, the executor of the operation), so that one drawn long before still hits the
 * interesting one; what stands for what is found out when it strikes.
 */
#ifndef FAILOVERD_TESTS_FAULT_H
#define FAILOVERD_TESTS_FAULT_H

#include "tests/sim/check.h"

#define FAULTS_MAX 64 /* of one seed */
/* The most that a failback is drawn with. */
#define FAILBACK_STAGES 3
#define FAILBACK_HOLD_US (15 * US_PER_S)

enum fault_kind {
    HIT_REGION_LOST,      /* one: region; comes back after for_us */
    HIT_CRASH,            /* one: host; down for for_us; bits 1: what it was writing is written */
    HIT_CRASH_PERSIST,    /* ...when it asks for the value-th next write */
    HIT_CRASH_STEP,       /* ...whoever starts step `value` of an operation */
    HIT_RESTART_SET,      /* bits: hosts, all at once */
    HIT_PAUSE,            /* one: host */
    HIT_PAUSE_STEP,       /* ...in the midst of carrying out its value-th next event */
    HIT_MACHINE,          /* one: host; its machine stands still for `value` us: beyond the promises */
    HIT_WIPE,             /* one: host */
    HIT_ROLL_BACK,        /* one: host; its disk is copied, and goes back to the copy after for_us */
    HIT_WRITE,            /* one: host; value: enum disk_fault; it restarts after for_us */
    HIT_DISK_FAILS,       /* one: host */
    HIT_DISK_SLOW,        /* one: host; value: us a write takes */
    HIT_RATE,             /* one: host; value: ppm, within the bound */
    HIT_RATE_BEYOND,      /* ...beyond it */
    HIT_CALENDAR,         /* one: host; value: us */
    HIT_CUT,              /* one, other: regions, both ways */
    HIT_CUT_ONE_WAY,      /* from one to other */
    HIT_ISOLATE,          /* one: region */
    HIT_ISOLATE_ONE_WAY,  /* one: region; bits 1: it hears nothing; else it is not heard */
    HIT_LINK,             /* one, other: hosts, one way */
    HIT_CLOG,             /* one, other: regions, one way: nothing arrives, then everything does */
    HIT_CLOG_HOST,        /* one: host; bits 1: to it; else from it */
    HIT_LOSS,             /* value: permille */
    HIT_DUPLICATES,       /* value: permille; bits: the second one is late by up to so many ms;
                             other 1: ...after the end of this, when all of them come */
    HIT_LATE,             /* value: permille; bits: by up to so many ms */
    HIT_DB_KILLED,        /* one: region; started again after for_us */
    HIT_DB_FROZEN,        /* one: region */
    HIT_DB_PROMOTED,      /* one: region; by hand */
    HIT_ENDPOINTS,        /* one: region */
    HIT_LAG,              /* value: bytes */
    HIT_ACT,              /* value: enum act_kind; other: enum act_fault; bits: how often; one: host, or
                             PART_ANY */
    HIT_ACT_SLOW,         /* other: enum act_kind; value: us */
    HIT_DNS_GONE,         /* the control plane cannot be reached */
    HIT_DNS_SLOW,         /* value: us until INSYNC */
    HIT_DNS_FORGETS,      /* the control plane loses a zone's last change */
    HIT_DNS_MARK,         /* somebody changed the fence record; value: enum dns_mark */
    HIT_OBSERVER,         /* one: host; its probes see nothing, by its own fault */
    HIT_GUARD,            /* one: host; can't work its fence */
    HIT_SETTING,          /* one: host; value: lease in us from its next start, which is for_us later */
    HIT_ORDER,            /* one: host; other: region; bits: gates skipped; value: loss accepted, -1 */
    HIT_SWITCHOVER,       /* the same, planned: nothing may be lost by it */
    HIT_FAILBACK,         /* one: host; value: us a stage is held; bits: its stages, bit n: n tens of percent */
    HIT_TRAFFIC,          /* one: host; value: enum order_kind, of how a failback's traffic is to go on */
    HIT_ADOPT,            /* one: host */
    HIT_REJOIN,           /* one: region */
    HIT_MEND,             /* whatever hides or cuts off a region ends now, too early for what it began */
    HIT_NEW_STORE,        /* one: host; a person formats a new one, where the old one is gone or went back */
    HIT_VOTER,            /* one: host at which it is ordered; other: host it is about; value: enum voter_change */
    HIT_LIES,             /* value: permille of messages that a lie comes with (world_lies.c) */
    HIT_WORD,             /* one: host; a person says something that only the ledger keeps. value: enum order_kind;
                             bits: seconds of a pause, 0: until resumed */
    HIT_SCHEDULED,        /* as HIT_SWITCHOVER, for so many seconds later: value */
    HIT_TICK,             /* one: host; bits: items; value 1: of the last operation, whatever runs */
    HIT_ANSWER,           /* one: host; value: enum order_kind; bits 1: for what is not proposed any more */
    HIT_GLASS,            /* one: region; a person breaks the glass there, if the others' databases are dead; bits 1:
                             whatever they are; 2: at its last coordinator */
    HIT_RECONCILE,        /* other: region; a person reconciles what is shown, and keeps that; bits 1: at its word that
                             the marked database is dead */
    HIT_COUNT
};

/* Besides enum step_id: what a fault may wait for. */
enum {
    AFTER_CONFIRM = STEP_COUNT, /* a candidate asks everyone afresh */
    AFTER_BEGUN,                /* a begin is known chosen */
    AFTER_GRANTED,              /* a grant is known chosen */
    AFTER_ABORTED,
    AFTER_DONE,
    AFTER_PROPOSED,             /* a proposal is known chosen */
    AFTER_COUNT
};

/* Parts to play instead of a host or region. */
enum part {
    PART_WRITER = 0xe0, /* region that writes, or wrote last */
    PART_TARGET,        /* region that the operation goes to, or that would be next */
    PART_OTHER,         /* region that is neither */
    PART_GUARD,         /* host that the ledger names */
    PART_EXECUTOR,      /* host that carries out the operation, or would */
    PART_FORMER,        /* host that the ledger named guard before the operation began */
    PART_ANY,
};

struct fault {
    enum fault_kind kind;
    uint8_t after;       /* STEP_NONE: strikes at at_us; else once this step starts (or one of AFTER_...),
                            at at_us or later */
    int64_t delay_us;    /* ...and so much later */
    int64_t at_us;       /* since the end of the warm-up */
    int64_t for_us;      /* then it is undone; 0: there is nothing to undo */
    int64_t value;
    int64_t time_us;     /* HIT_ORDER, HIT_SWITCHOVER: time of loss accepted; 0: none */
    uint32_t bits;
    uint8_t service, zone;
    uint8_t one, other;
};

/* What became of one in a run. */
struct fault_state {
    bool armed;          /* its time has come, and it waits for its step */
    bool struck, over;
    int64_t due_us;      /* 0: not known yet; else the world's time at which it strikes */
    int64_t ends_us;     /* world's time */
    uint8_t one, other;  /* who it was */
    int64_t saved;
};

const char *fault_name(enum fault_kind kind);

/* A sentence, without its time: "the writer's region is lost for 43.0s". */
void fault_words(const struct fault *fault, const struct world_options *options, char *words,
                 size_t size);

/* Both leave alone what makes no sense at the moment (a crash of the dead). True: it struck. */
bool fault_apply(struct world *world, const struct fault *fault, struct fault_state *state);
void fault_undo(struct world *world, const struct fault *fault, struct fault_state *state);

/* Ends with HIT_MEND: it hides or cuts off. */
bool fault_hides(enum fault_kind kind);

/* Disks that forgot what they had said: their voters may stay mute for good. */
bool fault_damages(enum fault_kind kind);

/* How the hosts are numbered: world_new's order. */
uint8_t fault_hosts(const struct world_options *options, region_id region_of[POLICY_NODES_MAX]);

#endif
