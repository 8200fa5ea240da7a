/* service: one service as one node sees it: what is judged, agreed, guarded and under way.
 *
 * Internal to policy/. Each part lives in a file of its own and works on this struct: health
 * (health/watch), register (quorum/), guard, candidate, order and operation (failover/).
 * service_step() in service.c runs them after every event in a fixed order, so whatever an event
 * changed, each part sees it in the same step; none of them calls another.
 */
#ifndef FAILOVERD_POLICY_SERVICE_H
#define FAILOVERD_POLICY_SERVICE_H

#include "policy/config.h"
#include "policy/effect.h"
#include "policy/event.h"
#include "policy/failover/gates.h"
#include "policy/failover/loss.h"
#include "policy/failover/plan.h"
#include "policy/health/lateness.h"
#include "policy/health/tally.h"
#include "policy/health/threshold.h"
#include "policy/health/verdict.h"
#include "policy/node.h"
#include "policy/quorum/acceptor.h"
#include "policy/quorum/learner.h"
#include "policy/quorum/lease.h"
#include "policy/quorum/proposer.h"

/* How long one register round may take, in heartbeats, and the least. */
#define ROUND_HEARTBEATS 4
#define ROUND_MIN_US (500 * US_PER_MS)
/* How often the pause between rounds without a goal doubles. */
#define LEARN_BACK_OFF_MAX 5

/* A node not heard for this many heartbeats is taken for silent. */
#define SILENT_HEARTBEATS 4

/* How long a guard act may take before it is tried afresh. */
#define GUARD_ACT_DEADLINE_US (30 * US_PER_S)
#define GUARD_LOOK_DEADLINE_US (5 * US_PER_S)
#define GUARD_RETRY_US (250 * US_PER_MS)
#define GUARD_ASK_US (2 * US_PER_S) /* a few round trips and handshakes between regions */
/* How long a guard that starts anew waits for the nodes that it has not heard, and a mark's maker before it goes on by
 * its mark: as long as links take to come back. */
#define GUARD_HEAR_US (6 * US_PER_S)
#define GUARD_RETRY_MAX_US (5 * US_PER_S)
/* By how much more than the clock error allows the calendar may run ahead between two readings. */
#define GUARD_CLOCK_STEP_US (200 * US_PER_MS)
/* How long a writer that is kept without a quorum is held open at a time, by its live guard alone. Half of
 * it later it is held again; a fence that could be held for ever would outlive its guard. */
#define GUARD_KEEP_US (600 * US_PER_S)
/* A standby that has not streamed for this much longer than evidence may be old is led to the writer once more. */
#define FOLLOW_PATIENCE_US (10 * US_PER_S)
#define FOLLOW_DEADLINE_US (5 * US_PER_S)
#define FOLLOW_RETRY_US US_PER_S
#define FOLLOW_RETRY_MAX_US (60 * US_PER_S)
/* A shut fence is looked at again this often, for ever. */
#define GUARD_RECHECK_US (10 * US_PER_S)
#define GUARD_CONTESTED_US (10 * US_PER_S) /* how long it is left open then; doubled each time, up to... */
#define GUARD_CONTESTED_MAX 4              /* ...this often */

/* A service's failover under way, as the others see it: for the brake (failover/brake.c). */
struct moving {
    bool counts;            /* begun, or put forward here, and its target was not seen to be a primary yet */
    bool granted;
    bool forced;
    struct wall_time begun;
};

/* The newest order that a node forwarded to us: by which of its processes, at what time of its clock. */
struct order_heard {
    uint32_t restarts;
    int64_t sent_us;
};

/* What the node as a whole knows, shared by its services within one step. */
struct peer {
    bool linked;
    bool heard;
    struct mono_time heard_at;  /* when what was heard last was said */
    uint32_t restarts;
    uint64_t identity;          /* of its store, as last heard; 0: it has none */
    bool says_votes;            /* by its newest gossip, under the set of voters in force */
    struct mono_time told_at;   /* when it was last told the set of voters */
    uint32_t most_restarts;     /* of all its processes heard */
    struct lateness lateness;
    uint64_t seen_generation;
    uint64_t former_generation; /* seen before this process of the peer was first heard */
    uint8_t tell;               /* how often it is still told */
    struct order_heard voter_order; /* its newest one about the voters */
};

