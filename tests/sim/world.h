/* world: everything around the core, in memory and in virtual time.
 *
 * Purpose: real nodes (policy/node.h) on hosts with a clock, a disk and a network of their own; a
 * database, endpoints and clients per service and region; a Route 53. No I/O and no clock: one seed
 * and one list of calls give one course of events. The scripts of tests/scenario and the simulator
 * play it.
 *
 * The promises are looked at after every event, from what truly happened and never from what the
 * core says of itself (check.h). world_broken() names the first that was broken.
 *
 * Ownership: world_new() allocates, world_free() frees all. Times are microseconds of true time;
 * a host's own clock is what clock.c makes of it.
 */
#ifndef FAILOVERD_TESTS_WORLD_H
#define FAILOVERD_TESTS_WORLD_H

#include "policy/node.h"

#define WORLD_NAME_MAX 32
#define WORLD_SERVICES_MAX 4
#define WORLD_VERSIONS_MAX 4096 /* chosen values that are remembered, per service */
#define WORLD_PERSISTS_MAX 256  /* writes that a disk may have before it */
#define WORLD_ZONES_MAX 4
#define WORLD_TIMELINES_MAX 64  /* of one service's databases */
#define WORLD_WRITE_BYTES_PER_S 1000 /* what clients write into a database that lets them */
#define WORLD_SETS_MAX 256      /* versions of the voters */
#define WORLD_ROUNDS_MAX 64     /* register rounds whose acceptances are remembered */

/* The promises, numbered as in the README of this folder. */
enum invariant {
    INVARIANT_NONE,
    INVARIANT_ONE_WRITER,     /* no two databases of a service acknowledge writes at one instant */
    INVARIANT_REGISTER,       /* what is chosen is linearizable, and never lost */
    INVARIANT_LOSS,           /* no acknowledged row is lost beyond what was said */
    INVARIANT_EVIDENCE,       /* no promotion without a grant, no failover without evidence */
    INVARIANT_DNS,            /* DNS never goes below a finished epoch */
    INVARIANT_ONCE,           /* each step takes effect once; reports are true */
    INVARIANT_LEASE,          /* a fenced database opens only under a lease */
    INVARIANT_CONVERGES,      /* healed, everything comes to rest, and the service is served */
    INVARIANT_CALM,           /* restarting coordinators fence nothing */
    INVARIANT_CHOSEN,         /* nobody acts on a value that is accepted and not chosen */
    INVARIANT_SANE,           /* no spinning, no overflow: what a program must not do in any case */
    INVARIANT_COUNT
};

/* What the promises leave out. A break that such a thing explains is reported as expected, never
 * passed over (DESIGN 5). */
enum beyond {
    BEYOND_CLOCK,  /* a clock ran wrong by more than the configured error */
    BEYOND_DISK,   /* a voter votes without what it had said was durable */
    BEYOND_MACHINE, /* a machine stood still, and its clock with it */
    BEYOND_RISK,   /* an operation went on without a proven fence, as the policy or a person allowed */
    BEYOND_COUNT
};

/* ---- what is given ---- */

struct world_options {
    uint64_t seed;
    uint8_t region_count;
    char region_name[POLICY_REGIONS_MAX][WORLD_NAME_MAX];
    uint8_t coordinators[POLICY_REGIONS_MAX];
    bool guards_apart;            /* where a region has coordinators without a vote, they alone are its guards */
    uint8_t more_voters;          /* second coordinators that vote too, by region order; 0: none */
    uint8_t service_count;        /* 0 counts as 1; all alike but for their initial writers */
    struct service_policy policy; /* checks and guards are filled in by world_new */
    region_id initial_writer[WORLD_SERVICES_MAX]; /* of services 1 and up; 0: policy's */
    int64_t heartbeat_us;
    uint8_t failovers_at_once;    /* 0: no limit */
    int64_t health_for_us;        /* how long a failing run lasts before a check counts as failed */
    int64_t probe_us;             /* between two rounds of a check; 0: 500 ms */
    bool dns_adopted;
    bool synchronous;             /* a commit waits for every standby that streams or should */
    int32_t clock_ppm[POLICY_NODES_MAX];
    bool falsify;                 /* check_falsify.h: try the core's rules on each chosen value */
};

/* ---- hosts ---- */

/* A clock: `mono_us` at true time `true_us`, running `ppm` fast from there. */
struct host_clock {
    int64_t true_us, mono_us;
    int32_t ppm;
    int64_t wall_us;              /* calendar minus true time */
    int64_t wall_was_us;          /* ...before it was last set */
};

/* Durable writes in the order in which they were asked for. */
struct world_persist {
    uint64_t number;
    struct durable durable;
};

