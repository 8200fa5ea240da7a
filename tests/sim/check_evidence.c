/* Evidence: was a failover that nobody forced begun, and granted, on what a majority of voters truly
 * saw? See check.h.
 *
 * Each node's samples are counted here once more, with its own clock, so that a failing run is what it
 * is to that node. What is asked is lenient in one thing only: when. A voter counts if it had reason to
 * call the region failed at some moment within the time that evidence may be old, and that is made
 * longer by how late anything is at present (check_delivered). */
#include "tests/sim/truth.h"

#define OLD_NEWS_US (2 * US_PER_S)  /* less is what the ways of two messages may differ by */
#define PPM 1000000
#define STALE_INTERVALS 3
#define ROUND_HEARTBEATS_MAX 4
#define SCHEDULED_MOST_US (330 * US_PER_S) /* after its time; it is tried for 300 s, and a round takes some */
#define ROUND_LEAST_US (500 * US_PER_MS)

/* ---- failing runs ---- */

static const struct check_policy *policy_of(const struct host *h, uint8_t service, uint8_t check)
{
    return &h->config.services[service].checks[check];
}

/* A run that had lasted long enough by the host's reading `mono_us`. */
static bool has_failed(const struct truth_watch *watch, const struct check_policy *policy,
                       int64_t mono_us)
{
    return watch->running && watch->failures >= policy->fall &&
           mono_us - watch->run_start_mono_us >= policy->for_us;
}

static void fail(struct truth_watch *watch, int64_t mono_us)
{
    if (!watch->running) {
        watch->running = true;
        watch->failures = 0;
        watch->run_start_mono_us = mono_us;
    }
    watch->successes = 0;
    watch->failures++;
}

static void succeed(const struct world *w, struct truth_watch *watch,
                    const struct check_policy *policy, int64_t mono_us)
{
    if (!watch->running || ++watch->successes < policy->rise)
        return;
    if (has_failed(watch, policy, mono_us))
        watch->failed_until_us = w->now_us;
    watch->running = false;
}

void check_sampled(struct world *w, struct host *h, uint8_t service, const struct sample *sample)
{
    struct truth_voter *voter = truth_voter(w, service, h);
    if (sample->check >= POLICY_CHECKS_MAX)
        return;
    struct truth_watch *watch = &voter->watches[sample->check];
    const struct check_policy *policy = policy_of(h, service, sample->check);
    if (sample->at.us < watch->last_mono_us)
        return;
    watch->last_mono_us = sample->at.us;
    if (sample->outcome == SAMPLE_OBSERVER)
        return; /* says nothing of the target */
    if (sample->outcome == SAMPLE_OK)
        watch->ok_us = w->now_us;
    if (sample->outcome == SAMPLE_OK)
        succeed(w, watch, policy, sample->at.us);
    else
        fail(watch, sample->at.us);
    watch->judged = true;
    watch->judged_mono_us = sample->at.us;
    watch->judged_us = w->now_us;
}

/* This check had failed at `since_us` or later. */
static bool check_had_failed(const struct world *w, const struct host *h, uint8_t service,
                             uint8_t check, const struct truth_voter *voter, int64_t since_us)
{
    const struct truth_watch *watch = &voter->watches[check];
    const struct check_policy *policy = policy_of(h, service, check);
    if (watch->failed_until_us >= since_us)
        return true;
    if (!watch->judged)
        return false;
    /* Without a sample the check becomes unknown after a while. */
    int64_t stale = STALE_INTERVALS * policy->interval_us + policy->timeout_us;
    int64_t until_us = watch->judged_us + truth_longest_us(h, stale);
    int64_t until_mono_us = watch->judged_mono_us + stale, now = host_mono(w, h);
    if (until_mono_us > now)
        until_mono_us = now;
    return until_us >= since_us && has_failed(watch, policy, until_mono_us);
}

void check_confirmed(struct world *w, struct host *h, const struct message *m)
{
    const struct message_verdict *said = &m->as.verdict;
    const struct truth_voter *voter = truth_voter(w, m->service, h);
    const struct service_policy *policy = &h->config.services[m->service];
    if (said->verdict != VERDICT_FAILED || said->reason != REASON_CHECK_FAILED)
        return;
    for (uint8_t c = 0; c < policy->check_count; c++)
        if (policy->checks[c].region == said->region && voter->watches[c].running && voter->watches[c].successes == 0)
            return;
    world_break(w, INVARIANT_EVIDENCE, "%s confirms that %s has failed, which has just answered", h->name,
                truth_region(w, said->region));
}