struct turn {
    struct mono_time now;
    struct mono_time said_at;   /* the message that is handled, less what it was late; else now */
    struct wall_time wall;
    const struct policy_config *config;
    struct electorate voters; /* what a count needs: never config->voters, which are those of version 1 */
    bool changing;        /* the set of voters */
    bool member;          /* the identity of our store has a vote, whether it may use it now or not */
    const struct peer *peers;
    const struct moving *moving; /* by service */
    struct effects *effects;
    uint64_t *random;
    bool brand_new;       /* a voter whose sound store has never held anything */
    bool may_propose;     /* its ballots are its own: not with a lost or unconfirmed store */
    bool voting;          /* this node is a voter, its store sound and confirmed */
    bool stores;          /* its disk takes what is asked of it, confirmed or not */
    bool older;           /* it went back to how it was before, as others know */
    uint32_t restarts;
    uint32_t ballots;     /* what our ballots carry, which no process of this node has had before: vote.c */
    bool *persist;        /* set by whoever changed durable state */
};

struct sighting {
    bool known;
    struct mono_time at;
    struct database_facts facts;
};

struct health {
    struct threshold thresholds[POLICY_CHECKS_MAX];
    enum verdict check_noted[POLICY_CHECKS_MAX];
    struct region_verdict judged[POLICY_REGIONS_MAX]; /* by the checks alone */
    struct mono_time judged_until;                    /* it stands until then, or the next sample: judge_checks() */
    struct opinion opinions[POLICY_REGIONS_MAX][POLICY_NODES_MAX]; /* our own too, after self-distrust */
    struct sighting sightings[POLICY_REGIONS_MAX][POLICY_NODES_MAX];
    bool abstaining;
    struct distrust distrust;
    bool majority_noted[POLICY_REGIONS_MAX];
    struct loss_series writer_series;   /* positions of the writer, or of the one that wrote last */
    region_id series_region;
    struct mono_time streaming_at;      /* when our own standby was last seen streaming; 0: never */
};

/* What another node says of its guard and its register. */
struct remote {
    bool heard;
    struct mono_time at;          /* when it said so */
    struct mono_time back_at;     /* since when it has been heard without a silence */
    bool voting;
    struct mono_time mute_since;  /* while it says that it does not vote */
    bool guard, guard_ready, kernel;
    struct instance instance;
    enum fence_state fence;
    struct mono_time lease_until;
    uint64_t released_epoch;
    struct last_word last;
    uint64_t known_version;
    node_id granting;             /* whose lease may run by its grant, or whom it hears hold open */
    uint64_t settings;
    struct order_heard order;     /* its newest order to us */
};

struct guard {
    bool mine;                 /* this node may guard its own region's database */
    bool ready, kernel;        /* its fence can be worked; the kernel enforces it */
    struct instance self;
    struct lease lease;
    struct mono_time next_renew;
    bool held_noted;
    enum fence_state fence;
    enum act_kind wanted;      /* HOLD, READS, SHUT; COMPARE: nothing wanted */
    bool in_flight;
    enum act_kind flying;
    uint32_t attempt;
    struct mono_time act_deadline;
    struct mono_time retry_at;
    int64_t retry_us;
    struct mono_time held_at;     /* when a HOLD was last done */
    struct mono_time held_until;  /* what the last HOLD or READS that was asked for says */
    struct mono_time recheck_at;  /* of a shut fence */
    uint8_t contested;            /* how often in a row what we had shut was open again, while we may lag, */
    struct mono_time contested_at; /* ...and when it last was */
    uint64_t released_epoch;      /* newest epoch that we gave back */
    struct mono_time release_at;  /* said again then */
    struct last_word last;        /* of a planned move away from us */
    bool looking;                 /* for it */
    uint32_t look_attempt;
    struct mono_time look_deadline, look_at;
    uint64_t open_epoch;          /* the operation's word that this epoch's database may open */
    uint64_t known_epoch;         /* the newest that the ledger is known to be in */
    struct mono_time epoch_known_at;
    struct mono_time start;
    struct mono_time back_at;      /* the start, or when it was last run after it had slept through its deadline */
    struct mono_time former_until; /* the lease that a former process held; 0: not known */
    struct mono_time clock_mono;  /* both clocks, as read together when the guard last ran */
    struct wall_time clock_wall;
    struct policy_text detail;
};

