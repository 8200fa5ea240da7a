/* Incidents: what is going on that people are told of, and who was told what of it.
 *
 * Two kinds. An operation's incident has the operation's id and gets events as it goes. A condition (a region that a
 * majority suspects, a warning of status) is looked at again and again: it is told once it has stood for its hold time,
 * and is over when it has not been seen for INCIDENT_CLEAR_US, so that one that flaps is one incident. Its id is a
 * hash of what and where it is and of the ledger's epoch at its onset, which is the one clock that all nodes share:
 * so they give the same incident the same id, and the next one of its kind after a failover another.
 *
 * Every node keeps all incidents that it sees, and tells those that are its own to tell (`mine`). A node that
 * becomes the teller tells how the incident stands now, to channels that it has not told that itself. Whoever told a
 * channel of an incident tells it also that it was acknowledged and that it is over. What needs a person goes to the
 * channels of the next level as time passes, until it is acknowledged.
 *
 * Kept in memory only: after a restart a node tells once more what still stands, under the same id. Time is the
 * caller's; pure but for memory; one thread.
 */
#ifndef FAILOVERD_NOTIFY_INCIDENTS_H
#define FAILOVERD_NOTIFY_INCIDENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/notify/notice.h"
#include "policy/types.h"

#define INCIDENTS_MAX 64
#define INCIDENT_CLEAR_US INT64_C(10000000)
#define INCIDENT_STEPS_MAX 24
#define INCIDENT_CLOCKS_US INT64_C(60000000) /* by which the wall clocks of two nodes may differ */

/* Who is to tell of it: this node whatever others see, an operation's executor, or the one elected. */
enum incident_teller { TELLER_SELF, TELLER_EXECUTOR, TELLER_ELECTED };

struct incident {
    uint64_t id;            /* 0: a free place */
    uint64_t key;           /* a condition: what and where, whenever it began */
    uint64_t operation;     /* 0: a condition */
    enum incident_teller teller;
    node_id executor;       /* with TELLER_EXECUTOR */
    bool open;              /* else a condition that has not stood for long enough */
    int64_t since_us;
    int64_t since_wall_us;
    int64_t seen_us;        /* a condition: when last */
    int64_t hold_us;
    /* How it stands now. */
    enum config_event event;
    uint8_t step;           /* of it; 0: none */
    uint8_t service;        /* index; SERVICE_NONE */
    char region[NOTICE_NAME_MAX];
    char text[NOTICE_TEXT_MAX];
    uint64_t seen;          /* a bit per event (and step) that it had */
    /* Until somebody takes care. */
    bool person;
    int64_t person_us;      /* since when */
    int level;              /* that it has got to */
    bool acknowledged;
    char by[NOTICE_NAME_MAX];
    int64_t acknowledged_wall_us;
    int64_t well_us;        /* of a failed operation: since when its service is well again; 0: it is not */
    uint64_t told[CONFIG_MAX_CHANNELS]; /* bits as in `seen`: what this node told that channel */
};

/* Something that happened, or that stands. */
struct incident_fact {
    uint64_t id;            /* of a condition: if it begins now */
    uint64_t key;           /* of a condition: incident_id() of epoch 0 */
    uint64_t operation;
    enum incident_teller teller;
    node_id executor;
    enum config_event event;
    uint8_t step;
    uint8_t service;
    const char *region;     /* name, or NULL */
    const char *text;
    bool person;            /* it needs one, though its event alone does not say so */
    int64_t hold_us;        /* of a condition */
};

struct incidents_settings {
    const struct cluster_config *cluster; /* outlives it */
    const char *node;                     /* our name */
    /* Whether this node tells of it, now. */
    bool (*mine)(void *arg, const struct incident *incident);
    /* Takes a copy. */
    void (*tell)(void *arg, size_t channel, const struct notice *notice);
    void *arg;
};

struct incidents;

struct incidents *incidents_new(const struct incidents_settings *settings); /* NULL without memory */
void incidents_free(struct incidents *incidents);

struct incident_time { int64_t us; int64_t wall_us; };

/* An operation's event. The same event (of the same step) of the same operation counts once. */
void incidents_event(struct incidents *incidents, const struct incident_fact *fact, struct incident_time now);

/* It goes on, or may, so nothing waits for a person in it any more. */
void incidents_goes_on(struct incidents *incidents, uint64_t id);

/* A condition is there, at this look. */
void incidents_stands(struct incidents *incidents, const struct incident_fact *fact, struct incident_time now);

/* An operation's incident is over. With an event it is the last thing told; else it is "resolved", for `why`. */
void incidents_over(struct incidents *incidents, uint64_t id, const char *why, struct incident_time now);

/* After each look: conditions that are gone end; the next level is told; what became ours to tell is told. */
void incidents_tick(struct incidents *incidents, struct incident_time now);

/* Somebody takes care, said at that wall time (of any node). False: there is no such open incident, or it is a condition
 * and that word is older than it by more than clocks may differ, so it was about an earlier one. Said twice, the first one
 * counts, and it is true. */
bool incidents_acknowledge(struct incidents *incidents, uint64_t id, const char *by, int64_t wall_us,
                           struct incident_time now) CHECKED;

/* The place-th of INCIDENTS_MAX, or NULL if that is free or not open. */
struct incident *incidents_at(struct incidents *incidents, size_t place);
/* NULL: there is none, or it is not open. */
struct incident *incidents_find(struct incidents *incidents, uint64_t id);

/* Its place in `seen` and `told`. */
uint64_t incident_bit(enum config_event event, uint8_t step);

/* What found no place, since the start, or had to make room for an operation. */
uint64_t incidents_refused(const struct incidents *incidents);

/* The id of a condition: what (a warning's code), where (NULL: nowhere in particular), since which epoch (0: whenever,
 * which is its key). Never 0. */
uint64_t incident_id(const char *cluster, const char *service, const char *what, const char *where, uint64_t epoch);

#endif