/* ---- leases that nobody renews ---- */

/* How long a voter is quiet before it calls the leased region failed, by the kernel's enforcing alone. */
static int64_t lapse_us(const struct world *w, const struct host *h, uint8_t service,
                        const struct ledger *l, region_id region)
{
    int64_t rho = l->clock_error_ppm, lease = l->longest_lease_us;
    int64_t wait = lease / (PPM - rho) * (PPM + rho);
    const struct service_policy *policy = &h->config.services[service];
    int64_t lasts = TIME_FOREVER_US;
    for (uint8_t c = 0; c < policy->check_count; c++)
        if (policy->checks[c].region == region && policy->checks[c].for_us < lasts)
            lasts = policy->checks[c].for_us;
    if (lasts == TIME_FOREVER_US)
        return lasts;
    int64_t fast = h->clock.ppm > rho ? h->clock.ppm : rho;
    int64_t least = (wait + lasts) / (PPM + fast) * PPM;
    return least - truth_slack_us(w) - policy->checks[0].interval_us;
}

static region_id leased_region(const struct ledger *l)
{
    if (l == NULL || l->fence != FENCE_ENFORCED || l->keep_on_quorum_loss)
        return REGION_NONE;
    return l->writer != REGION_NONE ? l->writer : l->operation.from;
}

static bool is_quiet(const struct world *w, const struct host *h, uint8_t service, region_id region)
{
    const struct truth_voter *voter = &w->services[service].truth->voters[host_index(w, h)];
    return w->now_us - voter->quiet_since_us >=
           lapse_us(w, h, service, check_newest(w, service), region);
}

void truth_quiet_ends(struct world *w, uint8_t service, const struct host *h)
{
    struct truth_voter *voter = &w->services[service].truth->voters[host_index(w, h)];
    const struct ledger *l = check_newest(w, service);
    region_id region = leased_region(l);
    bool soon = l != NULL && w->now_us - voter->quiet_since_us < l->longest_lease_us / 2;
    if (!soon && region != REGION_NONE && is_quiet(w, h, service, region))
        voter->lapsed_until_us = w->now_us;
    voter->quiet_since_us = w->now_us;
}

struct truth_voter *truth_voter(struct world *w, uint8_t service, const struct host *h)
{
    struct truth_voter *voter = &w->services[service].truth->voters[host_index(w, h)];
    if (voter->seen && voter->life == h->life)
        return voter;
    /* A new process judges from the start; what the former one saw was true when it said so. */
    for (uint8_t c = 0; c < POLICY_CHECKS_MAX && voter->seen; c++) {
        struct truth_watch *watch = &voter->watches[c];
        const struct check_policy *policy = policy_of(h, service, c);
        /* To its end, or until it would have known too little. */
        int64_t knows = STALE_INTERVALS * policy->interval_us + policy->timeout_us;
        int64_t end_mono_us = watch->judged_mono_us + knows, until = watch->failed_until_us;
        end_mono_us = h->died_mono_us < end_mono_us ? h->died_mono_us : end_mono_us;
        if (watch->judged && has_failed(watch, policy, end_mono_us)) {
            int64_t end_us = watch->judged_us + truth_longest_us(h, knows);
            until = h->died_us < end_us ? h->died_us : end_us;
        }
        *watch = (struct truth_watch){ .failed_until_us = until, .ok_us = watch->ok_us };
    }
    if (voter->seen)
        truth_quiet_ends(w, service, h);
    voter->quiet_since_us = w->now_us;
    voter->seen = true;
    voter->life = h->life;
    return voter;
}

/* ---- what a majority saw ---- */

static bool had_failed(const struct world *w, uint8_t service, uint8_t n, region_id region,
                       int64_t since_us)
{
    const struct host *h = &w->hosts[n];
    const struct truth_voter *voter = &w->services[service].truth->voters[n];
    if (!voter->seen)
        return false;
    const struct service_policy *policy = &h->config.services[service];
    for (uint8_t c = 0; c < policy->check_count; c++)
        if (policy->checks[c].region == region &&
            check_had_failed(w, h, service, c, voter, since_us))
            return true;
    return leased_region(check_newest(w, service)) == region &&
           (voter->lapsed_until_us >= since_us || is_quiet(w, h, service, region));
}

