/* The small words that everything in policy/ is made of: times, names as indexes, bounds.
 *
 * policy/ holds every decision of failoverd and no I/O: no clock, no allocation, no globals, no
 * foreign library. Nodes, regions and services are indexes into the configuration, which every
 * node sorts by name and which the shell turns into names wherever they leave the process (wire,
 * disk, people), so an index never outlives the configuration that it belongs to.
 */
#ifndef FAILOVERD_POLICY_TYPES_H
#define FAILOVERD_POLICY_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_NODES_MAX 16
#define POLICY_VOTERS_MAX 5
#define POLICY_REGIONS_MAX 8
#define POLICY_SERVICES_MAX 32
#define POLICY_CHECKS_MAX 32 /* of one service, over all its regions */
#define POLICY_ZONES_MAX 8   /* DNS zones of one service */
#define POLICY_TEXT_MAX 96   /* opaque words of the shell that the core carries for people */

#define NODE_NONE 0xffu
#define REGION_NONE 0xffu
#define CHECK_NONE 0xffu

typedef uint8_t node_id;
typedef uint8_t region_id;
typedef uint16_t node_set; /* bit n: node n */

/* A reading of the clock that never steps and goes on while the machine is suspended
 * (CLOCK_BOOTTIME). Only readings of one machine can be compared. */
struct mono_time {
    int64_t us;
};

/* A reading of the calendar. For people and reports; no safety decision reads it. */
struct wall_time {
    int64_t us;
};

#define US_PER_MS INT64_C(1000)
#define US_PER_S INT64_C(1000000)

/* Far beyond any wait, and still safe to add to any reading. */
#define TIME_FOREVER_US (INT64_C(1) << 60)

static inline struct mono_time mono_after(struct mono_time t, int64_t us)
{
    return (struct mono_time){ us >= TIME_FOREVER_US ? TIME_FOREVER_US : t.us + us };
}

static inline int64_t mono_since(struct mono_time now, struct mono_time then)
{
    return now.us - then.us;
}

static inline bool mono_reached(struct mono_time now, struct mono_time at)
{
    return now.us >= at.us;
}

static inline struct mono_time mono_earlier(struct mono_time a, struct mono_time b)
{
    return a.us <= b.us ? a : b;
}

static inline struct mono_time mono_later(struct mono_time a, struct mono_time b)
{
    return a.us >= b.us ? a : b;
}

#define MONO_NEVER ((struct mono_time){ TIME_FOREVER_US })

static inline node_set node_bit(node_id node)
{
    return (node_set)(1u << node);
}

static inline bool node_in(node_set set, node_id node)
{
    return node < POLICY_NODES_MAX && ((unsigned)set >> node & 1u) != 0;
}

/* Words of the shell (a probe's reason, a server's error) that the core hands on unread. */
struct policy_text {
    char s[POLICY_TEXT_MAX];
};

/* A mistake of ours; never what a peer, person, file or server sent. The trap needs no library,
 * so libpolicy.a stays pure. */
#define policy_ensure(condition)                                                                  \
    do {                                                                                          \
        if (!(condition))                                                                         \
            __builtin_trap();                                                                     \
    } while (0)

#endif
