/* How long a step took in past operations: see history.h. */
#include <string.h>

#include "coordinator/report/history_parts.h"

static const struct history_step *find_step(const struct history_operation *operation, const char *name)
{
    for (size_t i = 0; i < operation->step_count; i++)
        if (strcmp(operation->steps[i].name, name) == 0)
            return &operation->steps[i];
    return NULL;
}

/* Keeps times[0..count) in order. */
static void insert(double *times, unsigned count, double value)
{
    unsigned at = count;
    for (; at > 0 && times[at - 1] > value; at--)
        times[at] = times[at - 1];
    times[at] = value;
}

struct history_time history_step_time(const struct history *history, const char *service, const char *kind,
                                      const char *step)
{
    double times[HISTORY_TIMES_RUNS_MAX];
    unsigned runs = 0;
    for (size_t i = history->count; i > 0 && runs < HISTORY_TIMES_RUNS_MAX; i--) {
        const struct history_operation *operation = history->operations[i - 1];
        if (strcmp(operation->service, service) != 0 || strcmp(operation->kind, kind) != 0)
            continue;
        const struct history_step *done = find_step(operation, step);
        if (done != NULL && done->took_ms >= 0)
            insert(times, runs++, done->took_ms);
    }
    if (runs == 0)
        return (struct history_time){ .ms = -1 };
    double upper = times[runs / 2];
    return (struct history_time){ runs % 2 == 1 ? upper : (times[runs / 2 - 1] + upper) / 2, runs };
}