/* What becomes of the next write. */
enum disk_fault {
    DISK_WELL,
    DISK_TORN,         /* cut short by the crash that comes with it: the older slot is what is left */
    DISK_LOST,         /* said to be done, and never on the platter (a lying fsync) */
    DISK_MISDIRECTED,  /* over both slots: nothing readable is left at the next start */
    DISK_REFUSES,      /* EIO, ENOSPC: final for the process */
};

struct world_disk {
    bool sound;
    bool doubt;                   /* the next start finds a slot that is torn */
    bool forgot;                  /* the last write, lost or ruined, which it said was done */
    bool fails;                   /* every write is refused */
    enum disk_fault next;         /* befalls the next write, once */
    uint32_t restarts;
    uint64_t instance;
    int64_t held_until_us[WORLD_SERVICES_MAX]; /* as the shell notes it at each hold, own clock */
    struct durable durable;
    int64_t latency_us;
};

enum act_fault { FAULT_NONE, FAULT_FAIL, FAULT_LOST_REPLY, FAULT_RETRY, FAULT_HANG, FAULT_LATE };

/* A durable message that waits for the disk. */
struct world_held {
    uint64_t needs;
    uint8_t to;
    struct letter *letter;
};

struct world_item;

struct host {
    char name[WORLD_NAME_MAX];
    region_id region;
    bool alive, paused;
    uint32_t life;                /* counts starts: what is meant for a former life is dropped */
    struct node *node;
    struct policy_config config;  /* of the present process; `config_next` holds from the next start */
    struct policy_config config_next;
    struct host_clock clock;
    struct world_disk disk;
    struct world_disk saved;      /* a copy of the disk that somebody took */
    uint64_t persist_asked, persist_done;
    struct world_persist *persists[WORLD_PERSISTS_MAX];
    uint16_t persist_count;
    bool store_failed;
    bool store_was_lost;          /* wiped, or put back: its processes count from before once more */
    bool guard_ready, guard_kernel;
    bool observer_broken;         /* no file descriptor, no name server: its probes see nothing */
    int64_t fence_busy_until[WORLD_SERVICES_MAX]; /* acts on one fence are worked in order */
    uint64_t read_serial[WORLD_SERVICES_MAX][WORLD_ZONES_MAX];
    uint64_t change[WORLD_SERVICES_MAX][WORLD_ZONES_MAX]; /* id of its last submission; 0: none */
    uint64_t timer_number;
    bool timer_waits;             /* what was armed last is in the queue: not armed twice */
    int64_t timer_mono_us;        /* what the node armed last, by its own clock */
    enum step_id crash_at_step;   /* die when this step starts; STEP_NONE: don't */
    bool crash_writes;            /* ...after what was to be written is on disk */
    uint32_t crash_at_persist;    /* die when this many more writes were asked for; 0: don't */
    uint32_t pause_at_step;       /* stand still in the midst of this many-th next step; 0: don't */
    enum act_kind pause_before;   /* stand still with this act in hand; ACT_KIND_COUNT: don't */
    struct effect *stalled;       /* what that step asked for and nobody has carried out yet */
    size_t stalled_count;
    struct world_held *held;
    size_t held_count, held_size;
    struct world_item *parked;    /* what came in while it stood still, in order */
    size_t parked_count, parked_size;
    int64_t trouble_until_us;     /* dead, standing still, its fence out of order: true time, or now */
    int64_t machine_stopped_at;   /* true time; -1: the machine runs */
    int64_t newest_us[POLICY_NODES_MAX]; /* when the newest message that came from each had been sent */
    int64_t died_us, died_mono_us; /* when its last life ended, by true time and by its clock */
    int64_t machine_woke_us;      /* when it last went on after it had stood still; 0: never */
    int64_t set_back_us;          /* its calendar, while it stood: what told how long that was */
    bool woke_unaware;            /* ...and so it could not tell that it had stood at all; nor can a later life */
    uint64_t found_generation;    /* of its store, and whether that was torn, when this life began... */
    bool found_doubt, found_sound;
    node_set confirmed_by;        /* ...and which voters have told this life that they know no newer one */
    bool outdated;                /* ...or that somebody does... */
    int64_t outdated_us;          /* ...and since when it is told so */
    bool was_confirmed;           /* ...or, at some time of this life, enough of them and nobody else */
    int64_t looked_us[WORLD_SERVICES_MAX]; /* when this life last saw its region's database; 0: not yet */
    int64_t former_looked_us[WORLD_SERVICES_MAX]; /* ...the one before: what that asked of a door may come later */
    uint64_t known_version[WORLD_SERVICES_MAX];  /* of the present life */
    struct ledger ledger[WORLD_SERVICES_MAX];    /* last known chosen here */
    bool ledger_known[WORLD_SERVICES_MAX];
    int64_t known_since_us[WORLD_SERVICES_MAX];  /* true time: since when its operation is known to stand so */
    enum mute_reason mute;
    bool formatted;               /* a person made a new store for it, to have it replaced */
    uint64_t voters_version;      /* of the set of voters that its present life counts by */
};