/* A candidate's fresh confirmation round. */
struct confirm {
    bool asking;
    region_id region;
    uint64_t nonce;
    struct mono_time deadline;
    node_set answered;
    node_set failed;
    struct mono_time next;      /* not before */
    struct mono_time open_since; /* since when every gate has been open; 0: not */
    enum gate_id shut_noted;    /* the gate last said to hold it back; GATE_COUNT: none */
};

/* The proposal as this node follows it. */
struct approval {
    uint64_t id;                 /* of the one that is there; 0: none */
    enum proposal_state noted;
    struct mono_time learnt;     /* when it was learnt that it is chosen: its time counts from then */
    bool over_noted;             /* that nobody answered in time */
    struct mono_time well_since; /* since when its source is well again; 0: it is not */
    struct mono_time lost_since; /* since when its target, another region than ours, can't take over; 0: it can */
    bool to_us;                  /* it is to our region */
    bool yielded;                /* it took the place of one that was */
    uint64_t withdrawn;          /* the last that was there and came to nothing */
};

/* The last run of a remote hook that this process asked for. */
struct cut_off {
    region_id region;
    uint64_t operation;       /* 0: none was asked for */
    uint64_t epoch;
    bool confirmed;
    struct mono_time at;      /* when it ended, or, while it runs, began */
    struct policy_text detail;
};

struct pending_order {
    bool active;
    bool forwarded;             /* another node carries it out */
    node_id from;               /* who gets the reply; self: our control socket */
    uint64_t ticket;
    uint64_t operation;         /* proposed under this id; 0: not yet */
    uint64_t version;           /* of the value that was put forward last; 0: it is known lost, or none was */
    uint64_t epoch;             /* as it was when the order was given */
    struct wall_time given;
    struct order order;
    struct mono_time deadline;
};

enum shift_at { SHIFT_READY, SHIFT_CHANGE, SHIFT_VERIFY, SHIFT_HOLD };

enum dns_stage { DNS_STAGE_READ, DNS_STAGE_CONFIRM, DNS_STAGE_SUBMIT, DNS_STAGE_POLL,
                 DNS_STAGE_COUNT };

/* Another coordinator of the region took an operation over from this one, which was carrying it out: how often that was
 * so with the newest such operation, and when it last was. */
struct taken_over {
    uint64_t operation;
    uint8_t times;
    struct mono_time at;
};

struct operation_run {
    bool active;
    uint64_t id;
    enum operation_kind kind;
    enum step_id step;
    struct mono_time started;
    struct mono_time step_started;
    struct mono_time step_deadline;
    bool overdue;
    /* the act of the present step */
    bool in_flight;
    bool answered;
    uint32_t attempt;
    uint32_t tries;
    struct mono_time act_deadline;
    struct mono_time act_sent;
    struct mono_time retry_at;
    struct act_result result;
    bool froze;                   /* the target may have been told to stop receiving WAL */
    struct mono_time shut_since;  /* when the target's own fence was asked to shut */
    /* the old writer's lease */
    uint64_t wait_version;      /* the ledger whose acceptance wait_until is about; 0: not known */
    struct mono_time wait_until;
    bool wait_noted;
    enum fence_proof proof;
    uint64_t released_epoch;    /* the outgoing guard's, whose release was heard; 0: none */
    /* what the old writer had when it could acknowledge nothing any more, by its guard's last word; a switchover's */
    bool last_known;
    uint64_t last_lsn;
    uint32_t last_timeline;
    /* what was compared */
    struct loss loss;
    struct sighting target;
    /* DNS */
    enum dns_stage dns_stage;
    uint8_t zone;
    struct mono_time confirm_from;
    uint8_t ruling_noted;       /* enum dns_ruling last said to stop the change; DNS_SUBMIT: none */
    bool adopting;              /* a person adopted the zones for this operation */
    /* a failback's traffic */
    enum shift_at shift_at;
    uint8_t share;              /* that is being put in force, or is */
    bool moved;                 /* ...begun by this process: home was well */
    struct mono_time stage_since; /* when that began */
    struct mono_time well_since;  /* it is in force, and home has been well since; 0: not so */
    struct mono_time in_force_at; /* 0: not yet */
    bool zone_without_id;       /* applied, but its change id was lost: proven at the servers */
    /* the way back */
    enum gate_id abort_gate;      /* GATE_COUNT: none, a person said so */
    bool went_back;
    bool resumed;                 /* it was granted before this process took it up */
    /* a person's word: it stands still */
    bool held;
    struct mono_time held_since;
    struct policy_text detail;
};

