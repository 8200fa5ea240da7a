/* Carrying out acts: what each does to the world, how long it takes, how it can go wrong.
 *
 * As the contract says (policy/act.h): every act is answered by its deadline, come what may; what
 * was asked of a server is done there even if who asked is dead by then. */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_fence(enum act_kind kind)
{
    return kind == ACT_FENCE_HOLD || kind == ACT_FENCE_READS || kind == ACT_FENCE_SHUT;
}

static uint8_t index_of(const struct world *w, const struct host *h)
{
    return (uint8_t)(h - w->hosts);
}

void act_ask(struct world *w, struct host *h, const struct act *act)
{
    struct world_act *a = calloc(1, sizeof *a);
    if (a == NULL)
        abort();
    a->act = *act;
    a->life = h->life;
    int64_t start = w->now_us;
    if (is_fence(act->kind)) {
        start = h->fence_busy_until > start ? h->fence_busy_until : start;
        h->fence_busy_until = start + w->act_us[act->kind];
    }
    world_push(w, (struct world_item){ .at = start, .kind = ITEM_ACT_START,
                                       .host = index_of(w, h), .act = a });
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
    world_push(w, (struct world_item){ .at = at, .kind = ITEM_ACT_DONE, .host = index_of(w, h),
                                       .life = a->life, .result = copy });
}

static void say_result(struct act_result *result, enum act_outcome outcome, const char *words)
{
    result->outcome = outcome;
    (void)snprintf(result->detail.s, sizeof result->detail.s, "%s", words);
}

/* What must not start after `until`, doesn't. */
static bool too_late(const struct world *w, const struct host *h, const struct act *act)
{
    return host_mono(w, h) >= act->until.us;
}

void act_start(struct world *w, struct host *h, struct world_act *a)
{
    enum act_kind kind = a->act.kind;
    struct act_result result = { .outcome = ACT_FAILED };
    if (w->fault[kind] != FAULT_NONE && w->fault_times[kind] > 0) {
        w->fault_times[kind]--;
        a->fault = w->fault[kind];
    }
    if (a->fault == FAULT_FAIL || a->fault == FAULT_RETRY) {
        say_result(&result, a->fault == FAULT_RETRY ? ACT_RETRY : ACT_FAILED, "told to fail");
        report(w, h, a, &result, w->now_us + w->act_us[kind]);
        free(a);
        return;
    }
    if (kind == ACT_PROMOTE && w->databases[h->region].in_recovery) {
        if (too_late(w, h, &a->act)) {
            say_result(&result, ACT_FAILED, "the lease ran out before the promotion could start");
            report(w, h, a, &result, w->now_us + US_PER_MS);
            free(a);
            return;
        }
        check_promotion(w, h, &a->act); /* from here it can't be called back */
    }
    int64_t deadline = host_true(h, a->act.deadline.us);
    int64_t end = w->now_us + w->act_us[kind];
    if (kind == ACT_PROMOTE && !w->databases[h->region].in_recovery)
        end = w->now_us + 10 * US_PER_MS; /* done already: it only looks */
    if (a->fault == FAULT_HANG || end > deadline) {
        say_result(&result, ACT_UNKNOWN, "no answer by its deadline");
        report(w, h, a, &result, deadline);
        a->reported = true;
        if (a->fault == FAULT_HANG) {
            free(a);
            return;
        }
    }
    world_push(w, (struct world_item){ .at = end, .kind = ITEM_ACT_END, .host = index_of(w, h),
                                       .act = a });
}

/* ---- databases ---- */

static void promote(struct world *w, struct host *h, struct act_result *result)
{
    struct database *db = &w->databases[h->region];
    if (db->in_recovery) {
        uint32_t highest = 0;
        for (region_id r = 0; r < w->options.region_count; r++)
            highest = w->databases[r].timeline > highest ? w->databases[r].timeline : highest;
        db->in_recovery = db->receipt_off = db->streaming = false;
        db->timeline = highest + 1;
        world_say(w, h, "its database is promoted");
    }
    result->database = database_facts_of(w, h->region);
    result->outcome = ACT_DONE;
}

static void hold(struct world *w, struct host *h, const struct act *act, struct act_result *result)
{
    struct database *db = &w->databases[h->region];
    if (too_late(w, h, act)) {
        say_result(result, ACT_FAILED, "the lease ran out before the fence could open");
        return;
    }
    db->fence_until = host_true(h, act->until.us);
    if (act->kind == ACT_FENCE_HOLD) {
        db->door_open = true;
        h->disk.held_until_us = act->until.us;
    }
    result->outcome = ACT_DONE;
}

static void on_database(struct world *w, struct host *h, const struct act *act,
                        struct act_result *result)
{
    struct database *db = &w->databases[h->region];
    bool kernel = w->options.policy.fence == FENCE_ENFORCED;
    bool answers = db->up && !db->frozen;
    if (!answers && !(kernel && is_fence(act->kind))) {
        say_result(result, ACT_FAILED, "the database does not answer");
        return;
    }
    switch ((int)act->kind) {
    case ACT_FENCE_HOLD:
    case ACT_FENCE_READS: hold(w, h, act, result); return;
    case ACT_FENCE_SHUT:
        db->fence_until = 0;
        db->door_open = false;
        break;
    case ACT_FREEZE:
        db->receipt_off = db->in_recovery;
        db->streaming = false;
        break;
    case ACT_THAW:
        db->receipt_off = false;
        db->upstream = act->region;
        break;
    case ACT_PROMOTE: promote(w, h, result); return;
    default: break;
    }
    result->database = database_facts_of(w, h->region);
    result->outcome = ACT_DONE;
}

/* ---- the rest ---- */

static void apply(struct world *w, struct host *h, const struct act *act,
                  struct act_result *result)
{
    switch (act->kind) {
    case ACT_FENCE_HOLD:
    case ACT_FENCE_READS:
    case ACT_FENCE_SHUT:
    case ACT_COMPARE:
    case ACT_FREEZE:
    case ACT_THAW:
    case ACT_PROMOTE: on_database(w, h, act, result); break;
    case ACT_HOOKS: result->outcome = ACT_DONE; break;
    case ACT_DNS_READ:
    case ACT_DNS_SUBMIT:
    case ACT_DNS_POLL:
    case ACT_DNS_VERIFY: dns_act(w, h, act, result); break;
    case ACT_ENDPOINTS: {
        bool serves = w->endpoints_up[act->region] && world_acknowledges(w, act->region);
        say_result(result, serves ? ACT_DONE : ACT_FAILED, serves ? "" : "no answer");
        break;
    }
    case ACT_KIND_COUNT:
    default: break;
    }
}

void act_end(struct world *w, struct host *h, struct world_act *a)
{
    struct act_result result = { .outcome = ACT_FAILED };
    apply(w, h, &a->act, &result);
    if (a->fault == FAULT_LOST_REPLY) {
        result = (struct act_result){ 0 };
        say_result(&result, ACT_UNKNOWN, "the reply was lost");
    }
    if (!a->reported)
        report(w, h, a, &result, w->now_us);
    free(a);
}