int64_t truth_failing_us(const struct world *w, uint8_t service, uint8_t n, region_id region,
                         int64_t recent_us)
{
    const struct host *h = &w->hosts[n];
    const struct truth_voter *voter = &w->services[service].truth->voters[n];
    const struct service_policy *policy = &h->config.services[service];
    int64_t longest = 0;
    for (uint8_t c = 0; c < policy->check_count; c++) {
        const struct truth_watch *watch = &voter->watches[c];
        if (policy->checks[c].region != region)
            continue;
        int64_t run = watch->running ? host_mono(w, h) - watch->run_start_mono_us : 0;
        if (watch->failed_until_us >= w->now_us - recent_us)
            run = TIME_FOREVER_US;
        longest = run > longest ? run : longest;
    }
    bool lapsed = leased_region(check_newest(w, service)) == region &&
                  (voter->lapsed_until_us >= w->now_us - recent_us || is_quiet(w, h, service, region));
    return lapsed ? TIME_FOREVER_US : truth_longest_us(h, longest);
}

int64_t truth_failed_us(const struct world *w, uint8_t service, uint8_t n, region_id region)
{
    const struct host *h = &w->hosts[n];
    const struct truth_voter *voter = &w->services[service].truth->voters[n];
    const struct service_policy *policy = &h->config.services[service];
    int64_t longest = 0;
    for (uint8_t c = 0; c < policy->check_count; c++) {
        const struct truth_watch *watch = &voter->watches[c];
        if (policy->checks[c].region != region || !watch->judged ||
            !has_failed(watch, &policy->checks[c], watch->judged_mono_us))
            continue;
        int64_t since = watch->judged_mono_us - watch->run_start_mono_us - policy->checks[c].for_us;
        longest = since > longest ? since : longest;
    }
    return longest;
}

static void check_majority(struct world *w, uint8_t service, const struct ledger *l,
                           region_id region, int64_t age_us, int64_t decided_us, const char *what)
{
    const struct host *executor = &w->hosts[l->operation.executor];
    int64_t since = decided_us - truth_longest_us(executor, age_us) - truth_slack_us(w);
    node_set yes = 0;
    for (uint8_t n = 0; n < w->host_count; n++)
        if (node_in(truth_voters(w), n) && had_failed(w, service, n, region, since))
            yes = (node_set)(yes | node_bit(n));
    if (!truth_is_majority(w, yes))
        world_break(w, INVARIANT_EVIDENCE, "a failover of %s is %s, and no majority of voters saw "
                    "it failed lately", truth_region(w, region), what);
}

/* A majority has said so when it was asked, lest a begin rests on what they said before. */
static void check_asked(struct world *w, uint8_t service, const struct ledger *l, region_id region,
                        int64_t decided_us)
{
    const struct host *executor = &w->hosts[l->operation.executor];
    int64_t timeout = executor->config.services[service].confirm_timeout_us;
    int64_t since = decided_us - truth_longest_us(executor, timeout) - truth_slack_us(w);
    node_set yes = 0;
    for (uint8_t n = 0; n < w->host_count; n++)
        if (node_in(truth_voters(w), n) && w->services[service].truth->voters[n].said_failed_us[region] >= since)
            yes = (node_set)(yes | node_bit(n));
    if (!truth_is_majority(w, yes))
        world_break(w, INVARIANT_EVIDENCE, "a failover of %s is begun, and no majority of voters was asked and "
                    "said it failed", truth_region(w, region));
}

/* When the round was begun in which a value is put forward: what it rests on was looked at then. */
static int64_t decided_at(const struct world *w, uint8_t service, struct ballot ballot, int64_t round_us)
{
    const struct truth_voter *proposer = &w->services[service].truth->voters[ballot.node % POLICY_NODES_MAX];
    return truth_ballots(proposer->asked, ballot) == 0 ? proposer->asked_us : w->now_us - round_us;
}

/* By the calendar of whoever decided, and by the later of two that it had lately. */
static bool is_paused(const struct world *w, const struct host *h, const struct ledger *before)
{
    int64_t ahead = h->clock.wall_was_us > h->clock.wall_us ? h->clock.wall_was_us - h->clock.wall_us : 0;
    return before->pause.on && (before->pause.until.us == 0 || host_wall(w, h) + ahead < before->pause.until.us);
}

