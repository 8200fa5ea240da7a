/* world: everything around the core, in memory and in virtual time.
 *
 * Purpose: real nodes (policy/node.h) on hosts with a clock, a disk and a network of their own;
 * a database and endpoints per region; a Route 53. No I/O and no clock: one seed and one list of
 * calls give one course of events. The scripts of this folder play it, and so can a simulator.
 *
 * After every event the promises are checked (world_check.c): one region at most acknowledges
 * writes; what is chosen at a version is one value everywhere; nothing is promoted without a grant;
 * DNS never goes back. world_broken() says which was broken first.
 *
 * Ownership: world_new() allocates, world_free() frees all. Times are microseconds of true time.
 */
#ifndef FAILOVERD_TESTS_WORLD_H
#define FAILOVERD_TESTS_WORLD_H

#include "policy/node.h"

#define WORLD_NAME_MAX 32
#define WORLD_VERSIONS_MAX 4096 /* chosen values that are remembered */
#define WORLD_PERSISTS_MAX 256  /* writes that a disk may have before it */
#define WORLD_ZONES_MAX 4

struct world_options {
    uint64_t seed;
    uint8_t region_count;
    char region_name[POLICY_REGIONS_MAX][WORLD_NAME_MAX];
    uint8_t coordinators[POLICY_REGIONS_MAX];
    uint8_t more_voters;         /* second coordinators that vote too, by region order; 0: none */
    struct service_policy policy; /* checks and guards are filled in by world_new */
    int64_t heartbeat_us;
    int64_t health_for_us;       /* how long a failing run lasts before a check counts as failed */
    bool dns_adopted;
    int32_t clock_ppm[POLICY_NODES_MAX];
};

/* Durable writes in the order in which they were asked for. */
struct world_persist {
    uint64_t number;
    struct durable durable;
};

struct world_disk {
    bool sound;
    bool fails;
    uint32_t restarts;
    uint64_t instance;
    int64_t held_until_us; /* as the shell notes it at each hold, by the host's own clock */
    struct durable durable;
    int64_t latency_us;
};

enum act_fault { FAULT_NONE, FAULT_FAIL, FAULT_LOST_REPLY, FAULT_RETRY, FAULT_HANG };

struct host {
    char name[WORLD_NAME_MAX];
    region_id region;
    bool alive, paused;
    uint32_t life;               /* counts starts: what is meant for a former life is dropped */
    struct node *node;
    struct policy_config config;
    int64_t clock_offset_us;
    int32_t clock_ppm;
    struct world_disk disk;
    struct world_disk saved;     /* a copy of the disk that a script took */
    uint64_t persist_asked, persist_done;
    struct world_persist *persists[WORLD_PERSISTS_MAX];
    uint16_t persist_count;
    bool store_failed;
    bool guard_ready, guard_kernel;
    int64_t fence_busy_until;    /* acts on one fence are worked in order */
    uint64_t read_serial[WORLD_ZONES_MAX];
    bool has_change[WORLD_ZONES_MAX];
    int64_t timer_at;            /* true time; what the node armed last */
    uint64_t timer_number;
    enum step_id crash_at_step;  /* die when this step starts; STEP_NONE: don't */
    bool crash_writes;           /* ...after what was to be written is on disk */
    uint64_t known_version;      /* of the present life */
    struct ledger ledger;        /* last known chosen here */
    bool ledger_known;
    enum mute_reason mute;
};

struct database {
    bool up, frozen;             /* frozen: SIGSTOP, accepts nothing and says nothing */
    bool in_recovery;
    uint32_t timeline;
    uint64_t lsn;                /* flushed, or received */
    bool receipt_off;            /* its WAL receipt is frozen for a comparison */
    bool streaming;
    region_id upstream;
    int64_t fence_until;         /* kernel: packets pass before this time */
    bool door_open;              /* door: outlives everything */
    bool acknowledges;           /* as last looked at */
    int64_t promoting_until;     /* 0: no promotion is under way */
};

struct zone {
    enum dns_mark mark;
    uint64_t epoch, operation, serial;
    region_id region;
    int64_t insync_at;
    uint64_t highest_epoch;
};

struct world;

/* Called for every note of every host, and with note NULL for what the world itself sees. */
typedef void world_listener(void *arg, const struct world *world, const struct host *host,
                            const struct note *note, const char *words);

struct world_item;

