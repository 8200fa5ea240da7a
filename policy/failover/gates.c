/* Judging the gates: see gates.h. Each function judges one and fills in what people are told. */
#include "policy/failover/gates.h"

#include "policy/quorum/majority.h"
#include "policy/service.h"

static const char *const gate_names[GATE_COUNT] = {
    [GATE_MAJORITY_FAILED] = "majority_failed",
    [GATE_TARGET_HEALTHY] = "target_healthy",
    [GATE_TARGET_COORDINATOR] = "target_coordinator",
    [GATE_TARGET_STREAMING] = "target_streaming_and_timeline",
    [GATE_LOSS_WITHIN_RPO] = "loss_within_rpo",
    [GATE_OUTAGE_MIN] = "outage_min",
    [GATE_COOLDOWN] = "cooldown",
    [GATE_NOT_PAUSED] = "not_paused",
    [GATE_FENCE] = "fence",
    [GATE_NO_MARK] = "no_mark",
    [GATE_BLAST_RADIUS] = "blast_radius",
    [GATE_APPROVED] = "approved",
};

const char *gate_name(enum gate_id gate)
{
    return (unsigned)gate < GATE_COUNT ? gate_names[gate] : "none";
}

region_id gates_source(const struct ledger *ledger)
{
    return operation_moves(ledger->operation.kind) && ledger->writer == REGION_NONE
               ? ledger->operation.from
               : ledger->writer;
}

static void judge_majority(const struct service *s, const struct turn *turn, region_id source,
                           struct gate *failed, struct gate *outage)
{
    struct vote_count count = tally_failed(turn->voters, s->health.opinions[source],
                                           s->policy->evidence_max_age_us, turn->now);
    failed->known = outage->known = true;
    failed->value = count.votes;
    failed->limit = electorate_needed(turn->voters);
    failed->age_us = outage->age_us = count.oldest_us;
    failed->open = tally_won(count);
    outage->value = count.standing_us;
    outage->limit = s->policy->outage_min_us;
    outage->open = count.standing_us >= s->policy->outage_min_us;
}

/* The node whose word on the target counts: a guard of that region, ourselves before others. */
static node_id target_node(const struct service *s, const struct turn *turn, region_id target)
{
    node_set guards = s->policy->regions[target].guards;
    if (node_in(guards, turn_self(turn)))
        return turn_self(turn);
    for (node_id n = 0; n < turn->config->node_count; n++)
        if (node_in(guards, n) && turn_heard(turn, n))
            return n;
    return NODE_NONE;
}

static void judge_healthy(const struct service *s, const struct turn *turn, region_id target,
                          node_id node, struct gate *gate)
{
    gate->limit = VERDICT_HEALTHY;
    gate->value = VERDICT_UNKNOWN;
    if (node == NODE_NONE || !s->health.opinions[target][node].heard)
        return;
    const struct opinion *opinion = &s->health.opinions[target][node];
    struct vote_count against = tally_failed(turn->voters, s->health.opinions[target],
                                             s->policy->evidence_max_age_us, turn->now);
    gate->known = true;
    gate->observer = node;
    gate->value = tally_won(against) ? VERDICT_FAILED : opinion->verdict.verdict;
    gate->age_us = mono_since(turn->now, opinion->at);
    gate->open = gate->value == VERDICT_HEALTHY && gate->age_us <= s->policy->evidence_max_age_us;
}

static void judge_coordinator(const struct service *s, const struct turn *turn, node_id node,
                              struct gate *gate)
{
    gate->known = true;
    gate->limit = 1;
    gate->observer = node;
    if (node == NODE_NONE)
        return;
    gate->open = node == turn_self(turn) ? s->guard.ready : s->remotes[node].guard_ready;
    gate->value = gate->open;
}

static const struct sighting *standby_seen(const struct service *s, node_id node, region_id target)
{
    if (node != NODE_NONE && s->health.sightings[target][node].known)
        return &s->health.sightings[target][node];
    return service_sighting(s, target, NULL);
}

