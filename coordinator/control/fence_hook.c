/* The ladder's rung that is a program: see fence_hook.h. */
#include "coordinator/control/fence_hook.h"

#include <stdio.h>
#include <stdlib.h>

#include "coordinator/base/child.h"
#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/database/hook.h"
#include "coordinator/database/promote.h"

/* The most that finding out whether it is a standby may take of the hook's own time, and which part of it. */
#define LOOK_MAX_US US_PER_S
#define LOOK_PART 4
#define KILL_US ((int64_t)CHILD_KILL_AFTER_MS * CLOCK_US_PER_MS)

/* What is known of the database through the hook. */
enum known {
    KNOWN_NOTHING, /* nothing was run yet, or what was run did not end well */
    KNOWN_SHUT,
    KNOWN_OPEN,    /* nothing of the hook's keeps it shut */
};

enum running { RUNNING_NOTHING, RUNNING_LOOK, RUNNING_SHUT, RUNNING_OPEN };

struct fence_hook {
    struct loop *loop;
    struct fence_hook_settings settings;
    struct hook *hook;
    enum known known;
    enum running running;
    struct pg_target target;
    struct promote_errand *look;
    const char *reason;  /* of the shut that follows the look */
    int64_t deadline_us;
    struct act act;      /* that the running one is for */
    fence_hook_fn *done; /* NULL: nobody waits for it */
    void *arg;
};

static void start(struct fence_hook *h, const char *action, const char *reason, int64_t deadline_us,
                  int64_t kill_at_us, void (*done)(void *, const struct hook_report *))
{
    bool shut = h->running == RUNNING_SHUT;
    const struct config_texts *program = shut ? &h->settings.config->shut : &h->settings.config->open;
    struct hook_request request = {
        .words = program->items,
        .word_count = program->count,
        .service = h->settings.service,
        .region = h->settings.region,
        .node = h->settings.node,
        .action = action,
        .reason = reason,
        .database_host = h->settings.database->host,
        .database_port = h->settings.database->port,
        .epoch = h->act.key.epoch,
        .deadline_us = deadline_us,
        .kill_at_us = kill_at_us,
        .done = done,
        .arg = h,
    };
    h->known = KNOWN_NOTHING; /* until it says so */
    hook_run(h->hook, &request);
}

/* Nobody is told twice, and whoever is told may ask for the next at once. */
static void tell(struct fence_hook *h, bool well, const char *detail)
{
    fence_hook_fn *done = h->done;
    h->done = NULL;
    if (done != NULL)
        done(h->arg, well, detail);
}

static void log_end(const struct fence_hook *h, const char *what, const struct hook_report *report)
{
    log_event(report->well ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, what,
              LOG_STR("service", h->settings.service), LOG_STR("result", report->text),
              LOG_STR("output", report->output));
}

/* ---- shut ---- */

static void stop_look(struct fence_hook *h)
{
    if (h->look != NULL)
        promote_cancel(h->look);
    h->look = NULL;
}

static void on_shut(void *arg, const struct hook_report *report)
{
    struct fence_hook *h = arg;
    char detail[HOOK_TEXT_MAX + 8];
    h->running = RUNNING_NOTHING;
    h->known = report->well ? KNOWN_SHUT : KNOWN_NOTHING;
    log_end(h, report->well ? "the fence's hook says that the database is shut"
                            : "the fence's hook did not shut the database", report);
    (void)snprintf(detail, sizeof detail, "hook: %s", report->text);
    tell(h, report->well, detail);
}

static void start_shut(struct fence_hook *h, const char *reason, int64_t deadline_us)
{
    h->running = RUNNING_SHUT;
    start(h, "shut", reason, deadline_us, 0, on_shut);
}

static void on_look(void *arg, const struct promote_report *report)
{
    struct fence_hook *h = arg;
    h->look = NULL;
    if (!report->facts_known || !report->facts.in_recovery) {
        start_shut(h, h->reason, h->deadline_us);
        return;
    }
    h->running = RUNNING_NOTHING;
    tell(h, false, "hook: not run: the server is a standby, and fence.hook.on_standby is not set");
}

/* Whoever does not answer is shut. */
static void start_look(struct fence_hook *h, int64_t now_us)
{
    struct fault fault;
    int64_t part_us = (h->deadline_us - now_us) / LOOK_PART;
    h->running = RUNNING_LOOK;
    h->look = promote_compare(h->loop, &h->target, now_us + (part_us < LOOK_MAX_US ? part_us : LOOK_MAX_US),
                              on_look, h, &fault);
    if (h->look == NULL)
        start_shut(h, h->reason, h->deadline_us);
}

