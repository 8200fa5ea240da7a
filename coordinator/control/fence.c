/* The ladder of one service's fences: see fence.h. */
#include "coordinator/control/fence.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/control/fence_hook.h"
#include "coordinator/control/held.h"
#include "coordinator/database/door.h"

#define FENCE_TROUBLE_MAX 512
#define KERNEL_REQUEST_US (5 * US_PER_S)
#define READINESS_EVERY_US (5 * US_PER_S)
#define DOOR_READINESS_EVERY_US (60 * US_PER_S)
/* An element without end would outlive a daemon that is removed. */
#define KERNEL_HOLD_MAX_US (3600 * US_PER_S)
/* Somebody else may shut a door that we opened (a person, another coordinator of the region), so a hold
 * opens it again this long after the last time; opening an open door changes nothing. */
#define DOOR_TRUST_US (30 * US_PER_S)
/* What is left for a rung that comes after others, whatever those take. */
#define KERNEL_NEEDS_US US_PER_S
/* Even where the parts of the rungs after it add up to more than the whole. */
#define RUNG_LEAST_US US_PER_S

#define NOT_CONFIRMED (-1)

struct fence {
    struct loop *loop;
    struct fence_settings settings;
    struct kernel_lease *kernel;
    bool has_kernel;
    bool installing;                 /* the first installation has not answered yet */
    bool inspecting;                 /* a look is under way, */
    bool inspect_again;              /* and another was asked for meanwhile */
    bool installed;                  /* the kernel's rules were put in place by this process */
    bool has_door;
    bool kernel_first;
    struct door_settings door;
    struct door_errand *errand;      /* shut or open in progress */
    struct door_errand *readiness;
    int64_t door_open_until_us;      /* until when a door that we opened is taken to be open still */
    bool kernel_ready;
    bool door_ready;
    bool told;                       /* readiness was reported at least once */
    bool told_ready;
    struct fence_hook *hook;         /* NULL: it does not stand in the ladder */
    bool hook_ready;
    struct act act;                  /* in progress */
    bool busy;
    int order[CONFIG_FENCE_COUNT];   /* of a shut in progress, */
    size_t rung;                     /* and how far it is */
    int confirmed;                   /* the rung that proved the last shut; NOT_CONFIRMED since it was opened */
    struct timer watch;
    int64_t door_readiness_at_us;
    char trouble[CONFIG_FENCE_COUNT][FENCE_TROUBLE_MAX]; /* of each rung: why it can't be worked */
    char said[FENCE_TROUBLE_MAX];
};

/* ---- readiness ---- */

static bool is_ready(const struct fence *f)
{
    /* The first rung decides: it is what an automatic failover counts on. */
    switch (f->settings.config->fence.ladder[0]) {
    case CONFIG_FENCE_KERNEL: return f->kernel_ready;
    case CONFIG_FENCE_HOOK: return f->hook_ready;
    case CONFIG_FENCE_DOOR:
    default: return f->door_ready;
    }
}

/* "" says that nothing is wrong with that rung. */
static void set_trouble(struct fence *f, enum config_fence rung, const char *words)
{
    (void)text_copy(f->trouble[rung], sizeof f->trouble[rung], words);
}

static void tell_ready(struct fence *f)
{
    bool ready = is_ready(f);
    if (f->told && f->told_ready == ready)
        return;
    f->told = true;
    f->told_ready = ready;
    f->settings.on_ready(f->settings.arg, f->settings.index, ready,
                         f->has_kernel && f->kernel_ready,
                         ready ? "" : f->trouble[f->settings.config->fence.ladder[0]]);
}

static void on_installed(void *arg, const struct kernel_lease_report *report)
{
    struct fence *f = arg;
    f->kernel_ready = report->outcome == KERNEL_LEASE_DONE;
    set_trouble(f, CONFIG_FENCE_KERNEL, f->kernel_ready ? "" : report->why.text);
    tell_ready(f);
    if (!f->installing)
        return;
    f->installing = false;
    f->settings.on_settled(f->settings.arg);
}

static void on_inspected(void *arg, const struct kernel_lease_report *report);

/* One look at a time, however many changes are told meanwhile: the last of them gets one more. */
static void inspect(struct fence *f)
{
    if (f->inspecting) {
        f->inspect_again = true;
        return;
    }
    f->inspecting = true;
    kernel_lease_inspect(f->kernel, base_mono_us() + KERNEL_REQUEST_US, on_inspected, f);
}

