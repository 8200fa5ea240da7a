/* How long a step, or the whole, took in past operations: see history.h. */
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

/* Of one operation: of that step, or of the whole where it is NULL; -1: not known. */
static double took(const struct history_operation *operation, const char *step)
{
    if (step == NULL)
        return operation->ledger_ms;
    const struct history_step *done = find_step(operation, step);
    return done != NULL ? done->took_ms : -1;
}

static struct history_time median(const struct history *history, const char *service, const char *kind,
                                  const char *step)
{
    double times[HISTORY_TIMES_RUNS_MAX];
    unsigned runs = 0;
    for (size_t i = history->count; i > 0 && runs < HISTORY_TIMES_RUNS_MAX; i--) {
        const struct history_operation *operation = history->operations[i - 1];
        if (strcmp(operation->service, service) != 0 || strcmp(operation->kind, kind) != 0)
            continue;
        double ms = took(operation, step);
        if (ms >= 0)
            insert(times, runs++, ms);
    }
    if (runs == 0)
        return (struct history_time){ .ms = -1 };
    double upper = times[runs / 2];
    return (struct history_time){ runs % 2 == 1 ? upper : (times[runs / 2 - 1] + upper) / 2, runs };
}

struct history_time history_step_time(const struct history *history, const char *service, const char *kind,
                                      const char *step)
{
    return median(history, service, kind, step);
}

struct history_time history_total_time(const struct history *history, const char *service, const char *kind)
{
    return median(history, service, kind, NULL);
}