void fence_hook_shut(struct fence_hook *h, const struct act *act, const char *reason, int64_t by_us,
                     fence_hook_fn *done, void *arg)
{
    int64_t now_us = base_mono_us();
    int64_t deadline_us = now_us + h->settings.config->deadline_us;
    h->done = done;
    h->arg = arg;
    if (h->running == RUNNING_SHUT)
        return;
    stop_look(h);
    h->act = *act;
    h->reason = reason;
    h->deadline_us = deadline_us < by_us - KILL_US ? deadline_us : by_us - KILL_US;
    if (h->settings.config->on_standby)
        start_shut(h, reason, h->deadline_us);
    else
        start_look(h, now_us);
}

int64_t fence_hook_budget_us(const struct fence_hook *h)
{
    return h->settings.config->deadline_us + KILL_US;
}

/* ---- open ---- */

static bool is_late(const struct fence_hook *h)
{
    return h->act.kind == ACT_FENCE_HOLD && base_mono_us() >= h->act.until.us;
}

static void on_open(void *arg, const struct hook_report *report)
{
    struct fence_hook *h = arg;
    char detail[HOOK_TEXT_MAX + 8];
    h->running = RUNNING_NOTHING;
    if (is_late(h)) {
        /* Whatever came of it, the database may be open, or about to be, without a lease. */
        log_end(h, "the fence's hook was not done opening when the lease ended; shutting again", report);
        start_shut(h, FENCE_HOOK_LATE, base_mono_us() + h->settings.config->deadline_us);
        tell(h, false, "hook: the lease ended before open was done; it is shut again");
        return;
    }
    h->known = report->well ? KNOWN_OPEN : KNOWN_NOTHING;
    log_end(h, report->well ? "the fence's hook says that the database is open"
                            : "the fence's hook did not open the database", report);
    (void)snprintf(detail, sizeof detail, "hook: %s", report->text);
    tell(h, report->well, detail);
}

bool fence_hook_must_open(const struct fence_hook *h)
{
    if (h->settings.config->open.count > 0)
        return h->known != KNOWN_OPEN;
    return h->known == KNOWN_SHUT;
}

void fence_hook_open(struct fence_hook *h, const struct act *act, fence_hook_fn *done, void *arg)
{
    if (h->settings.config->open.count == 0) {
        h->known = KNOWN_OPEN; /* said once */
        log_event(LOG_LEVEL_ERROR, "the fence's hook shut this database and there is no fence.hook.open: "
                                   "start it by hand, it may be open now",
                  LOG_STR("service", h->settings.service));
        done(arg, true, "hook: there is no fence.hook.open: start the database by hand");
        return;
    }
    bool holds = act->kind == ACT_FENCE_HOLD;
    int64_t deadline_us = base_mono_us() + h->settings.config->deadline_us;
    int64_t latest_us = act->deadline.us - KILL_US;
    h->running = RUNNING_OPEN;
    h->act = *act;
    h->done = done;
    h->arg = arg;
    /* Reads need no lease: there `until` only says how long one look at the standby counts, and what would
     * make reads wrong is a shut, which overtakes. */
    start(h, holds ? "open" : "reads", NULL, deadline_us < latest_us ? deadline_us : latest_us,
          holds ? act->until.us : 0, on_open);
}

/* ---- overtaking and life ---- */

void fence_hook_overtake(struct fence_hook *h)
{
    if (h->running == RUNNING_NOTHING)
        return;
    stop_look(h);
    hook_stop(h->hook);
    h->running = RUNNING_NOTHING;
    h->done = NULL;
}

void fence_hook_overtake_open(struct fence_hook *h)
{
    if (h->running == RUNNING_OPEN)
        fence_hook_overtake(h);
}

static bool program_ready(const char *option, const struct config_texts *program, struct fault *why)
{
    if (program->count == 0 || hook_can_run(program->items[0], why))
        return true;
    return fault_wrap(why, "fence.hook.%s can't be run; put the program there and make it executable for this user",
                      option);
}

bool fence_hook_ready(const struct fence_hook *h, struct fault *why)
{
    return program_ready("shut", &h->settings.config->shut, why) &&
           program_ready("open", &h->settings.config->open, why);
}

struct fence_hook *fence_hook_new(struct loop *loop, const struct fence_hook_settings *settings)
{
    struct fence_hook *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->loop = loop;
    h->settings = *settings;
    h->target = database_inside(settings->database, settings->secrets);
    h->hook = hook_new(loop);
    if (h->hook == NULL) {
        free(h);
        return NULL;
    }
    return h;
}

void fence_hook_free(struct fence_hook *h)
{
    if (h == NULL)
        return;
    stop_look(h);
    hook_free(h->hook);
    free(h);
}