/* What was last said of people's words in the journal; see word_notes(). */
struct heard_words {
    bool paused;
    struct wall_time pause_said;
    uint64_t operation;
    enum operation_wish wish;
    uint64_t scheduled;      /* id of a switchover that is put down for later; 0: none */
};

/* What is done behind our own mark (glass.c). In memory: a process that starts looks what is done already. */
enum glass_stage { GLASS_LOOK, GLASS_SHUT, GLASS_FREEZE, GLASS_PROMOTE, GLASS_OPEN };

struct glass {
    bool made_here;            /* our own mark was made by this process, which did not find it on its disk */
    struct mono_time since;    /* it was made then, or found */
    enum mark_state on_disk;   /* our own mark's state as our disk is known to have it */
    struct mono_time ask_at;   /* of the disk, again */
    enum glass_stage stage;
    bool in_flight;
    enum act_kind flying;
    uint32_t attempt;
    uint32_t tries;
    struct mono_time act_deadline;
    struct mono_time retry_at;
    bool opened;               /* said */
    struct policy_text detail; /* the last thing that did not work */
    region_id rival;           /* seen to write beside us although nobody says to hold it; REGION_NONE: none is */
    struct mono_time rival_since;
};

/* Our own region's standby on its way to the writer. */
struct follow {
    uint64_t epoch;
    region_id leader;
    bool in_flight;
    uint32_t attempt;
    struct mono_time retry_at;
    int64_t wait_us;
    bool told, refused;        /* what was said of it last */
    struct policy_text detail; /* why it does not; "" */
};

struct service {
    uint8_t index;
    const struct service_policy *policy;
    region_id home;
    struct acceptor acceptor;
    struct learner learner;
    struct proposer proposer;
    struct mono_time propose_at;     /* no new round before */
    uint32_t propose_losses;         /* rounds in a row that did not succeed: backoff */
    struct mono_time ignorant_since; /* something accepted waits to be settled, or the last try; 0: nothing */
    uint32_t learn_rounds;           /* tries so far: backoff */
    uint64_t wait_version;           /* of the last value of ours chosen in a round of ours */
    struct mono_time wait_until;
    struct health health;
    struct remote remotes[POLICY_NODES_MAX];
    struct guard guard;
    struct confirm confirm;
    struct approval approval;
    struct pending_order order;
    struct ack ack;                  /* the newest heard of */
    struct mark marks[POLICY_NODES_MAX]; /* of broken glasses that nobody has reconciled, by maker; durable */
    struct glass glass;
    node_id mark_told;               /* whose was told last */
    struct operation_run run;
    struct taken_over taken;
    struct cut_off cut_off;
    uint64_t settings;               /* digest */
    struct mono_time start;          /* of this process */
    struct follow follow;
    struct mono_time next_gossip;
    bool gossip_now;
    bool gossip_ask;
    uint64_t proposed_operation;     /* id of the newest operation that this process proposed */
    bool unnamed;                    /* a new voter, which has not learnt of any writer yet */
    uint64_t noted_version;
    uint64_t noted_guard_epoch;
    uint64_t noted_operation;
    struct wall_time noted_begun;    /* when that began, if it moves the writer and its end was not noted; else 0 */
    struct heard_words heard;        /* said last in the journal */
    enum gate_id scheduled_shut;     /* that last kept a scheduled switchover from beginning; GATE_COUNT: none */
    struct mono_time guard_known_at; /* when the present guard's naming became known here */
    struct mono_time timer_at;       /* earliest time that any part wants to be called */
};

/* ---- service.c ---- */

void service_init(struct service *service, struct turn *turn, uint8_t index,
                  const struct durable_service *durable, struct mono_time held_until);
void service_sample(struct service *service, struct turn *turn, const struct sample *sample);
void service_message(struct service *service, struct turn *turn, const struct message *message);
void service_order(struct service *service, struct turn *turn, uint64_t ticket,
                   const struct order *order);
void service_guard_ready(struct service *service, struct turn *turn, bool ready, bool kernel);
void service_act_done(struct service *service, struct turn *turn, const struct act_result *result);
/* The set of voters is another one now: whatever was counted so far was counted under the former. */
void service_voters_changed(struct service *service, struct turn *turn);
/* The value known chosen is reported at one ballot by all majorities that are needed. */
bool service_is_held(const struct service *service);
/* Runs every part once; to be called after each event for the service and when its timer is due. */
void service_run(struct service *service, struct turn *turn);