static void judge_data(const struct service *s, const struct turn *turn, region_id target,
                       node_id node, const struct loss_accepted *accepted, struct gate *streaming, struct gate *rpo)
{
    const struct sighting *seen = standby_seen(s, node, target);
    const struct loss_series *series = &s->health.writer_series;
    rpo->limit = accepted != NULL && accepted->bytes >= 0 ? accepted->bytes : s->policy->rpo_bytes;
    rpo->limit_us = accepted != NULL && accepted->us >= 0 ? accepted->us : s->policy->rpo_us;
    streaming->limit = series->timeline;
    if (seen == NULL)
        return;
    streaming->observer = rpo->observer = node;
    streaming->value = seen->facts.timeline;
    streaming->age_us = mono_since(turn->now, seen->at);
    struct loss loss = loss_estimate(series, seen->facts.lsn, turn->now);
    if (!loss.known)
        return;
    streaming->known = true;
    bool fresh = streaming->age_us <= s->policy->evidence_max_age_us;
    /* A standby that was cut off long before the writer was lost is not "the" standby any more,
     * unless it verifiably lacks nothing. */
    struct mono_time writer_seen = { turn->now.us - loss.age_us };
    bool followed = loss.bytes == 0 || s->health.streaming_at.us + s->policy->evidence_max_age_us >=
                                           writer_seen.us;
    streaming->open = fresh && seen->facts.in_recovery &&
                      seen->facts.timeline == series->timeline &&
                      (target != s->home || followed);
    loss = watch_loss(s, turn, target, seen->facts.lsn);
    if (!loss.known)
        return;
    rpo->known = true;
    rpo->value = loss.bytes;
    rpo->value_us = loss.us;
    rpo->age_us = loss.age_us;
    rpo->at_least = loss.at_least;
    /* Who accepts one kind has said nothing of the other, and no number accepts a time that nobody knows: that takes
     * the gate's name. */
    bool in_time = loss.us <= rpo->limit_us && !loss.at_least;
    rpo->open = loss.bytes <= rpo->limit && in_time;
}

/* The old writer's guard could shut its fence and say so. One that has just come back brings its region with it, as
 * likely as not, while the votes are still those of the time it was away: they are given time to be heard again. */
static bool guard_can_prove(const struct service *s, const struct turn *turn, const struct ledger *l)
{
    node_id n = l->guard.node;
    return guard_is_there(s, turn, l) &&
           (n == turn_self(turn) || mono_since(turn->now, s->remotes[n].back_at) > s->policy->evidence_max_age_us);
}

/* Whether the old writer's fence can become proven at all, before anything is begun: a begin that
 * can never reach its grant would only keep the old writer from coming back. */
static void judge_fence(const struct service *s, const struct turn *turn,
                        const struct ledger *ledger, region_id target, struct gate *gate)
{
    gate->known = true;
    gate->limit = PROOF_LAPSED;
    gate->observer = ledger->guard.node;
    bool lapse_proves = ledger->fence == FENCE_ENFORCED && !ledger->keep_on_quorum_loss;
    if (lapse_proves)
        gate->value = PROOF_LAPSED;
    else if (guard_has_released(s, ledger) || guard_can_prove(s, turn, ledger))
        gate->value = PROOF_RELEASED;
    else if (cut_off_region(s, turn, ledger, target) != REGION_NONE)
        gate->value = PROOF_REMOTE;
    else if (s->policy->accept_unconfirmed_fence && !ledger->keep_on_quorum_loss)
        gate->value = PROOF_ACCEPTED;
    gate->open = gate->value != PROOF_NONE;
}

/* Another guard of the writer's own region takes over: it is the same database, so nothing has to
 * stream and nothing can be lost. */
static void judge_same_region(const struct service *s, const struct ledger *ledger,
                              region_id target, struct gate *gates)
{
    static const enum gate_id trivial[] = { GATE_MAJORITY_FAILED, GATE_OUTAGE_MIN,
                                            GATE_TARGET_STREAMING, GATE_LOSS_WITHIN_RPO };
    bool begun = ledger->writer == REGION_NONE;
    bool same = begun ? ledger_same_database(ledger, s->policy)
                      : ledger->writer == target &&
                            node_in(s->policy->regions[target].guards, ledger->guard.node);
    if (gates_source(ledger) != target || !same)
        return;
    for (size_t i = 0; i < sizeof trivial / sizeof trivial[0]; i++)
        gates[trivial[i]].open = gates[trivial[i]].known = true;
    gates[GATE_FENCE].open = true;
    gates[GATE_FENCE].value = PROOF_RELEASED; /* its own fence, confirmed by itself, after the wait */
}

