/* Errands' common part: see errand.h. */
#include "coordinator/database/errand.h"

#include <stdio.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"

#define PART_LEAST_US 1000

bool errand_init(struct errand *errand, struct loop *loop, const struct pg_target *target, int64_t deadline_us,
                 void (*on_deadline)(void *owner), void *owner, struct fault *fault)
{
    *errand = (struct errand){ .loop = loop, .deadline_us = deadline_us, .owner = owner };
    errand->target = pg_target_copy(target, fault);
    if (errand->target == NULL)
        return false;
    errand->session = pg_session_new(loop, errand->target, fault);
    if (errand->session == NULL) {
        pg_target_free(errand->target);
        errand->target = NULL;
        return false;
    }
    timer_init(&errand->deadline, loop, on_deadline, owner);
    timer_set_at_us(&errand->deadline, deadline_us);
    return true;
}

void errand_release(struct errand *errand)
{
    timer_cancel(&errand->deadline);
    timer_cancel(&errand->pause);
    pg_session_free(errand->session);
    errand->session = NULL;
    pg_target_free(errand->target);
    errand->target = NULL;
}

int64_t errand_part_us(const struct errand *errand)
{
    int64_t left_us = errand->deadline_us - base_mono_us();
    if (left_us > ERRAND_PART_MAX_US)
        return ERRAND_PART_MAX_US;
    return left_us > PART_LEAST_US ? left_us : PART_LEAST_US;
}

void errand_connect(struct errand *errand, pg_answer_fn *fn)
{
    /* A session of its own: nothing that is still on its way in the old one can be taken for an answer. */
    struct pg_session *session = pg_session_new(errand->loop, errand->target, NULL);
    ensure(session != NULL); /* the target was accepted before */
    pg_session_free(errand->session);
    errand->session = session;
    pg_session_connect(session, errand_part_us(errand), fn, errand->owner);
}

void errand_query(struct errand *errand, const char *sql, const char *const *params, size_t param_count,
                  pg_answer_fn *fn)
{
    pg_session_query(errand->session, sql, params, param_count, errand_part_us(errand), fn, errand->owner);
}

void errand_pause(struct errand *errand, int64_t pause_us, void (*fn)(void *owner))
{
    timer_cancel(&errand->pause);
    timer_init(&errand->pause, errand->loop, fn, errand->owner);
    timer_set_after_us(&errand->pause, pause_us);
}

void errand_server_deadline(char *out, size_t size, int64_t server_wall_us, int64_t received_us,
                            int64_t not_after_us)
{
    (void)snprintf(out, size, "%lld", (long long)(server_wall_us + (not_after_us - received_us)));
}
