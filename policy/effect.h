/* Effects: what one step of a node asks of the shell, in the order in which it has to be done:
 * persist, then send, then act, then arm the timer; notes and replies whenever.
 *
 * The shell keeps that order across steps too: a message marked `durable` leaves only when every
 * persist effect of this and of earlier steps is on disk. If a persist fails those messages are
 * dropped and the shell reports EVENT_STORE_FAILED; messages not marked so (a guard's requests,
 * which promise nothing) go out at once, so a hung disk does not end a lease by itself.
 */
#ifndef FAILOVERD_POLICY_EFFECT_H
#define FAILOVERD_POLICY_EFFECT_H

#include "policy/act.h"
#include "policy/message.h"
#include "policy/note.h"
#include "policy/types.h"

enum effect_kind {
    EFFECT_PERSIST, /* node_durable() as it is now, under the generation given */
    EFFECT_SEND,
    EFFECT_ACT,
    EFFECT_REPLY,   /* to a person's order of this node's control socket */
    EFFECT_NOTE,    /* a line of the journal */
    EFFECT_TIMER,   /* call again at `at`; replaces the last */
};

struct effect_persist {
    uint64_t generation;
    uint64_t ticket;  /* counts this process's writes, from 1 */
};
struct effect_send { node_set to; bool durable; struct message message; }; /* may name ourselves */

struct effect {
    enum effect_kind kind;
    union {
        struct effect_persist persist;
        struct effect_send send;
        struct act act;
        struct message_order_reply reply;
        struct note note;
        struct mono_time timer_at;
    } as;
};

/* More than any single step can ask for: a step handles one service, and the worst one changes the
 * state of all its checks and regions at once. */
#define EFFECTS_MAX 192

struct effects {
    size_t count;
    struct effect list[EFFECTS_MAX];
};

/* Both append; running out of room is a mistake of ours. */
struct effect *effects_add(struct effects *effects, enum effect_kind kind);
struct message *effects_send(struct effects *effects, node_set to, bool durable,
                             enum message_kind kind, uint8_t service);

#endif
