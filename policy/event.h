/* Events: everything that can happen to a node. With effect.h this is the whole contract between
 * the core and the shell: an event in, effects out.
 */
#ifndef FAILOVERD_POLICY_EVENT_H
#define FAILOVERD_POLICY_EVENT_H

#include "policy/act.h"
#include "policy/message.h"
#include "policy/types.h"

enum event_kind {
    EVENT_TIMER,        /* the timer that EFFECT_TIMER armed */
    EVENT_MESSAGE,
    EVENT_LINK,         /* a peer can or cannot be reached */
    EVENT_SAMPLE,       /* a probe finished a round */
    EVENT_ACT_DONE,
    EVENT_ORDER,        /* a person's order, from this node's control socket */
    EVENT_GUARD_READY,  /* whether this node can work its region's fence, and how */
    EVENT_VOTER_ORDER,  /* a person's order about the voters, likewise */
    EVENT_STORE_FAILED, /* the disk refused: final for this process */
};

struct event_link { node_id peer; bool up; };
struct event_sample { uint8_t service; struct sample sample; };
struct event_order { uint8_t service; uint64_t ticket; struct order order; };
struct event_voter_order { uint64_t ticket; struct voter_order order; };
struct event_guard_ready { uint8_t service; bool ready; bool kernel; };

struct node_event {
    enum event_kind kind;
    struct mono_time now;
    struct wall_time wall;
    union {
        struct message message;
        struct event_link link;
        struct event_sample sample;
        struct act_result act;
        struct event_order order;
        struct event_voter_order voter_order;
        struct event_guard_ready guard_ready;
    } as;
};

#endif
