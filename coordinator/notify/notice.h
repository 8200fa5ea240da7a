/* A notice: one thing that people are told over one channel. Plain data, copied from the control loop to the loop that
 * sends it; every text in it is bounded, and every pointer is to a constant.
 */
#ifndef FAILOVERD_NOTIFY_NOTICE_H
#define FAILOVERD_NOTIFY_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/config/config.h"

#define NOTICE_TEXT_MAX 512
#define NOTICE_TODO_MAX 256
#define NOTICE_NAME_MAX (CONFIG_MAX_NAME + 1)

/* What becomes of the incident with it. */
enum notice_action { NOTICE_TRIGGER, NOTICE_ACKNOWLEDGE, NOTICE_RESOLVE, NOTICE_TEST };

struct notice {
    enum notice_action action;
    uint64_t incident;
    uint64_t operation;     /* 0: none */
    const char *event;      /* the word for people and programs: "begin", "resolved" */
    const char *severity;   /* "info", "warning", "error", "critical" */
    const char *step;       /* NULL: none */
    int level;
    bool first;             /* nothing of the incident went to this channel before */
    bool keep;              /* is worth telling also when the incident is over: an operation's */
    char cluster[NOTICE_NAME_MAX];
    char service[NOTICE_NAME_MAX]; /* "": none; so are the next ones */
    char region[NOTICE_NAME_MAX];
    char node[NOTICE_NAME_MAX];    /* which says so */
    char by[NOTICE_NAME_MAX];      /* who acknowledged it */
    char text[NOTICE_TEXT_MAX];
    char todo[NOTICE_TODO_MAX];
    int64_t since_wall_us;
    int64_t wall_us;
};

#endif