/* ---- shared words of the parts ---- */

static inline node_id turn_self(const struct turn *turn)
{
    return turn->config->self;
}

static inline node_set turn_everyone(const struct turn *turn)
{
    return (node_set)((1u << turn->config->node_count) - 1u);
}

/* What this node says of a region. */
static inline const struct region_verdict *service_own_verdict(const struct service *service,
                                                               const struct turn *turn, region_id region)
{
    return &service->health.opinions[region][turn_self(turn)].verdict;
}

/* Known chosen; NULL if nothing is. */
static inline const struct ledger *service_ledger(const struct service *service)
{
    return service->learner.known ? &service->learner.chosen : NULL;
}

/* Some part wants to be called by `at`. */
static inline void service_wake(struct service *service, struct mono_time at)
{
    service->timer_at = mono_earlier(service->timer_at, at);
}

uint64_t turn_random(struct turn *turn);

/* Whether a node was heard lately. Ourselves always. */
static inline bool turn_heard(const struct turn *turn, node_id node)
{
    if (node == turn_self(turn))
        return true;
    if (node >= turn->config->node_count)
        return false;
    const struct peer *peer = &turn->peers[node];
    return peer->heard && mono_since(turn->now, peer->heard_at) <=
                              SILENT_HEARTBEATS * turn->config->heartbeat_us;
}
node_set turn_heard_set(const struct turn *turn);

/* Heard, and able to change the register. A voter whose store keeps it mute for longer than a start takes
 * is there, and can carry out nothing. */
bool service_able(const struct service *service, const struct turn *turn, node_id node);
node_set turn_nodes_of(const struct turn *turn, region_id region);

/* A note with service, epoch and operation filled in; the caller adds the rest. */
struct note *service_note(struct service *service, struct turn *turn, enum note_kind kind);

void policy_text_set(struct policy_text *text, const char *words);

/* Starts a register round for `goal` unless one runs or the backoff forbids it. True: started. */
bool service_propose(struct service *service, struct turn *turn, const struct ledger *goal);

/* The newest sighting of a region's database by anyone, preferring `prefer`'s when it is as fresh. */
const struct sighting *service_sighting(const struct service *service, region_id region,
                                        node_id *observer);

/* A failover whose target region has no coordinator left that is heard, and is not our own. */
bool operation_abandoned(const struct service *service, const struct turn *turn,
                         const struct ledger *ledger);

/* The region that was granted last: whether anybody saw its database as a primary since. */
bool service_seen_primary(const struct service *service, region_id region);

/* ---- the parts: each runs once per step ---- */

void register_tick(struct service *service, struct turn *turn);  /* quorum/register.c: first of all */
void register_run(struct service *service, struct turn *turn);
void register_message(struct service *service, struct turn *turn, const struct message *message);
/* Takes a voter's word for what it has accepted, and catches our own voter up. */
void register_learn(struct service *service, struct turn *turn, node_id voter,
                    const struct register_report *report);
/* Our own voter has not accepted what is known chosen. */
bool register_is_behind(const struct service *service);
/* What our own voter may be counted for; nothing while it is mute. */
struct register_report register_report_of(const struct service *service, const struct turn *turn);
void gossip_run(struct service *service, struct turn *turn);     /* gossip.c */
void gossip_take(struct service *service, struct turn *turn, node_id from,
                 const struct message_gossip *gossip);
void gossip_confirm(struct service *service, struct turn *turn, node_id from,
                    const struct message_confirm *confirm);
void watch_run(struct service *service, struct turn *turn);      /* health/watch.c */
void watch_sample(struct service *service, const struct turn *turn, const struct sample *sample);
/* As if no check of the region had ever run. */
void watch_forget(struct service *service, region_id region);
/* What `target` would be missing, having received `lsn`, of what may have been written. */
struct loss watch_loss(const struct service *service, const struct turn *turn, region_id target,
                       uint64_t lsn);
void watch_gossip(struct service *service, struct turn *turn, node_id from,
                  const struct message_gossip *gossip);
void guard_run(struct service *service, struct turn *turn);      /* failover/guard.c */
void guard_init(struct service *service, struct turn *turn, struct mono_time held_until);
void guard_act_done(struct service *service, struct turn *turn, const struct act_result *result);
void guard_granted(struct service *service, struct turn *turn, node_id voter,
                   const struct message_grant *grant);
