/* What door.c and door_readiness.c share. Internal to coordinator/database. */
#ifndef FAILOVERD_DATABASE_DOOR_INTERNAL_H
#define FAILOVERD_DATABASE_DOOR_INTERNAL_H

#include "coordinator/database/door.h"
#include "coordinator/database/errand.h"

enum door_task { DOOR_TASK_SHUT, DOOR_TASK_OPEN, DOOR_TASK_INSPECT, DOOR_TASK_READINESS };

struct door_errand {
    struct errand base;
    enum door_task task;
    struct pg_target *canary_target;
    struct pg_session *canary;
    void *arg;
    bool *gone;                  /* set when freed within `progress` */
    /* shut, open, inspect */
    door_fn *progress;
    door_fn *done;
    int64_t not_after_us;        /* open */
    int64_t login_limit_us;      /* shut: how long a login may take on this server */
    int64_t late_logins_over_us; /* shut: when the last one that began before is over */
    bool swept_own;              /* shut: this round's sweep has ended our role's other sessions */
    bool last_round;             /* shut: the one after the wait */
    bool touched;                /* the settings may have been changed */
    unsigned late_settings;      /* open */
    struct door_report report;
    /* readiness */
    door_findings_fn *findings_done;
    struct door_findings findings;
    size_t question;
};

struct door_errand *door_errand_new(enum door_task task, struct loop *loop, const struct door_settings *settings,
                                    int64_t deadline_us, void (*on_deadline)(void *), void *arg,
                                    struct fault *fault);
void door_errand_free(struct door_errand *errand);
/* Was this login ended by our door, and by nothing else? */
bool door_refused(const struct pg_answer *result);

#endif