struct world {
    int64_t now_us;
    uint64_t random;
    struct world_options options;
    uint8_t host_count;
    struct host hosts[POLICY_NODES_MAX];
    struct database databases[POLICY_REGIONS_MAX];
    bool endpoints_up[POLICY_REGIONS_MAX];
    bool region_dead[POLICY_REGIONS_MAX];
    bool cut[POLICY_REGIONS_MAX][POLICY_REGIONS_MAX]; /* from, to */
    int64_t delay_us[POLICY_REGIONS_MAX][POLICY_REGIONS_MAX];
    uint32_t lose_permille, duplicate_permille;
    int64_t lag_bytes;           /* how far standbys stay behind */
    bool writes;                 /* clients write all the time */
    struct zone zones[WORLD_ZONES_MAX];
    bool dns_unreachable;
    int64_t dns_sync_us;
    int64_t act_us[ACT_KIND_COUNT];
    enum act_fault fault[ACT_KIND_COUNT];
    uint32_t fault_times[ACT_KIND_COUNT];
    struct world_item *queue;
    size_t queued;
    uint64_t serial;
    int64_t same_time_us;        /* a core that wakes itself without time passing spins */
    uint32_t same_time;
    struct ledger chosen[WORLD_VERSIONS_MAX];
    bool chosen_known[WORLD_VERSIONS_MAX];
    uint64_t top_version;
    uint64_t replies;            /* answers to orders seen */
    struct message_order_reply last_reply;
    char broken[256];
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
void world_region_kill(struct world *world, region_id region);
void world_region_return(struct world *world, region_id region);
void world_database_stop(struct world *world, region_id region);
void world_database_start(struct world *world, region_id region);
void world_database_rejoin(struct world *world, region_id region, region_id upstream);
void world_order(struct world *world, struct host *host, const struct order *order);
void world_heal(struct world *world);

/* ---- looking ---- */

struct host *world_host(struct world *world, const char *name);
region_id world_region(const struct world *world, const char *name);
bool world_acknowledges(const struct world *world, region_id region);
/* The newest ledger known chosen by any host that is alive; NULL: none. */
const struct ledger *world_ledger(const struct world *world);

/* ---- between the files of the world ---- */

#define WORLD_ITEMS_MAX 16384
#define WORLD_SPIN_MAX 5000 /* events at one same instant */

enum item_kind {
    ITEM_TIMER,
    ITEM_MESSAGE,
    ITEM_PERSISTED,
    ITEM_PROBE,
    ITEM_ACT_START,
    ITEM_ACT_END,
    ITEM_ACT_DONE,
    ITEM_GUARD_READY,
    ITEM_TICK,       /* clients write, standbys receive */
};

struct world_act {
    struct act act;
    enum act_fault fault;
    uint32_t life;        /* of the host, when it asked */
    bool reported;        /* its deadline came first */
};

struct world_item {
    int64_t at;
    uint64_t number;   /* breaks ties, so that equal times keep their order */
    enum item_kind kind;
    uint8_t host;
    uint32_t life;     /* 0: any */
    uint64_t needs;    /* MESSAGE held back until this persist is done; PERSISTED: which one */
    uint8_t check;
    uint8_t to;
    struct message *message;
    struct act_result *result;
    struct world_act *act;
};

void world_push(struct world *world, struct world_item item);
struct world_item world_pop(struct world *world);
void world_sweep(struct world *world); /* of items whose life is UINT32_MAX */
uint64_t world_random(struct world *world, uint64_t below);
int64_t host_mono(const struct world *world, const struct host *host);
int64_t host_true(const struct host *host, int64_t mono_us);
void world_event(struct world *world, struct host *host, struct node_event *event);
void world_say(struct world *world, const struct host *host, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool world_reaches(const struct world *world, region_id from, region_id to); /* both ways */
struct database_facts database_facts_of(const struct world *world, region_id region);
void database_tick(struct world *world);
void act_ask(struct world *world, struct host *host, const struct act *act);
void act_start(struct world *world, struct host *host, struct world_act *act);
void act_end(struct world *world, struct host *host, struct world_act *act);
void dns_act(struct world *world, struct host *host, const struct act *act,
             struct act_result *result);
void check_event(struct world *world);
void check_chosen(struct world *world, struct host *host);
void check_promotion(struct world *world, const struct host *host, const struct act *act);
void check_dns(struct world *world, uint8_t zone, uint64_t before);
void world_break(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
