/* May this node's region's database start as a primary, now? Asked before PostgreSQL is started
 * (`failoverctl may-write`), so that an old primary that comes back is not born open.
 *
 * The answer is made from the core's view and a few facts of the shell alone; nothing is guessed, and what
 * can't be known is no yes. It is of this moment: a lease may end while PostgreSQL still starts. What keeps the
 * database shut then is the fence, as for one that was running all the while.
 */
#ifndef FAILOVERD_STATUS_MAY_WRITE_H
#define FAILOVERD_STATUS_MAY_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/config/config.h"
#include "policy/view.h"

enum may_write { MAY_WRITE_YES, MAY_WRITE_NO, MAY_WRITE_UNKNOWN };

struct may_write_facts {
    const struct cluster_config *cluster;
    const struct service_config *service;
    const struct view_service *view;
    size_t self;             /* index into cluster->nodes */
    uint64_t instance;       /* this node's guard, as a ledger would name it */
    bool ledger_reported;    /* since this process started some voter (ourselves too) has said that it has
                                accepted a ledger of the service, whatever became of it */
};

#define MAY_WRITE_TEXT_MAX 512

struct may_write_answer {
    enum may_write may;
    bool final;              /* waiting for another answer makes no sense */
    const char *reason;      /* stable word for programs; README.md lists them */
    char text[MAY_WRITE_TEXT_MAX]; /* "yes: ...", "no: ...", "can't know: ..." */
    char todo[MAY_WRITE_TEXT_MAX]; /* what to do next; "" for a yes */
};

/* `facts` and all it points to is borrowed for the call. */
void may_write(const struct may_write_facts *facts, struct may_write_answer *answer);

#endif
