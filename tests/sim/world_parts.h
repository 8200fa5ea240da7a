/* Between the files of the world: see world.h. Nobody outside of it includes this but check.c. */
#ifndef FAILOVERD_TESTS_WORLD_PARTS_H
#define FAILOVERD_TESTS_WORLD_PARTS_H

#include "tests/sim/world.h"

/* ---- what is going to happen (world_queue.c) ---- */

#define WORLD_ITEMS_MAX 32768
#define WORLD_SPIN_MAX 20000 /* events at one same instant */

enum item_kind {
    ITEM_TIMER,
    ITEM_MESSAGE,
    ITEM_PERSISTED,
    ITEM_PROBE,
    ITEM_ACT_START,
    ITEM_ACT_END,
    ITEM_ACT_DONE,
    ITEM_GUARD_READY,
    ITEM_WAKE,       /* a machine that stood still goes on */
};

struct world_act {
    struct act act;
    enum act_fault fault;
    uint32_t life;        /* of the host, when it asked */
    uint32_t server_life; /* of the region's database, likewise */
    bool reported;        /* its deadline came first */
    uint64_t read_serial; /* DNS_SUBMIT: what the host had read when it asked */
};

/* A message on its way, as the event that it is to whoever gets it. It is large and mostly goes to everybody, so there
 * is one for all of them; it is freed when the last lets go of it. */
struct letter {
    unsigned holders;
    struct node_event event;
};

struct world_item {
    int64_t at;
    int64_t since;     /* when it set out or was due first; 0: world_push() fills it in */
    uint64_t number;   /* breaks ties, so that equal times keep their order */
    enum item_kind kind;
    uint32_t life;     /* 0: any */
    uint8_t host;
    uint8_t service;
    uint8_t check;
    uint8_t to;
    union {            /* what it carries: owned */
        uint64_t needs;            /* PERSISTED, TIMER: which one */
        struct letter *letter;     /* MESSAGE */
        struct act_result *result; /* ACT_DONE */
        struct world_act *act;     /* ACT_START, ACT_END */
    };
};

void world_push(struct world *world, struct world_item item);
struct world_item world_pop(struct world *world);
/* Frees what an item carries. */
void world_drop(struct world *world, struct world_item *item);
/* A new one has one holder, the caller; hold: one more. */
struct letter *letter_write(struct world *world, const struct message *message);
struct letter *letter_hold(struct letter *letter);
void letter_drop(struct world *world, struct letter *letter);

/* ---- small words (world.c) ---- */

uint8_t host_index(const struct world *world, const struct host *host);
void world_event(struct world *world, struct host *host, struct node_event *event);
void world_say(struct world *world, const struct host *host, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void world_break(struct world *world, enum invariant invariant, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void world_mix(struct world *world, uint64_t value); /* into the hash */

/* ---- parts ---- */

void network_send(struct world *world, struct host *from, uint8_t to,            /* world_network.c */
                  struct letter *letter);
/* Makes a copy of what goes to `to` a lie that the core has to refuse; false: there is none to make of it. */
bool world_lie(struct world *world, const struct host *to, struct message *message); /* world_lies.c */
void disk_persist(struct world *world, struct host *host);                       /* world_disk.c */
void disk_send_durable(struct world *world, struct host *host, uint8_t to, struct letter *letter);
/* As much of it as there are services in this world. */
void disk_copy(const struct world *world, struct durable *to, const struct durable *from);
void disk_written(struct world *world, struct host *host);
void disk_crash(struct world *world, struct host *host, bool writes_first);
/* Carries out effects in their order, as the shell does. */
void host_carry_out(struct world *world, struct host *host, const struct effect *effects, /* world_host.c */
                    size_t count);
bool host_stands(const struct host *host); /* its process or its machine */
void host_park(struct host *host, const struct world_item *item);
void host_unpark(struct world *world, struct host *host);
void host_arm(struct world *world, struct host *host, int64_t mono_us);
/* The region's databases and their kernel elements are on the machine of its first coordinator. */
bool host_keeps_element(const struct world *world, const struct host *host);
void host_wake(struct world *world, struct host *host);
void host_probe(struct world *world, struct host *host, uint8_t service, uint8_t check);
void host_free(struct world *world, struct host *host);
void act_ask(struct world *world, struct host *host, const struct act *act);     /* world_acts.c */
/* Whether an item of this act is the host's process's own doing: it waits while that stands still. */
bool act_is_its_own(const struct world *world, const struct world_act *act, bool starts);
void act_start(struct world *world, struct host *host, struct world_act *act);
void act_end(struct world *world, struct host *host, struct world_act *act);
void act_words(struct act_result *result, enum act_outcome outcome, const char *words);

/* Databases (world_database.c). All of them settle first. */
void database_init(struct world *world, uint8_t service);
struct database_facts database_facts_of(struct world *world, uint8_t service, region_id region);
/* Carries out HOLD, READS, SHUT, COMPARE, FREEZE, THAW and PROMOTE on the host's region's database. */
void database_act(struct world *world, struct host *host, const struct act *act,
                  struct act_result *result);

/* Route 53 (world_zones.c). */
void zone_init(struct world *world, uint8_t service);
void zone_act(struct world *world, struct host *host, const struct world_act *act,
              struct act_result *result);

#endif