static void on_inspected(void *arg, const struct kernel_lease_report *report)
{
    struct fence *f = arg;
    bool again = f->inspect_again;
    f->inspecting = f->inspect_again = false;
    if (report->outcome == KERNEL_LEASE_DONE) {
        f->kernel_ready = true;
        set_trouble(f, CONFIG_FENCE_KERNEL, "");
        tell_ready(f);
        if (again)
            inspect(f);
        return;
    }
    /* Somebody took the rules away. Put back as the core last wanted them: open only for what is left
     * of the lease that it last held them open for. */
    bool open = (f->act.kind == ACT_FENCE_HOLD || f->act.kind == ACT_FENCE_READS) &&
                f->act.until.us > base_mono_us() && f->act.until.us < TIME_FOREVER_US;
    log_event(LOG_LEVEL_ERROR, "the kernel lease's rules are gone or changed; putting them back",
              LOG_STR("service", f->settings.service), LOG_STR("reason", report->why.text));
    kernel_lease_install(f->kernel, open ? f->act.until.us : 0, base_mono_us() + KERNEL_REQUEST_US,
                         on_installed, f);
}

static void on_findings(void *arg, const struct door_findings *findings)
{
    struct fence *f = arg;
    f->readiness = NULL;
    if (!findings->complete) {
        /* The server can't be asked: nothing new is known of it. */
        if (!f->door_ready)
            set_trouble(f, CONFIG_FENCE_DOOR, findings->why.text);
        tell_ready(f);
        return;
    }
    f->door_readiness_at_us = base_mono_us() + DOOR_READINESS_EVERY_US;
    f->door_ready = true;
    set_trouble(f, CONFIG_FENCE_DOOR, "");
    for (size_t i = 0; i < findings->count; i++) {
        const struct door_finding *finding = &findings->list[i];
        log_event(finding->serious ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, finding->text,
                  LOG_STR("service", f->settings.service), LOG_STR("finding", finding->name));
        if (!finding->serious)
            continue;
        f->door_ready = false;
        set_trouble(f, CONFIG_FENCE_DOOR, finding->text);
    }
    tell_ready(f);
}

/* Its programs are files that somebody may take away. */
static void look_at_hook(struct fence *f)
{
    struct fault fault;
    bool ready = fence_hook_ready(f->hook, &fault);
    set_trouble(f, CONFIG_FENCE_HOOK, ready ? "" : fault.text);
    if (!ready && f->hook_ready)
        log_event(LOG_LEVEL_ERROR, "the fence's hook can't be run",
                  LOG_STR("service", f->settings.service), LOG_STR("reason", fault.text));
    f->hook_ready = ready;
    if (f->settings.config->fence.ladder[0] == CONFIG_FENCE_HOOK)
        tell_ready(f);
}

static void on_watch(void *arg)
{
    struct fence *f = arg;
    struct fault fault;
    int64_t now = base_mono_us();
    if (f->hook != NULL)
        look_at_hook(f);
    if (f->installed)
        inspect(f);
    if (f->has_door && f->readiness == NULL && now >= f->door_readiness_at_us) {
        f->readiness = door_readiness(f->loop, &f->door, now + KERNEL_REQUEST_US, on_findings, f,
                                      &fault);
        if (f->readiness == NULL)
            set_trouble(f, CONFIG_FENCE_DOOR, fault.text);
    }
    timer_set_after_us(&f->watch, READINESS_EVERY_US);
}

/* Before the first act, once: together with the first hold where there is one, so that a service
 * that is well does not notice. */
static void install(struct fence *f, int64_t until_us)
{
    if (f->installed)
        return;
    f->installed = true;
    kernel_lease_install(f->kernel, until_us, base_mono_us() + KERNEL_REQUEST_US, on_installed, f);
}

/* ---- acts ---- */

static void done(struct fence *f, enum act_outcome outcome, const char *detail)
{
    if (!f->busy)
        return;
    f->busy = false;
    struct act_result result = { .kind = f->act.kind, .key = f->act.key, .outcome = outcome };
    (void)text_copy(f->said, sizeof f->said, f->act.kind == ACT_FENCE_SHUT || outcome != ACT_DONE ? detail : "");
    if (outcome == ACT_DONE && f->act.kind == ACT_FENCE_HOLD && !f->kernel_first)
        held_note(f->settings.local, f->settings.service, f->act.until.us);
    (void)text_copy(result.detail.s, sizeof result.detail.s, detail);
    f->settings.on_done(f->settings.arg, &result);
}

static bool is_current(const struct fence *f, enum act_kind kind, uint32_t attempt)
{
    return f->busy && f->act.kind == kind && f->act.key.attempt == attempt;
}

