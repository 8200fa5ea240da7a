/* What clients lost: see check.h.
 *
 * Worked out when a region's database takes its first write on a timeline that is not the one clients
 * wrote into last: then it is settled that the rows of that one which are not in its history are gone.
 * A promotion alone loses nothing; one that comes after its time gives a database that nobody enters. */
#include "tests/sim/truth.h"

#include "policy/failover/gates.h"

/* How far `timeline` and `other` have one history. */
static uint64_t common_lsn(const struct world_service *s, uint32_t timeline, uint32_t other)
{
    uint64_t limit = UINT64_MAX;
    for (uint32_t a = timeline; a != 0; a = s->timelines[a].parent) {
        uint64_t upto = limit;
        for (uint32_t b = other; b != 0; b = s->timelines[b].parent) {
            if (a == b)
                return upto;
            upto = s->timelines[b].fork_lsn < upto ? s->timelines[b].fork_lsn : upto;
        }
        limit = s->timelines[a].fork_lsn < limit ? s->timelines[a].fork_lsn : limit;
    }
    return 0;
}

static bool in_history(const struct world_service *s, uint32_t timeline, uint32_t of)
{
    uint32_t t = timeline;
    while (t != 0 && t != of)
        t = s->timelines[t].parent;
    return t == of;
}

/* The newest row that was acknowledged in the history of `timeline`. */
static uint64_t acknowledged_lsn(const struct world_service *s, uint32_t timeline)
{
    uint64_t limit = UINT64_MAX;
    for (uint32_t t = timeline; t != 0; t = s->timelines[t].parent) {
        uint64_t lsn = s->timelines[t].acknowledged_lsn;
        if (lsn != 0)
            return lsn < limit ? lsn : limit;
        limit = s->timelines[t].fork_lsn < limit ? s->timelines[t].fork_lsn : limit;
    }
    return 0;
}

/* `followed`: the new writer was a standby of the last one's own timeline when the last commit was acknowledged.
 * A commit waits for those; a writer that has none yet, just promoted, waits for nobody, and its rows are worth
 * what was said. */
struct loss {
    uint32_t from, to; /* timelines */
    uint64_t bytes;    /* acknowledged in one and not in the other's history */
    bool followed;
};

static const struct truth_loss *estimate_of(const struct truth *t, uint64_t operation)
{
    for (size_t i = 0; i < TRUTH_LOSSES; i++)
        if (operation != 0 && t->losses[i].operation == operation)
            return &t->losses[i];
    return NULL;
}

/* The grant under which the region writes now; its lease may run on for a while when the next begin is
 * chosen. */
static const struct ledger *grant_of(const struct truth *t, region_id region)
{
    uint64_t epoch = t->chosen[t->top].epoch;
    for (uint64_t v = t->top; v > 0 && t->chosen[v].epoch + 1 >= epoch; v--)
        if (t->chosen[v].writer == region && operation_moves(t->chosen[v].operation.kind))
            return &t->chosen[v];
    return NULL;
}

static bool skipped(const struct ledger_operation *op, enum gate_id gate)
{
    return (op->skipped_gates >> gate & 1u) != 0;
}

/* How much earlier than it was heard a position may have been read. */
static int64_t looked_late_us(const struct world *w, uint8_t service, const struct truth_loss *said)
{
    const struct service_policy *policy = &w->hosts[said->host].config.services[service];
    for (uint8_t c = 0; c < policy->check_count; c++)
        if (policy->checks[c].kind == CHECK_POSTGRES)
            return policy->checks[c].interval_us + truth_slack_us(w);
    return truth_slack_us(w);
}

/* What an estimate allows: the bytes said, and all that the writer can have written since it was looked at. */
static uint64_t allowed_by(const struct world *w, uint8_t service, const struct truth_loss *said)
{
    if (said == NULL || said->bytes < 0)
        return 0;
    const struct host *h = &w->hosts[said->host];
    int64_t age = said->age_us > 0 ? truth_longest_us(h, said->age_us) : 0;
    age += looked_late_us(w, service, said);
    return (uint64_t)said->bytes + (uint64_t)(age / US_PER_S + 1) * WORLD_WRITE_BYTES_PER_S;
}

/* An operation may be overtaken when its target was promoted already and had not opened: the next one measures against
 * that, and what both said is what was lost since clients last wrote. */
static uint64_t allowed_on_the_way(const struct world *w, uint8_t service, const struct loss *loss,
                                   const struct ledger_operation *op)
{
    const struct world_service *s = &w->services[service];
    uint64_t allowed = allowed_by(w, service, estimate_of(s->truth, op->id));
    for (uint32_t a = loss->to; a != 0 && !in_history(s, loss->from, a); a = s->timelines[a].parent)
        if (s->timelines[a].operation != op->id)
            allowed += allowed_by(w, service, estimate_of(s->truth, s->timelines[a].operation));
    return allowed;
}

/* The guard that was granted last when it began worked the same region's database. */
static bool follows_its_own_grant(const struct world *w, uint8_t service, const struct ledger_operation *op)
{
    const struct truth *t = w->services[service].truth;
    uint64_t v = t->top;
    while (v > 0 && !(t->chosen[v].operation.id == op->id && t->chosen[v].operation.phase == PHASE_BEGUN))
        v--;
    node_id guard = v > 0 ? t->chosen[v].guard.node : NODE_NONE;
    return guard < w->host_count && w->hosts[guard].region == op->to;
}