void follow_run(struct service *service, struct turn *turn);     /* failover/follow.c */
void follow_act_done(struct service *service, struct turn *turn, const struct act_result *result);
void approval_run(struct service *service, struct turn *turn);   /* failover/approval.c */
void approval_judge(const struct service *service, const struct turn *turn, const struct ledger *ledger,
                    region_id target, bool planned, struct gate *gate);
/* All that is missing for a failover to our region is a person's word: whether to ask for it. */
bool approval_may_ask(const struct service *service, const struct turn *turn, const struct ledger *ledger);
void approval_ask(struct service *service, struct turn *turn, const struct ledger *ledger);
/* The proposal of a failover to our region; NULL: there is none. */
const struct ledger_proposal *approval_to_us(const struct service *service, const struct ledger *ledger);
/* What the others are told of this service's failover. */
struct moving brake_moving(const struct service *service);       /* failover/brake.c */
void brake_judge(const struct service *service, const struct turn *turn, const struct ledger *ledger,
                 struct gate *gate);
void candidate_run(struct service *service, struct turn *turn);  /* failover/candidate.c */
void candidate_verdict(struct service *service, struct turn *turn, node_id from,
                       const struct message_verdict *verdict);
void order_take(struct service *service, struct turn *turn, node_id from, uint64_t ticket,
                const struct order *order);                      /* failover/order.c */
void order_message(struct service *service, struct turn *turn, const struct message *message);
/* Whether an order that another node forwarded may begin anything, `patience_us` after it was given; if so it is the
 * newest from then on. */
bool order_is_new(struct order_heard *newest, const struct turn *turn, const struct message *message,
                  int64_t patience_us);
void order_reply(struct service *service, struct turn *turn,
                 const struct message_order_reply *reply);
void order_run(struct service *service, struct turn *turn);
void scheduled_run(struct service *service, struct turn *turn);  /* failover/scheduled.c */
/* Says in the journal what people came to say, and that a pause is over by its time. */
void word_notes(struct service *service, struct turn *turn);     /* failover/word.c */
/* Ends the pending order with that answer. */
void order_say(struct service *service, struct turn *turn, enum order_answer answer, const struct gate *gate,
               enum gate_id id);
/* Proposes a value for the pending order, and remembers that it may be chosen yet. */
void order_put_forward(struct service *service, struct turn *turn, const struct ledger *goal);

/* ---- failover/glass.c: the glass broken, marks kept ---- */

void glass_init(struct service *service, const struct turn *turn, const struct mark marks[POLICY_NODES_MAX]);
void glass_run(struct service *service, struct turn *turn);
void glass_act_done(struct service *service, struct turn *turn, const struct act_result *result);
/* The pending order to break it: taken up, and later answered. */
void glass_order_take(struct service *service, struct turn *turn);
void glass_order_run(struct service *service, struct turn *turn);
/* Told by another node; and by our own disk, through a message to ourselves that only leaves from there. */
void glass_hear(struct service *service, struct turn *turn, const struct mark *mark);
void glass_on_disk(struct service *service, const struct mark *mark);
/* The next to tell; and whose lease may run by our own grant, or who is heard to hold open. */
struct mark glass_tell(struct service *service);
node_id glass_granting(const struct service *service, const struct turn *turn);
/* We, or a node that is heard, tell so of that guard. */
bool glass_is_granted(const struct service *service, const struct turn *turn, node_id guard);
/* A node of another region that is heard, and writes or may write by a lease; NODE_NONE: there is none. */
node_id glass_leads(const struct service *service, const struct turn *turn);
/* To whom the marked side, which is us, gives way, and whose region; NODE_NONE: to nobody. Called at each turn while
 * our mark stands: what writes on although nobody says to hold it counts by how long it was seen to. */
node_id glass_rival(struct service *service, struct turn *turn, region_id *region);
/* For which other coordinator of our own region our mark, which stands, is given up, since it holds the same database
 * or gave its own mark up, and for whose region then; NODE_NONE: for none. */
node_id glass_fellow(const struct service *service, const struct turn *turn, region_id *region);