/* A kernel request that comes back after another act was begun is told apart by what it was for. */
struct kernel_ticket {
    struct fence *fence;
    enum act_kind kind;
    uint32_t attempt;
};

static struct kernel_ticket *ticket_for(struct fence *f)
{
    struct kernel_ticket *ticket = malloc(sizeof *ticket);
    ensure(ticket != NULL);
    *ticket = (struct kernel_ticket){ f, f->act.kind, f->act.key.attempt };
    return ticket;
}

static void shut_next(struct fence *f, const char *why);

static void shut_by(struct fence *f, int rung, const char *how)
{
    f->confirmed = rung;
    done(f, ACT_DONE, how);
}

static void not_shut_by(struct fence *f, int rung, const char *why)
{
    char words[FENCE_TROUBLE_MAX];
    struct text text = TEXT_OF(words);
    bool named = rung == CONFIG_FENCE_HOOK; /* it says its name itself */
    text_appendf(&text, "%s%s%s", named ? "" : config_fence_name(rung), named ? "" : ": ", why);
    log_event(LOG_LEVEL_WARNING, "a fence of the ladder is not confirmed",
              LOG_STR("service", f->settings.service), LOG_STR("fence", config_fence_name(rung)),
              LOG_STR("reason", words));
    f->rung++;
    shut_next(f, words);
}

static void on_door_shut(void *arg, const struct door_report *report)
{
    struct fence *f = arg;
    f->errand = NULL;
    f->door_open_until_us = 0;
    if (report->outcome == DOOR_DONE)
        shut_by(f, CONFIG_FENCE_DOOR, "door: the canary is refused and no writer's session is left");
    else
        not_shut_by(f, CONFIG_FENCE_DOOR, report->why.text);
}

static void on_kernel_shut(void *arg, const struct kernel_lease_report *report)
{
    struct kernel_ticket *ticket = arg;
    struct fence *f = ticket->fence;
    bool current = is_current(f, ticket->kind, ticket->attempt);
    free(ticket);
    if (!current)
        return;
    if (report->outcome == KERNEL_LEASE_DONE) {
        shut_by(f, CONFIG_FENCE_KERNEL, "kernel: no packet of a client passes");
        return;
    }
    if (report->outcome == KERNEL_LEASE_VANISHED)
        kernel_lease_install(f->kernel, 0, base_mono_us() + KERNEL_REQUEST_US, on_installed, f);
    not_shut_by(f, CONFIG_FENCE_KERNEL, report->why.text);
}

static void on_hook_shut(void *arg, bool well, const char *detail)
{
    struct fence *f = arg;
    if (well)
        shut_by(f, CONFIG_FENCE_HOOK, detail);
    else
        not_shut_by(f, CONFIG_FENCE_HOOK, detail);
}

static int64_t needs_us(const struct fence *f, int rung)
{
    switch (rung) {
    case CONFIG_FENCE_DOOR: return CONFIG_FENCE_DOOR_US;
    case CONFIG_FENCE_HOOK: return fence_hook_budget_us(f->hook);
    case CONFIG_FENCE_KERNEL:
    default: return KERNEL_NEEDS_US;
    }
}

/* By when the present rung has to be done, so that those after it still have their time. */
static int64_t rung_by_us(const struct fence *f)
{
    int64_t least = base_mono_us() + RUNG_LEAST_US;
    int64_t by = f->act.deadline.us;
    for (size_t i = f->rung + 1; i < f->settings.config->fence.ladder_count; i++)
        by -= needs_us(f, f->order[i]);
    by = by > least ? by : least;
    return by < f->act.deadline.us ? by : f->act.deadline.us;
}

static const char *hook_reason(const struct fence *f)
{
    if (f->rung > 0)
        return FENCE_HOOK_ESCALATION;
    return f->confirmed == CONFIG_FENCE_HOOK ? FENCE_HOOK_RECHECK : FENCE_HOOK_ASKED;
}

/* Begins a rung; false when it can't be, with the reason. */
static bool shut_with(struct fence *f, int rung, struct fault *fault)
{
    if (rung == CONFIG_FENCE_KERNEL) {
        if (f->kernel == NULL)
            return fault_set(fault, "%s", f->settings.kernel_missing);
        install(f, 0);
        kernel_lease_shut(f->kernel, rung_by_us(f), on_kernel_shut, ticket_for(f));
        return true;
    }
    if (rung == CONFIG_FENCE_HOOK) {
        fence_hook_shut(f->hook, &f->act, hook_reason(f), rung_by_us(f), on_hook_shut, f);
        return true;
    }
    f->errand = door_shut(f->loop, &f->door, rung_by_us(f), NULL, on_door_shut, f, fault);
    return f->errand != NULL;
}