/* ---- a service's outside ---- */

struct database {
    bool up, frozen;              /* frozen: SIGSTOP, accepts nothing and says nothing */
    uint32_t life;                /* counts stops and starts: what one was asked, the next does not do */
    bool in_recovery;
    uint32_t timeline;
    uint64_t lsn;                 /* flushed, or received */
    bool promoting;               /* told to, and not done: it starts no walreceiver any more */
    bool receipt_off;             /* its WAL receipt is frozen for a comparison */
    bool streaming;
    uint64_t joined_lsn;          /* acknowledged on its timeline before it came to that: no commit waited for it */
    region_id upstream;
    int64_t fence_until;          /* kernel: packets pass before this time */
    bool door_open;               /* door: outlives everything */
    bool cut_off;                 /* by a remote hook: no client reaches it, until a person undoes that */
    uint8_t opened_by;            /* host */
    bool acknowledges;            /* as last looked at */
};

/* Where a timeline left the one before, and how far its writes were acknowledged to clients. */
struct timeline {
    uint32_t parent;
    uint64_t fork_lsn;
    uint64_t acknowledged_lsn;    /* 0: nothing yet */
    uint64_t joined_lsn;          /* of its first writer, when that was a standby: see struct database */
    uint64_t operation;           /* which began it by a promotion; 0: a person's hand */
    int64_t acknowledged_us;      /* true time of the newest acknowledgement */
};

struct zone_state {
    enum dns_mark mark;
    uint64_t epoch, operation, serial;
    uint64_t change;              /* id of the change that made it so; 0: as it was at the start */
    region_id region;
    uint8_t share;                /* percent of the traffic that is there */
    uint64_t version;             /* of the ledger that asked for it; 0: all at once */
};

struct zone {
    struct zone_state now, former; /* former: what a control plane that loses a change goes back to */
    uint64_t change;              /* id of the last change; ids are never used twice */
    int64_t insync_at;
    uint64_t highest_epoch;
    uint64_t highest_operation;   /* of the newest mark of it: an adoption follows what moved the writer */
    uint64_t highest_version;     /* within both: an adoption has none, and is newer than any share before it */
    bool rolled_back;             /* the modelled loss happened and has not healed yet */
};

/* One register round as the disks know it: who has accepted it durably. */
struct world_round {
    struct ballot ballot;
    struct ledger ledger;
    node_set accepted;
    uint64_t voters_version;      /* of the set under which it was accepted first */
};

struct truth;
struct truth_sets;

struct world_service {
    struct service_policy policy;
    struct database databases[POLICY_REGIONS_MAX];
    bool endpoints_up[POLICY_REGIONS_MAX];
    struct timeline timelines[WORLD_TIMELINES_MAX];
    uint32_t timeline_count;      /* the newest timeline's number */
    int64_t settled_at;           /* databases are worked out up to here */
    struct zone zones[WORLD_ZONES_MAX];
    struct truth *truth;          /* check.c's: what was truly chosen, granted, seen, done */
};

/* ---- the whole ---- */

/* Between two hosts, one way. Regions are cut by `cut` below, which data and probes obey too. */
struct link {
    bool cut;
    int64_t delay_us;
    int64_t clogged_until;        /* nothing arrives before, then everything at once */
};

struct world;

/* Called for every note of every host, and with note NULL for what the world itself sees. */
typedef void world_listener(void *arg, const struct world *world, const struct host *host,
                            const struct note *note, const char *words);

#define WORLD_SPARE_MAX 512