void check_asked_for(struct world *w, const struct host *h, const struct act *act)
{
    const struct ledger *l = &h->ledger[act->key.service];
    bool of_step = act->key.step != STEP_GUARD && act->key.step != STEP_FOLLOW;
    if (!of_step || !h->ledger_known[act->key.service] || l->operation.id != act->key.operation)
        return;
    /* Of a failback whose database is home for good the word is about its traffic: more of it must not come. */
    const struct ledger_operation *op = &l->operation;
    bool home = op->kind == OPERATION_FAILBACK && op->shift.count > 0 &&
                (op->phase == PHASE_GRANTED || !op->may_return);
    bool ends = act->key.step == STEP_CUT_OVER || act->key.step == STEP_VERIFY || act->key.step == STEP_FINISH;
    if (home && !ends)
        return;
    if (l->operation.wish == WISH_HOLD)
        world_break(w, INVARIANT_EVIDENCE, "%s sends an act of an operation that it knows to be held", h->name);
    if (l->operation.wish == WISH_BACK && act->kind != ACT_THAW)
        world_break(w, INVARIANT_EVIDENCE, "%s goes on with an operation that it knows to be sent back", h->name);
}

/* What a person ordered for later begins neither before nor long after, and not in a pause. */
static void check_due(struct world *w, const struct ledger *before, const struct ledger *l)
{
    const struct ledger_proposal *p = &before->proposal;
    const struct host *h = &w->hosts[l->operation.executor % POLICY_NODES_MAX];
    int64_t off = h->clock.wall_was_us - h->clock.wall_us, wall = host_wall(w, h);
    if (p->state != PROPOSAL_SCHEDULED || p->id != l->operation.id || l->operation.executor >= w->host_count)
        return;
    if (wall + (off > 0 ? off : 0) < p->due.us || wall + (off < 0 ? off : 0) > p->due.us + SCHEDULED_MOST_US)
        world_break(w, INVARIANT_EVIDENCE, "a switchover begins at another time than it was ordered for");
    if (is_paused(w, h, before) && (p->skipped_gates >> GATE_NOT_PAUSED & 1u) == 0)
        world_break(w, INVARIANT_EVIDENCE, "a scheduled switchover begins while the service is paused");
}

void check_first_accepted(struct world *w, uint8_t service, const struct ledger *l, struct ballot ballot)
{
    struct truth *t = w->services[service].truth;
    const struct ledger_operation *op = &l->operation;
    const struct ledger *before = check_chosen(w, service, l->version - 1);
    if (before != NULL)
        check_due(w, before, l);
    if (before == NULL || !operation_moves(op->kind) || op->forced ||
        op->executor >= w->host_count)
        return;
    const struct policy_config *config = &w->hosts[op->executor].config;
    const struct service_policy *policy = &config->services[service];
    int64_t round = ROUND_HEARTBEATS_MAX * config->heartbeat_us;
    round = (round > ROUND_LEAST_US ? round : ROUND_LEAST_US) + 2 * config->heartbeat_us;
    /* Put forward again by others, it rests on what it rested on when it was new. */
    bool again = before->operation.id == op->id && op->phase == before->operation.phase;
    bool taken = before->operation.id == op->id && op->phase == PHASE_BEGUN;
    if (again || taken || !truth_step_is_new(t->begun, &t->next_begun, op->id, l->epoch))
        return;
    int64_t decided = decided_at(w, service, ballot, round);
    bool can_go_back = before->operation.may_return && !truth_is_cut_off(t, op->id, before->epoch);
    if (op->phase == PHASE_BEGUN || can_go_back)
        truth_braked(w, service, before, l, decided);
    if (op->phase == PHASE_GRANTED) {
        /* With no way back, or with its region cut off on such evidence, the old writer's health is no
         * question any more. */
        if (can_go_back && is_paused(w, &w->hosts[op->executor], before))
            world_break(w, INVARIANT_EVIDENCE, "a failover that may go back is granted while the service is paused");
        if (can_go_back)
            check_majority(w, service, l, before->operation.from,
                           policy->evidence_max_age_us, decided, "granted");
        return;
    }
    if (is_paused(w, &w->hosts[op->executor], before))
        world_break(w, INVARIANT_EVIDENCE, "a failover begins while the service is paused");
    if (before->operation.phase == PHASE_BEGUN && before->operation.wish == WISH_HOLD)
        world_break(w, INVARIANT_EVIDENCE, "a failover begins by itself on top of one that is held");
    region_id source = before->writer != REGION_NONE ? before->writer : before->operation.from;
    check_majority(w, service, l, source, policy->confirm_timeout_us, decided, "begun");
    check_asked(w, service, l, source, decided);
    truth_pace(w, service, before, l, source, round);
}