/* The next rung of a shut; when none is left it has failed, with the last reason. */
static void shut_next(struct fence *f, const char *why)
{
    struct fault fault;
    for (; f->rung < f->settings.config->fence.ladder_count; f->rung++) {
        if (shut_with(f, f->order[f->rung], &fault))
            return;
        why = fault.text;
    }
    f->confirmed = NOT_CONFIRMED;
    done(f, ACT_FAILED, why);
}

/* As configured; but what the last proof came from goes first when that is looked at again, so that a server
 * which the hook has stopped does not keep the door busy each time. The kernel's fence costs nothing. */
static void put_in_order(struct fence *f)
{
    const struct fence_config *config = &f->settings.config->fence;
    bool again = f->confirmed != NOT_CONFIRMED && f->confirmed != CONFIG_FENCE_KERNEL;
    size_t count = 0;
    if (again && config->ladder[0] == CONFIG_FENCE_KERNEL)
        f->order[count++] = CONFIG_FENCE_KERNEL;
    if (again)
        f->order[count++] = f->confirmed;
    for (size_t i = 0; i < config->ladder_count; i++) {
        bool placed = false;
        for (size_t j = 0; j < count; j++)
            placed = placed || f->order[j] == config->ladder[i];
        if (!placed)
            f->order[count++] = config->ladder[i];
    }
    ensure(count == config->ladder_count);
}

static void on_door_opened(void *arg, const struct door_report *report)
{
    struct fence *f = arg;
    f->errand = NULL;
    bool open = report->outcome == DOOR_DONE;
    f->door_open_until_us = open ? base_mono_us() + DOOR_TRUST_US : 0;
    done(f, open ? ACT_DONE : ACT_FAILED, open ? "" : report->why.text);
}

static void open_door(struct fence *f)
{
    struct fault fault;
    if (!f->has_door || base_mono_us() < f->door_open_until_us) {
        done(f, ACT_DONE, "");
        return;
    }
    f->errand = door_open(f->loop, &f->door, f->act.until.us, f->act.deadline.us, on_door_opened, f,
                          &fault);
    if (f->errand == NULL)
        done(f, ACT_FAILED, fault.text);
}

static void on_hook_opened(void *arg, bool well, const char *detail)
{
    struct fence *f = arg;
    if (well)
        open_door(f);
    else
        done(f, ACT_FAILED, detail);
}

/* Before the door: that one needs a server that runs. */
static void open_hook(struct fence *f)
{
    if (f->hook != NULL && fence_hook_must_open(f->hook))
        fence_hook_open(f->hook, &f->act, on_hook_opened, f);
    else
        open_door(f);
}

static void on_kernel_held(void *arg, const struct kernel_lease_report *report)
{
    struct kernel_ticket *ticket = arg;
    struct fence *f = ticket->fence;
    bool current = is_current(f, ticket->kind, ticket->attempt);
    free(ticket);
    if (report->outcome == KERNEL_LEASE_VANISHED) {
        f->kernel_ready = false;
        set_trouble(f, CONFIG_FENCE_KERNEL, report->why.text);
        tell_ready(f);
        /* Put back open where the lease that this hold stands for still runs. */
        kernel_lease_install(f->kernel, current ? f->act.until.us : 0,
                             base_mono_us() + KERNEL_REQUEST_US, on_installed, f);
    }
    if (!current)
        return;
    if (report->outcome == KERNEL_LEASE_DONE)
        open_hook(f);
    else
        done(f, ACT_FAILED, report->why.text);
}

static void open_all(struct fence *f)
{
    f->confirmed = NOT_CONFIRMED;
    if (f->kernel == NULL) {
        open_hook(f);
        return;
    }
    int64_t until = f->act.until.us;
    int64_t most = base_mono_us() + KERNEL_HOLD_MAX_US;
    until = until < most ? until : most;
    install(f, until);
    kernel_lease_hold(f->kernel, until, f->act.deadline.us, on_kernel_held, ticket_for(f));
}

/* At once, also where a rung before it will do the shutting. */
static void overtake_hook(struct fence *f, enum act_kind next)
{
    if (f->hook == NULL)
        return;
    if (next == ACT_FENCE_SHUT)
        fence_hook_overtake_open(f->hook);
    else
        fence_hook_overtake(f->hook);
}

