/* Carrying out acts: how long each takes and how it can go wrong.
 *
 * As the contract says (policy/act.h): every act is answered by its deadline, come what may; what
 * was asked of a server is done there even if who asked is dead by then, and possibly much later. */
#include "tests/sim/check.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_fence(enum act_kind kind)
{
    return kind == ACT_FENCE_HOLD || kind == ACT_FENCE_READS || kind == ACT_FENCE_SHUT;
}

/* A kernel fence is worked by the guard's process itself; anything that has been sent to a server goes
 * on there without it. */
bool act_is_its_own(const struct world *w, const struct world_act *a, bool starts)
{
    bool kernel = w->services[a->act.key.service].policy.fence == FENCE_ENFORCED;
    return starts || (is_fence(a->act.kind) && kernel);
}

void act_words(struct act_result *result, enum act_outcome outcome, const char *words)
{
    result->outcome = outcome;
    (void)snprintf(result->detail.s, sizeof result->detail.s, "%s", words);
}

void act_ask(struct world *w, struct host *h, const struct act *act)
{
    struct world_act *a = calloc(1, sizeof *a);
    if (a == NULL)
        abort();
    a->act = *act;
    a->life = h->life;
    a->server_life = w->services[act->key.service].databases[h->region].life;
    a->read_serial = h->read_serial[act->key.service][act->zone % WORLD_ZONES_MAX];
    world_mix(w, (uint64_t)act->kind << 56 ^ act->key.epoch << 8 ^ act->key.step);
    check_asked_for(w, h, act);
    if (act->kind == ACT_FENCE_REMOTE)
        check_cut_off_asked(w, h, act);
    if (!is_fence(act->kind)) {
        act_start(w, h, a); /* on its way to a server, whatever becomes of the host */
        return;
    }
    int64_t *busy = &h->fence_busy_until[act->key.service];
    int64_t start = *busy > w->now_us ? *busy : w->now_us;
    *busy = start + w->act_us[act->kind];
    world_push(w, (struct world_item){ .at = start, .kind = ITEM_ACT_START,
                                       .host = host_index(w, h), .life = h->life, .act = a });
}

static void report(struct world *w, struct host *h, const struct world_act *a,
                   const struct act_result *result, int64_t at)
{
    struct act_result *copy = malloc(sizeof *copy);
    if (copy == NULL)
        abort();
    *copy = *result;
    copy->kind = a->act.kind;
    copy->key = a->act.key;
    world_push(w, (struct world_item){ .at = at, .kind = ITEM_ACT_DONE, .host = host_index(w, h),
                                       .life = a->life, .result = copy });
}

/* True: the act ends here, refused before it began. */
static bool refused(struct world *w, struct host *h, struct world_act *a)
{
    enum act_kind kind = a->act.kind;
    struct act_result result = { .outcome = ACT_FAILED };
    if (a->fault == FAULT_FAIL || a->fault == FAULT_RETRY) {
        act_words(&result, a->fault == FAULT_RETRY ? ACT_RETRY : ACT_FAILED, "told to fail");
        report(w, h, a, &result, w->now_us + w->act_us[kind]);
        return true;
    }
    if (kind != ACT_PROMOTE || !w->services[a->act.key.service].databases[h->region].in_recovery)
        return false;
    if (host_mono(w, h) >= a->act.until.us) {
        act_words(&result, ACT_FAILED, "the lease ran out before the promotion could start");
        report(w, h, a, &result, w->now_us + US_PER_MS);
        return true;
    }
    if (a->fault == FAULT_HANG)
        return false; /* it never gets there */
    check_promotion(w, h, &a->act); /* from here it can't be called back */
    w->services[a->act.key.service].databases[h->region].promoting = true;
    return false;
}

/* How long it really takes. */
static int64_t duration_us(struct world *w, const struct host *h, const struct world_act *a)
{
    bool promoted = a->act.kind == ACT_PROMOTE &&
                    !w->services[a->act.key.service].databases[h->region].in_recovery;
    if (promoted)
        return 10 * US_PER_MS; /* done already: it only looks */
    /* A server may do late what it was asked for; a fence is worked in order, whatever happens. */
    bool may = a->fault == FAULT_LATE && !is_fence(a->act.kind);
    /* A cloud's API is asked by a program that is killed in time: what it sent arrives within the minute. */
    uint64_t most_s = a->act.kind == ACT_FENCE_REMOTE ? 60 : 600;
    int64_t late = may ? (int64_t)world_random(w, most_s * (uint64_t)US_PER_S) : 0;
    return w->act_us[a->act.kind] + late;
}