void check_cut_off_asked(struct world *w, const struct host *h, const struct act *act)
{
    uint8_t service = act->key.service;
    const struct ledger *l = truth_of_epoch(w->services[service].truth, act->key.epoch);
    if (l == NULL || l->operation.id != act->key.operation || l->operation.phase != PHASE_BEGUN) {
        world_break(w, INVARIANT_CHOSEN, "%s cuts a region off in epoch %llu, where no such operation is chosen",
                    h->name, (unsigned long long)act->key.epoch);
        return;
    }
    if (act->region == h->region || act->region != w->hosts[l->guard.node].region)
        world_break(w, INVARIANT_EVIDENCE, "%s cuts off %s, which is not the old writer's region", h->name,
                    truth_region(w, act->region));
    if ((l->operation.skipped_gates >> GATE_MAJORITY_FAILED & 1u) == 0)
        check_majority(w, service, l, act->region, h->config.services[service].evidence_max_age_us, w->now_us,
                       "about to cut it off");
}

/* ---- what comes late ---- */

static void ages_of(const struct world *w, const struct host *h, const struct check_news *news,
                    int64_t age_us[POLICY_REGIONS_MAX])
{
    static struct view_service view; /* large, and never looked at again */
    node_view(h->node, news->service, (struct mono_time){ host_mono(w, h) }, (struct wall_time){ w->now_us }, &view);
    for (region_id r = 0; r < w->options.region_count; r++) {
        const struct view_observer *seen = &view.regions[r].observers[news->from];
        age_us[r] = seen->present ? seen->age_us : -1;
    }
}

bool check_before_old_news(struct world *w, const struct host *h, struct check_news *news, int64_t older_us)
{
    /* Which of two processes with the same number is the older one, nobody can tell who heard of neither before. */
    if (older_us <= truth_slack_us(w) + OLD_NEWS_US || w->hosts[news->from].store_was_lost)
        return false;
    ages_of(w, h, news, news->age_us);
    return true;
}

void check_after_old_news(struct world *w, const struct host *h, const struct check_news *news)
{
    int64_t age_us[POLICY_REGIONS_MAX];
    if (!h->alive)
        return;
    ages_of(w, h, news, age_us);
    int64_t least = (w->now_us - news->since_us) / 2 - truth_slack_us(w);
    for (region_id r = 0; r < w->options.region_count; r++)
        if (news->age_us[r] >= 0 && age_us[r] < news->age_us[r] && age_us[r] < least)
            world_break(w, INVARIANT_EVIDENCE, "%s takes what %s said of %s long ago for news", h->name,
                        w->hosts[news->from].name, truth_region(w, r));
}

/* ---- people ---- */

void check_ordered(struct world *w, uint8_t service, uint64_t ticket, region_id to)
{
    struct truth *t = w->services[service].truth;
    if (to >= POLICY_REGIONS_MAX)
        return;
    t->orders[t->next_order] = (struct truth_order){ ticket, to };
    t->next_order = (uint8_t)((t->next_order + 1) % TRUTH_ORDERS);
    t->ordered[to]++;
}

void check_refused(struct world *w, uint64_t ticket)
{
    for (uint8_t s = 0; s < w->service_count; s++)
        for (unsigned i = 0; i < TRUTH_ORDERS; i++) {
            struct truth_order *order = &w->services[s].truth->orders[i];
            if (order->ticket != ticket)
                continue;
            w->services[s].truth->ordered[order->to]--;
            order->ticket = 0;
        }
}

/* An order that comes once more, or long after whoever gave it was told that nobody knows what became of
 * it, would take a service away from where it is for no reason. */
void truth_forced(struct world *w, uint8_t service, const struct ledger *before, const struct ledger *l)
{
    struct truth *t = w->services[service].truth;
    const struct ledger_operation *op = &l->operation;
    if (!operation_moves(op->kind) || !op->forced || op->to >= POLICY_REGIONS_MAX ||
        (before->operation.kind == op->kind && before->operation.id == op->id))
        return;
    if (++t->obeyed[op->to] > t->ordered[op->to])
        world_break(w, INVARIANT_EVIDENCE, "a failover to %s is begun by no order of a person's that was not "
                    "carried out, or refused, already", truth_region(w, op->to));
}