/* Our own guard's mark; NULL: none. */
const struct mark *glass_own(const struct service *service);
/* ...which stands: our database is the writer by a person's word. */
bool glass_stands(const struct service *service);
/* ...and may be gone by: what is on our disk is not known to be of yesterday. */
bool glass_holds(const struct service *service, const struct turn *turn);
/* What our guard is to do while it stands; ACT_COMPARE: leave it. */
enum act_kind glass_wants(const struct service *service);
/* Another coordinator of our region holds its database by its own mark. */
bool glass_is_tended(const struct service *service, const struct turn *turn);
/* A mark of another region than this, which was not given up for this one, or is not known shut: nothing of this region
 * is opened anew. */
const struct mark *glass_bars(const struct service *service, const struct turn *turn, region_id region);
/* A voter that knows of such a mark begins no lease of that guard. */
bool glass_refuses(const struct service *service, const struct turn *turn, const struct message_renew *renew);
/* Another region writes, or a person reconciles for it: ours is never opened by again. `node`: who writes; NODE_NONE: a
 * person. */
void glass_give(struct service *service, struct turn *turn, node_id node, region_id region);
/* Nobody has the store any more by which its maker opened: that node is heard, and is another. */
bool glass_maker_lost(const struct service *service, const struct turn *turn, const struct mark *mark);
/* How many marks there are. */
uint8_t glass_count(const struct service *service);
/* Nothing is open by another mark than this, nor will be; 0: by any. Those of its own region may be known shut, or
 * their maker's store lost: they are about the same database, and never open it again. */
bool glass_is_alone(const struct service *service, const struct turn *turn, uint64_t mark);
const struct mark *glass_find(const struct service *service, uint64_t mark);
/* For all that is known here, its maker may open by it, now or after a restart: nobody told of its being given up. */
bool glass_may_stand(const struct service *service, const struct ledger *ledger, uint64_t mark);

/* ---- failover/reconcile.c: the order that ends a mark ---- */

/* Who can carry it out; NODE_NONE: nobody. */
node_id reconcile_executor(const struct service *service, const struct turn *turn);
void reconcile_run(struct service *service, struct turn *turn, const struct ledger *ledger);
/* What is said when its time is over: GATE, GATE_FENCE: the marked database is still being shut. */
enum order_answer reconcile_late(const struct service *service);
void operation_run_step(struct service *service, struct turn *turn); /* failover/operation.c */
/* A person adopts the zones at which our operation stands. False: it does not stand at any. */
bool operation_adopt_zone(struct service *service, struct turn *turn);
void operation_act_done(struct service *service, struct turn *turn,
                        const struct act_result *result);

/* Every gate of a failover of this service to `target`, judged now; `planned`: of a switchover. `skipped`: by a
 * person. `accepted`: NULL, the service's RPO holds. */
void gates_judge(const struct service *service, const struct turn *turn, region_id target, bool planned,
                 uint32_t skipped, const struct loss_accepted *accepted, struct gate gates[GATE_COUNT]);
/* The region that would be left: the writer, or while none is, the one that wrote last. */
region_id gates_source(const struct ledger *ledger);
/* The first that is shut and not skipped; GATE_COUNT if none is. */
enum gate_id gates_first_shut(const struct gate gates[GATE_COUNT]);

/* Proof that the ledger's outgoing guard has its fence shut; PROOF_NONE if there is none. */
bool guard_has_released(const struct service *service, const struct ledger *ledger);

/* Whose database a remote hook has to cut off for a failover to `target`; REGION_NONE: there is no such hook. */
region_id cut_off_region(const struct service *service, const struct turn *turn, const struct ledger *ledger,
                         region_id target);                      /* failover/cut_off.c */

/* The very instance that the ledger names is heard; its node may run another after it lost its store. */
bool guard_is_there(const struct service *service, const struct turn *turn,
                    const struct ledger *ledger);

/* The guard that the ledger names holds its lease, by its own word. */
bool guard_is_leased(const struct service *service, const struct turn *turn,
                     const struct ledger *ledger);

/* Another coordinator of our region may carry out an operation that we don't know of: no majority of the voters tells
 * us that it has accepted nothing newer. Then the standby, which may be its target, is neither opened for reads nor
 * led anywhere. */
bool guard_may_lag(const struct service *service, const struct turn *turn);

/* How long reads are let through after a look that found a standby. */
int64_t guard_reads_us(const struct service *service);

/* ...and could hold a lease if it were granted one: its fence can be worked. */
bool guard_is_able(const struct service *service, const struct turn *turn,
                   const struct ledger *ledger);

/* Register part of gossip and status. */
void service_view(const struct service *service, const struct turn *turn,
                  struct view_service *view);

#endif