void act_start(struct world *w, struct host *h, struct world_act *a)
{
    enum act_kind kind = a->act.kind;
    bool here = w->fault_at[kind] == 0 || node_in(w->fault_at[kind], host_index(w, h));
    if (here && w->fault[kind] != FAULT_NONE && w->fault_times[kind] > 0) {
        w->fault_times[kind]--;
        a->fault = w->fault[kind];
    }
    if (kind == ACT_FENCE_SHUT && a->fault != FAULT_NONE && h->trouble_until_us < TIME_FOREVER_US) {
        int64_t until = host_true(h, a->act.deadline.us);
        h->trouble_until_us = until > h->trouble_until_us ? until : h->trouble_until_us;
    }
    if (refused(w, h, a)) {
        free(a);
        return;
    }
    int64_t deadline = host_true(h, a->act.deadline.us);
    int64_t end = w->now_us + duration_us(w, h, a);
    if (a->fault == FAULT_HANG || end > deadline) {
        struct act_result result = { .outcome = ACT_FAILED };
        act_words(&result, ACT_UNKNOWN, "no answer by its deadline");
        report(w, h, a, &result, deadline);
        a->reported = true;
    }
    if (a->fault == FAULT_HANG) {
        free(a);
        return;
    }
    world_push(w, (struct world_item){ .at = end, .kind = ITEM_ACT_END, .host = host_index(w, h),
                                       .life = a->life, .act = a });
}

static void ask_endpoints(const struct world *w, const struct act *act, struct act_result *result)
{
    bool serves = w->services[act->key.service].endpoints_up[act->region] &&
                  world_acknowledges(w, act->key.service, act->region);
    act_words(result, serves ? ACT_DONE : ACT_FAILED, serves ? "" : "no answer");
}

static void ask_database(struct world *w, struct host *h, const struct world_act *a,
                         struct act_result *result)
{
    if (w->services[a->act.key.service].databases[h->region].life == a->server_life)
        database_act(w, h, &a->act, result);
    else
        act_words(result, ACT_FAILED, "the server stopped in between");
}

/* A cloud's API: it can be reached from everywhere, whatever became of the region. */
static void cut_off(struct world *w, const struct act *act, struct act_result *result)
{
    world_database_cut_off(w, act->key.service, act->region, true);
    result->outcome = ACT_DONE;
}

static void apply(struct world *w, struct host *h, const struct world_act *a,
                  struct act_result *result)
{
    switch (a->act.kind) {
    case ACT_FENCE_HOLD:
    case ACT_FENCE_READS:
    case ACT_FENCE_SHUT: database_act(w, h, &a->act, result); break;
    case ACT_COMPARE:
    case ACT_FREEZE:
    case ACT_THAW:
    case ACT_FOLLOW:
    case ACT_PROMOTE: ask_database(w, h, a, result); break;
    case ACT_HOOKS: result->outcome = ACT_DONE; break;
    case ACT_DNS_READ:
    case ACT_DNS_SUBMIT:
    case ACT_DNS_POLL:
    case ACT_DNS_VERIFY: zone_act(w, h, a, result); break;
    case ACT_ENDPOINTS: ask_endpoints(w, &a->act, result); break;
    case ACT_FENCE_REMOTE: cut_off(w, &a->act, result); break;
    case ACT_KIND_COUNT:
    default: break;
    }
}

void act_end(struct world *w, struct host *h, struct world_act *a)
{
    struct act_result result = { .outcome = ACT_FAILED };
    apply(w, h, a, &result);
    if (a->fault == FAULT_LOST_REPLY) {
        result = (struct act_result){ 0 };
        act_words(&result, ACT_UNKNOWN, "the reply was lost");
    }
    if (!a->reported && a->act.kind == ACT_FENCE_REMOTE && result.outcome == ACT_DONE)
        check_cut_off(w, &a->act);
    if (!a->reported)
        report(w, h, a, &result, w->now_us);
    free(a);
}
