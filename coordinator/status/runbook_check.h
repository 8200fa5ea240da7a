/* What failoverd itself can say of an item of a runbook: yes, no or not known, with what that rests on.
 *
 * Each answer is of this moment and from this node's view. Not seen is never yes, and never no. For this folder alone.
 */
#ifndef FAILOVERD_STATUS_RUNBOOK_CHECK_H
#define FAILOVERD_STATUS_RUNBOOK_CHECK_H

#include "coordinator/status/status_parts.h"

enum runbook_answer { RUNBOOK_UNKNOWN, RUNBOOK_NO, RUNBOOK_YES };
const char *runbook_answer_name(enum runbook_answer answer);

struct runbook_finding {
    enum runbook_answer answer;
    int64_t age_us;                 /* of the oldest thing that it rests on; AGE_UNKNOWN_US: has none */
    char text[STATUS_SENTENCE_MAX]; /* a sentence without its full stop */
};

/* The operation that the runbook is about. */
struct runbook_subject {
    enum operation_kind kind;          /* OPERATION_NONE: not known */
    region_id to;                      /* REGION_NONE: not known any more */
    const struct view_region *target;  /* before one begins, with the gates as that order is judged; else NULL */
    const char *obstacle;              /* before one begins: why there are no gates to judge; else NULL */
    bool running;
    bool done;                         /* over, and not gone back */
    bool fence_skipped;                /* a person went on without the fence's proof, or that is not known */
};

/* `check` is one that failoverd answers, not CONFIG_RUNBOOK_PERSON. */
void runbook_check(const struct status_service *service, int check, const struct runbook_subject *subject,
                   struct runbook_finding *out);

#endif