struct world {
    int64_t now_us;
    uint64_t random;
    struct world_options options;
    uint8_t host_count;
    uint8_t service_count;
    struct host hosts[POLICY_NODES_MAX];
    struct world_service services[WORLD_SERVICES_MAX];
    bool region_dead[POLICY_REGIONS_MAX];
    bool cut[POLICY_REGIONS_MAX][POLICY_REGIONS_MAX]; /* from, to */
    struct link links[POLICY_NODES_MAX][POLICY_NODES_MAX]; /* from, to */
    uint32_t lose_permille, duplicate_permille, late_permille, lies_permille;
    int64_t late_us;              /* how late a late message may be */
    int64_t duplicate_late_us;    /* ...and how much later its double comes; 0: a second */
    int64_t duplicate_at_us;      /* until then doubles are kept, and then they all come */
    int64_t lag_bytes;            /* how far standbys stay behind a writer that writes */
    bool writes;                  /* clients write all the time */
    bool dns_unreachable;
    int64_t dns_sync_us;
    int64_t act_us[ACT_KIND_COUNT];
    enum act_fault fault[ACT_KIND_COUNT];
    uint32_t fault_times[ACT_KIND_COUNT];
    node_set fault_at[ACT_KIND_COUNT]; /* whose acts; 0: all hosts' */
    struct world_item *queue;
    size_t queued;
    struct letter *spare[WORLD_SPARE_MAX]; /* used letters, for the next ones */
    size_t spare_count;
    uint64_t serial;
    uint64_t hash;                /* of everything that happened; see world_mix() */
    uint64_t events;
    int64_t same_time_us;         /* a core that wakes itself without time passing spins */
    uint32_t same_time;
    int64_t slow_us[2];           /* check.c: the longest delays of this period and of the one before */
    int64_t slow_since_us;
    struct truth_sets *sets;      /* check_voters.c's: which sets of voters were truly chosen */
    uint64_t tickets;             /* orders given */
    struct message_order_reply reply[2]; /* to the last two, each where its ticket is odd or even */
    char broken[256];
    enum invariant broken_invariant;
    bool overlapped[BEYOND_COUNT]; /* two wrote for a while, which this explains; the run goes on */
    bool beyond[BEYOND_COUNT];    /* what happened that the promises leave out: check.h */
    world_listener *listener;
    void *listener_arg;
    struct effects effects;
};

struct world *world_new(const struct world_options *options, world_listener *listener, void *arg);
void world_free(struct world *world);

/* Plays events until true time `until_us`, or until something is broken (false). */
bool world_run(struct world *world, int64_t until_us);
/* Plays one event if there is one before `until_us`. */
bool world_run_one(struct world *world, int64_t until_us);

/* Names what was broken; NULL: nothing. */
const char *world_broken(const struct world *world);

/* ---- what may happen ---- */

void world_host_crash(struct world *world, struct host *host, bool writes_first);
void world_host_start(struct world *world, struct host *host);
void world_host_pause(struct world *world, struct host *host);
void world_host_resume(struct world *world, struct host *host);
void world_host_rate(struct world *world, struct host *host, int32_t ppm); /* clock rate from now on */
void world_host_step_calendar(struct host *host, int64_t us);
/* The whole machine stands still for `us` and does not know it (a paused virtual machine): its clocks
 * and its kernel's timers go on where they were, the calendar is right again afterwards. */
void world_host_lose_time(struct world *world, struct host *host, int64_t us);
void world_host_guard(struct world *world, struct host *host, bool ready); /* breaks, is mended */
/* The disk's content; whoever uses these crashes the host first, or lets them be found at the next start. */
void world_disk_wipe(struct world *world, struct host *host);
void world_disk_save(struct host *host);
void world_disk_restore(struct host *host);
void world_region_kill(struct world *world, region_id region);
void world_region_return(struct world *world, region_id region);
void world_region_isolate(struct world *world, region_id region, bool isolated);
/* Databases are worked out up to now before anything about them or the network between them changes;
 * whoever changes a field of theirs by hand calls this first. */
void world_settle(struct world *world);
void world_database_stop(struct world *world, uint8_t service, region_id region);
void world_database_start(struct world *world, uint8_t service, region_id region);
/* PostgreSQL alone stops and starts, in an instant and in the role that it had: what hung goes on, and
 * the kernel's element stays. */
void world_database_restart(struct world *world, uint8_t service, region_id region);
void world_database_rejoin(struct world *world, uint8_t service, region_id region,
                           region_id upstream);
/* What a remote hook does, and what undoes it. */
void world_database_cut_off(struct world *world, uint8_t service, region_id region, bool cut_off);
void world_database_promote_by_hand(struct world *world, uint8_t service, region_id region);
/* Route 53's control plane fails over and forgets the zone's last change. */
void world_zone_lose_change(struct world *world, uint8_t service, uint8_t zone);
void world_order(struct world *world, struct host *host, uint8_t service,
                 const struct order *order);
void world_heal(struct world *world); /* the network */

/* ---- looking ---- */

struct host *world_host(struct world *world, const char *name);
region_id world_region(const struct world *world, const char *name);
/* A region's standby could stream from another's primary: its timeline leads there, and it is not ahead of it. */
bool world_can_follow(const struct world *world, uint8_t service, region_id region, region_id leader);
bool world_acknowledges(const struct world *world, uint8_t service, region_id region);
bool world_reaches(const struct world *world, region_id from, region_id to); /* both ways */
/* The newest ledger known chosen by any host that is alive; NULL: none. */
const struct ledger *world_ledger(const struct world *world, uint8_t service);
int64_t host_mono(const struct world *world, const struct host *host);
int64_t host_wall(const struct world *world, const struct host *host);
int64_t host_true(const struct host *host, int64_t mono_us); /* when its clock will show that */
uint64_t world_random(struct world *world, uint64_t below);

#endif
