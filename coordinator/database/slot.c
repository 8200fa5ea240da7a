/* A standby's replication slot on its primary: see slot.h. */
#include "coordinator/database/slot.h"

#include <stdlib.h>

#include "coordinator/base/text.h"
#include "coordinator/database/errand.h"

struct slot_work {
    const char *sql; /* $1 is the name */
    const char *doing;
};

static const struct slot_work making = { "select public.failoverd_make_slot($1)",
                                         "making the standby's replication slot on the primary" };
static const struct slot_work dropping = { "select public.failoverd_drop_slot($1)",
                                           "dropping the replication slot that nobody uses on the primary" };

struct slot_errand {
    struct errand base;
    const struct slot_work *work;
    struct pg_target *primary; /* to go on to from the standby; NULL when that is where it began */
    bool on_primary;
    char name[SLOT_NAME_MAX];
    struct fault why;
    slot_fn *done;
    void *arg;
};

static void errand_start(void *arg);

static void errand_free(struct slot_errand *errand)
{
    errand_release(&errand->base);
    pg_target_free(errand->primary);
    free(errand);
}

void slot_cancel(struct slot_errand *errand)
{
    if (errand != NULL)
        errand_free(errand);
}

static void errand_end(struct slot_errand *errand, bool there)
{
    slot_fn *done = errand->done;
    void *arg = errand->arg;
    struct fault why = errand->why;
    errand_free(errand);
    done(arg, there, why.text);
}

static void on_deadline(void *arg)
{
    struct slot_errand *errand = arg;
    if (errand->why.text[0] == '\0')
        fault_set(&errand->why, "the server did not answer in time");
    errand_end(errand, false);
}

static void errand_trouble(struct slot_errand *errand, const struct pg_answer *result, const char *doing)
{
    fault_set(&errand->why, "%s: %s%s%s", doing, result->message, result->sqlstate[0] != '\0' ? ", SQLSTATE " : "",
              result->sqlstate);
    if (result->outcome == PG_ERROR || result->outcome == PG_AUTH)
        errand_end(errand, false);
    else
        errand_pause(&errand->base, ERRAND_RETRY_US, errand_start);
}

static void on_worked(void *arg, const struct pg_answer *result)
{
    struct slot_errand *errand = arg;
    if (result->outcome == PG_OK)
        errand_end(errand, true);
    else
        errand_trouble(errand, result, errand->work->doing);
}

static void on_name(void *arg, const struct pg_answer *result)
{
    struct slot_errand *errand = arg;
    if (result->outcome != PG_OK) {
        errand_trouble(errand, result, "reading the standby's primary_slot_name");
        return;
    }
    if (!text_copy(errand->name, sizeof errand->name, pg_answer_text(result, 0, 0))) {
        fault_set(&errand->why, "the standby's primary_slot_name is longer than a slot's name may be");
        errand_end(errand, false);
        return;
    }
    if (errand->name[0] == '\0') { /* it uses none */
        errand_end(errand, true);
        return;
    }
    struct loop *loop = errand->base.loop;
    int64_t deadline_us = errand->base.deadline_us;
    errand_release(&errand->base);
    errand->on_primary = true;
    if (errand_init(&errand->base, loop, errand->primary, deadline_us, on_deadline, errand, &errand->why))
        errand_start(errand);
    else
        errand_end(errand, false);
}

static void on_connected(void *arg, const struct pg_answer *result)
{
    struct slot_errand *errand = arg;
    const char *params[] = { errand->name };
    if (result->outcome != PG_OK)
        errand_trouble(errand, result, errand->on_primary ? "connecting to the primary" : "connecting to the standby");
    else if (errand->on_primary)
        errand_query(&errand->base, errand->work->sql, params, 1, on_worked);
    else
        errand_query(&errand->base, "select current_setting('primary_slot_name')", NULL, 0, on_name);
}

static void errand_start(void *arg)
{
    struct slot_errand *errand = arg;
    errand_connect(&errand->base, on_connected);
}

struct slot_errand *slot_start(struct loop *loop, const struct pg_target *standby, const struct pg_target *primary,
                               int64_t deadline_us, slot_fn *done, void *arg, struct fault *fault)
{
    struct slot_errand *errand = calloc(1, sizeof *errand);
    if (errand == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    errand->work = &making;
    errand->done = done;
    errand->arg = arg;
    errand->primary = pg_target_copy(primary, fault);
    if (errand->primary == NULL ||
        !errand_init(&errand->base, loop, standby, deadline_us, on_deadline, errand, fault)) {
        pg_target_free(errand->primary);
        free(errand);
        return NULL;
    }
    errand_start(errand);
    return errand;
}

static struct slot_errand *work_start(const struct slot_work *work, struct loop *loop, const struct pg_target *primary,
                                      const char *name, int64_t deadline_us, slot_fn *done, void *arg,
                                      struct fault *fault)
{
    struct slot_errand *errand = calloc(1, sizeof *errand);
    if (errand == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    *errand = (struct slot_errand){ .work = work, .on_primary = true, .done = done, .arg = arg };
    bool named = (name[0] != '\0' && text_copy(errand->name, sizeof errand->name, name)) ||
                 fault_set(fault, "\"%.80s\" can't name a replication slot", name);
    if (!named || !errand_init(&errand->base, loop, primary, deadline_us, on_deadline, errand, fault)) {
        free(errand);
        return NULL;
    }
    errand_start(errand);
    return errand;
}

struct slot_errand *slot_make(struct loop *loop, const struct pg_target *primary, const char *name, int64_t deadline_us,
                              slot_fn *done, void *arg, struct fault *fault)
{
    return work_start(&making, loop, primary, name, deadline_us, done, arg, fault);
}

struct slot_errand *slot_drop(struct loop *loop, const struct pg_target *primary, const char *name, int64_t deadline_us,
                              slot_fn *done, void *arg, struct fault *fault)
{
    return work_start(&dropping, loop, primary, name, deadline_us, done, arg, fault);
}
