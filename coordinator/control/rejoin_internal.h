/* What rejoin.c (the question) and rejoin_run.c (the run) share; not for others. */
#ifndef FAILOVERD_CONTROL_REJOIN_INTERNAL_H
#define FAILOVERD_CONTROL_REJOIN_INTERNAL_H

#include "coordinator/control/rejoin.h"

#include "coordinator/base/clock.h"

#define ASK_US (5 * US_PER_S)
#define WHO_MAX 96

enum rejoin_stage { STAGE_IDLE, STAGE_ASK_LOCAL, STAGE_ASK_WRITER, STAGE_ASK_SLOT, STAGE_RUN_HOOK, STAGE_RUN_PAUSE,
                    STAGE_RUN_LOCAL, STAGE_RUN_WRITER };

struct rejoin {
    struct loop *loop;
    struct rejoin_settings settings;
    enum rejoin_stage stage;
    struct view_service view;      /* as of the question, and then the newest */
    struct server_look *look;
    struct fork_errand *fork;
    struct child *hook;
    struct timer pause;
    struct rejoin_request request; /* of the question */
    char who[WHO_MAX];
    struct server_seen local;
    struct fork_report theirs;
    struct rejoin_plan plan;
    struct slot_errand *slotting;  /* of the making, with the body of the answer; or of a drop, beside whatever comes */
    json_t *body;
    char slot[SLOT_NAME_MAX];      /* made on the writer for this run; "": none, */
    char slot_why[FAULT_TEXT_MAX]; /* because of this */
    uint64_t run;                  /* 0: there was none */
    bool running;
    bool well;                     /* how it ended */
    bool ended_for_writer;
    int64_t began_us;
    int64_t ended_us;
    int64_t verify_by_us;
    char text[REJOIN_TEXT_MAX];    /* where it stands, or how it ended */
};

/* As both servers were seen last. */
struct rejoin_facts rejoin_facts_now(const struct rejoin *r);

/* Asks our own server and then the writer's; `stage` says for whom. */
void rejoin_ask_servers(struct rejoin *r, enum rejoin_stage stage);

/* The writer's database, at the address at which it answered. */
bool rejoin_writer_target(const struct rejoin *r, struct pg_target *target) CHECKED;

/* Nobody will use the slot that was made. */
void rejoin_slot_leave(struct rejoin *r);

/* Starts the hook. */
bool rejoin_run_start(struct rejoin *r, struct fault *fault) CHECKED;

/* Both servers were asked for a run: does it stream? */
void rejoin_run_verify(struct rejoin *r);

/* The pause between two looks is over; `arg`: the struct rejoin. */
void rejoin_run_look(void *arg);

#endif