static void judge_pace(const struct service *s, const struct turn *turn,
                       const struct ledger *ledger, struct gate *cooldown, struct gate *paused)
{
    /* The only use of wall time: a pause between operations. Nothing unsafe follows from a clock
     * that stepped; a reading before the end of the last operation counts as just after it. */
    cooldown->known = paused->known = true;
    cooldown->limit = s->policy->cooldown_us;
    /* A failover that has moved the writer counts from its begin, also while DNS is still open. */
    bool running = ledger->operation.phase == PHASE_GRANTED &&
                   operation_moves(ledger->operation.kind) &&
                   service_seen_primary(s, ledger->writer);
    struct wall_time last = running ? ledger->operation.begun : ledger->last_finished;
    int64_t since = turn->wall.us - last.us;
    cooldown->value = since > 0 ? since : 0;
    bool first = last.us == 0;
    if (first)
        cooldown->value = cooldown->limit; /* there was none to wait after */
    cooldown->open = first || cooldown->value >= cooldown->limit;
    paused->value = ledger_is_paused(ledger, turn->wall);
    paused->open = paused->value == 0;
}

/* While the glass is broken nothing moves the writer but the person who reconciles. */
static void judge_marks(const struct service *s, struct gate *gate)
{
    gate->known = true;
    gate->value = glass_count(s);
    gate->open = gate->value == 0;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (s->marks[n].state != MARK_NONE)
            gate->observer = n;
}

/* A switchover leaves a writer that is well, at a person's word: no votes, but its guard's own confirmation, since
 * nothing else says what it acknowledged last. */
static void judge_planned(const struct service *s, const struct turn *turn, const struct ledger *ledger,
                          struct gate *gates)
{
    gates[GATE_MAJORITY_FAILED].open = gates[GATE_MAJORITY_FAILED].known = true;
    gates[GATE_OUTAGE_MIN].open = gates[GATE_OUTAGE_MIN].known = true;
    struct gate *fence = &gates[GATE_FENCE];
    fence->limit = PROOF_RELEASED;
    fence->open = guard_has_released(s, ledger) || guard_is_able(s, turn, ledger);
    fence->value = fence->open ? PROOF_RELEASED : PROOF_NONE;
}

void gates_judge(const struct service *s, const struct turn *turn, region_id target, bool planned,
                 uint32_t skipped, const struct loss_accepted *accepted, struct gate gates[GATE_COUNT])
{
    for (size_t g = 0; g < GATE_COUNT; g++)
        gates[g] = (struct gate){ .observer = turn_self(turn), .age_us = 0 };
    const struct ledger *ledger = service_ledger(s);
    if (ledger == NULL)
        return;
    node_id node = target_node(s, turn, target);
    judge_majority(s, turn, gates_source(ledger), &gates[GATE_MAJORITY_FAILED],
                   &gates[GATE_OUTAGE_MIN]);
    judge_healthy(s, turn, target, node, &gates[GATE_TARGET_HEALTHY]);
    judge_coordinator(s, turn, node, &gates[GATE_TARGET_COORDINATOR]);
    judge_data(s, turn, target, node, accepted, &gates[GATE_TARGET_STREAMING], &gates[GATE_LOSS_WITHIN_RPO]);
    judge_pace(s, turn, ledger, &gates[GATE_COOLDOWN], &gates[GATE_NOT_PAUSED]);
    judge_fence(s, turn, ledger, target, &gates[GATE_FENCE]);
    judge_same_region(s, ledger, target, gates);
    if (planned)
        judge_planned(s, turn, ledger, gates);
    judge_marks(s, &gates[GATE_NO_MARK]);
    brake_judge(s, turn, ledger, &gates[GATE_BLAST_RADIUS]);
    approval_judge(s, turn, ledger, target, planned, &gates[GATE_APPROVED]);
    for (size_t g = 0; g < GATE_COUNT; g++)
        gates[g].skipped = !gates[g].open && g != GATE_NO_MARK && (skipped >> g & 1u) != 0;
}

enum gate_id gates_first_shut(const struct gate gates[GATE_COUNT])
{
    /* Said before all others, since no skipping of those leads past it. */
    if (gates[GATE_NO_MARK].known && !gates[GATE_NO_MARK].open)
        return GATE_NO_MARK;
    for (size_t g = 0; g < GATE_COUNT; g++)
        if (!gates[g].open && !gates[g].skipped)
            return (enum gate_id)g;
    return GATE_COUNT;
}