void fence_act(struct fence *f, const struct act *act)
{
    if (f->errand != NULL) {
        door_cancel(f->errand);
        f->errand = NULL;
        f->door_open_until_us = 0;
    }
    overtake_hook(f, act->kind);
    f->act = *act;
    f->busy = true;
    f->rung = 0;
    if (act->kind == ACT_FENCE_SHUT) {
        put_in_order(f);
        shut_next(f, "no fence of the ladder can be worked here");
    } else {
        open_all(f);
    }
}

void fence_ruleset_changed(struct fence *f)
{
    /* While it is held open each hold sees for itself, and puts the rules back without a gap. */
    bool holds = f->act.kind == ACT_FENCE_HOLD && f->busy;
    if (f->installed && !f->installing && !holds)
        inspect(f);
}

bool fence_settled(const struct fence *f)
{
    return !f->installing;
}

const char *fence_trouble(const struct fence *f)
{
    const struct fence_config *config = &f->settings.config->fence;
    for (size_t i = 0; i < config->ladder_count; i++)
        if (f->trouble[config->ladder[i]][0] != '\0')
            return f->trouble[config->ladder[i]];
    return "";
}

const char *fence_said(const struct fence *f)
{
    return f->said;
}

/* ---- life ---- */

static void read_ladder(struct fence *f)
{
    const struct fence_config *config = &f->settings.config->fence;
    for (size_t i = 0; i < config->ladder_count; i++) {
        f->has_kernel = f->has_kernel || config->ladder[i] == CONFIG_FENCE_KERNEL;
        f->has_door = f->has_door || config->ladder[i] == CONFIG_FENCE_DOOR;
    }
    f->kernel_first = config->ladder[0] == CONFIG_FENCE_KERNEL; /* there is one, or the file is refused */
    f->door.guard = database_inside(f->settings.database, f->settings.secrets);
    f->door.canary = database_canary(f->settings.database, f->settings.secrets);
}

static bool make_hook(struct fence *f, struct fault *fault)
{
    const struct fence_hook_settings settings = {
        .service = f->settings.service,
        .region = f->settings.region,
        .node = f->settings.local->name,
        .config = &f->settings.config->fence.hook,
        .database = f->settings.database,
        .secrets = f->settings.secrets,
    };
    if (!config_has_fence(f->settings.config, CONFIG_FENCE_HOOK))
        return true;
    f->hook = fence_hook_new(f->loop, &settings);
    f->hook_ready = true; /* until looked at; what is wrong then is news */
    return f->hook != NULL || fault_set(fault, "out of memory for the fence of %s", f->settings.service);
}

static bool make_kernel(struct fence *f, struct fault *fault)
{
    if (!f->has_kernel)
        return true;
    if (f->settings.kernel == NULL) {
        set_trouble(f, CONFIG_FENCE_KERNEL, f->settings.kernel_missing);
        return true; /* not ready, and says so; the daemon still observes and votes */
    }
    struct kernel_lease_settings settings = {
        .service = f->settings.service,
        .port = (uint16_t)f->settings.database->port,
        .allow = f->settings.database->kernel_allow.items,
        .allow_count = f->settings.database->kernel_allow.count,
    };
    f->kernel = kernel_lease_new(f->settings.kernel, &settings, fault);
    if (f->kernel == NULL)
        return false;
    /* An element that a former process of ours set stays and keeps its time; a host that has just
     * booted starts shut. */
    f->installing = !f->settings.brand_new;
    f->kernel_ready = f->settings.brand_new;
    if (f->installing)
        install(f, 0);
    return true;
}

struct fence *fence_new(struct loop *loop, const struct fence_settings *settings,
                        struct fault *fault)
{
    struct fence *f = calloc(1, sizeof *f);
    if (f == NULL) {
        (void)fault_set(fault, "out of memory for the fence of %s", settings->service);
        return NULL;
    }
    f->loop = loop;
    f->settings = *settings;
    read_ladder(f);
    timer_init(&f->watch, loop, on_watch, f);
    f->confirmed = NOT_CONFIRMED;
    if (!make_hook(f, fault) || !make_kernel(f, fault)) {
        fence_free(f);
        return NULL;
    }
    timer_set_after_us(&f->watch, 0);
    if (f->kernel_first && !f->installing)
        tell_ready(f);
    return f;
}

void fence_free(struct fence *f)
{
    if (f == NULL)
        return;
    timer_cancel(&f->watch);
    if (f->errand != NULL)
        door_cancel(f->errand);
    if (f->readiness != NULL)
        door_cancel(f->readiness);
    fence_hook_free(f->hook);
    kernel_lease_free(f->kernel);
    free(f);
}