/* Of the time that was allowed. Clients write at one pace and no faster, so that the bytes tell how long it took to
 * write them, whatever the operation says. A time that nobody knew nobody allowed. */
static void check_time(struct world *w, uint8_t service, const struct ledger_operation *op,
                       const struct truth_loss *said)
{
    const struct host *h = &w->hosts[said->host];
    int64_t rpo = h->config.services[service].rpo_us;
    rpo = w->services[service].policy.rpo_us > rpo ? w->services[service].policy.rpo_us : rpo;
    int64_t limit = op->accepted_loss_us >= 0 ? op->accepted_loss_us : rpo;
    int64_t took = said->bytes / WORLD_WRITE_BYTES_PER_S * US_PER_S;
    if (said->us < 0 && said->bytes > 0)
        world_break(w, INVARIANT_LOSS, "%lld bytes are said to be lost, and nobody knew of how long",
                    (long long)said->bytes);
    else if (said->us > limit || took > truth_longest_us(h, limit) + looked_late_us(w, service, said))
        world_break(w, INVARIANT_LOSS, "%.1fs are said to be lost, it took %.1fs to write that, and %.1fs were allowed",
                    (double)said->us / 1e6, (double)took / 1e6, (double)limit / 1e6);
}

static void check_estimate(struct world *w, uint8_t service, const struct loss *loss,
                           const struct ledger_operation *op, const struct truth_loss *said)
{
    if (loss->bytes > allowed_on_the_way(w, service, loss, op))
        world_break(w, INVARIANT_LOSS, "%llu acknowledged bytes are lost, and %lld were estimated",
                    (unsigned long long)loss->bytes, (long long)said->bytes);
    int64_t rpo = w->hosts[said->host].config.services[service].rpo_bytes;
    rpo = w->services[service].policy.rpo_bytes > rpo ? w->services[service].policy.rpo_bytes : rpo;
    int64_t limit = op->accepted_loss_bytes >= 0 ? op->accepted_loss_bytes : rpo;
    /* Another guard of a region that was granted already: what is lost was lost before. */
    if (follows_its_own_grant(w, service, op) || skipped(op, GATE_LOSS_WITHIN_RPO))
        return;
    check_time(w, service, op, said);
    if (said->bytes > limit)
        world_break(w, INVARIANT_LOSS, "%lld bytes are said to be lost, and %lld were allowed",
                    (long long)said->bytes, (long long)limit);
}

static void check_lost(struct world *w, uint8_t service, region_id region, const struct loss *loss)
{
    const struct truth *t = w->services[service].truth;
    const struct ledger *l = t->top > 0 ? grant_of(t, region) : NULL;
    if (l == NULL) {
        world_break(w, INVARIANT_LOSS, "%s goes on without %llu acknowledged bytes, and no "
                    "operation said so", truth_region(w, region), (unsigned long long)loss->bytes);
        return;
    }
    const struct ledger_operation *op = &l->operation;
    /* Of a switchover nothing is lost, whatever gate was skipped; one that was taken back after its grant was
     * caught up before that. */
    if (operation_planned(op->kind)) {
        world_break(w, INVARIANT_LOSS, "%llu acknowledged bytes are lost by a switchover",
                    (unsigned long long)loss->bytes);
        return;
    }
    bool by_name = skipped(op, GATE_LOSS_WITHIN_RPO) || skipped(op, GATE_TARGET_STREAMING);
    if (w->options.synchronous && loss->followed && !by_name && !skipped(op, GATE_FENCE) &&
        op->accepted_loss_bytes < 0 && op->accepted_loss_us < 0) {
        world_break(w, INVARIANT_LOSS, "%llu acknowledged bytes of synchronous commits are lost",
                    (unsigned long long)loss->bytes);
        return;
    }
    /* A standby that is not of the writer's timeline can't be measured against it. */
    if (skipped(op, GATE_TARGET_STREAMING))
        return;
    const struct truth_loss *said = estimate_of(t, op->id);
    if (said != NULL && said->bytes >= 0)
        check_estimate(w, service, loss, op, said);
    else if (!skipped(op, GATE_LOSS_WITHIN_RPO))
        world_break(w, INVARIANT_LOSS, "%llu acknowledged bytes are lost, and nobody had estimated "
                    "them", (unsigned long long)loss->bytes);
}

void truth_opened(struct world *w, uint8_t service, region_id region)
{
    struct world_service *s = &w->services[service];
    struct truth *t = s->truth;
    uint32_t now = s->databases[region].timeline;
    if (now == t->head || now == 0 || now >= WORLD_TIMELINES_MAX)
        return;
    world_settle(w);
    uint64_t had = acknowledged_lsn(s, t->head), keeps = common_lsn(s, t->head, now);
    bool followed = s->timelines[now].parent == t->head && had > s->timelines[now].joined_lsn;
    uint32_t before = t->head;
    t->head = now;
    t->made |= UINT64_C(1) << now; /* whoever made it, the register names it now */
    if (had > keeps && !truth_apart_by_glass(s, before, now))
        check_lost(w, service, region, &(struct loss){ before, now, had - keeps, followed });
}
