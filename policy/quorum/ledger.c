/* How a ledger may change: see ledger.h. */
#include "policy/quorum/ledger.h"

#include <string.h>

int ballot_compare(struct ballot a, struct ballot b)
{
    if (a.counter != b.counter)
        return a.counter < b.counter ? -1 : 1;
    if (a.node != b.node)
        return a.node < b.node ? -1 : 1;
    if (a.restart != b.restart)
        return a.restart < b.restart ? -1 : 1;
    return 0;
}

bool instance_equal(struct instance a, struct instance b)
{
    return a.node == b.node && a.id == b.id;
}

static bool text_equal(const struct policy_text *a, const struct policy_text *b)
{
    for (size_t i = 0; i < sizeof a->s; i++) {
        if (a->s[i] != b->s[i])
            return false;
        if (a->s[i] == '\0')
            break; /* what follows was never agreed on */
    }
    return true;
}

static bool said_equal(const struct said *a, const struct said *b)
{
    return a->at.us == b->at.us && text_equal(&a->by, &b->by) && text_equal(&a->why, &b->why);
}

static bool pause_equal(const struct ledger_pause *a, const struct ledger_pause *b)
{
    return a->on == b->on && a->until.us == b->until.us && said_equal(&a->said, &b->said);
}

static bool proposal_equal(const struct ledger_proposal *a, const struct ledger_proposal *b)
{
    return a->state == b->state && a->kind == b->kind && a->id == b->id && a->from == b->from && a->to == b->to &&
           a->proposer == b->proposer && a->skipped_gates == b->skipped_gates && a->made.us == b->made.us &&
           a->due.us == b->due.us && said_equal(&a->said, &b->said);
}

static bool shift_equal(const struct shift *a, const struct shift *b)
{
    if (a->count != b->count || a->at != b->at || a->hold_us != b->hold_us)
        return false;
    for (size_t i = 0; i < SHIFT_STAGES_MAX; i++)
        if (a->percent[i] != b->percent[i])
            return false;
    return true;
}

static bool operation_equal(const struct ledger_operation *a, const struct ledger_operation *b)
{
    return a->kind == b->kind && a->phase == b->phase && a->id == b->id && a->from == b->from &&
           a->to == b->to && a->executor == b->executor &&
           a->may_return == b->may_return && a->forced == b->forced &&
           a->skipped_gates == b->skipped_gates &&
           a->accepted_loss_bytes == b->accepted_loss_bytes && a->accepted_loss_us == b->accepted_loss_us &&
           a->begun.us == b->begun.us && a->mark == b->mark &&
           a->wish == b->wish && said_equal(&a->said, &b->said) && shift_equal(&a->shift, &b->shift);
}

static bool same_reconciled(const struct ledger *a, const struct ledger *b)
{
    for (size_t i = 0; i < LEDGER_RECONCILED_MAX; i++)
        if (a->reconciled[i] != b->reconciled[i])
            return false;
    return true;
}

/* Field by field: padding bytes, and what follows the end of a text, hold nothing that was ever agreed on. */
static bool fields_equal(const struct ledger *a, const struct ledger *b)
{
    return a->version == b->version && a->epoch == b->epoch && a->writer == b->writer &&
           instance_equal(a->guard, b->guard) && a->guard_epoch == b->guard_epoch &&
           a->fence == b->fence &&
           a->keep_on_quorum_loss == b->keep_on_quorum_loss && pause_equal(&a->pause, &b->pause) &&
           a->lease_us == b->lease_us && a->longest_lease_us == b->longest_lease_us &&
           a->clock_error_ppm == b->clock_error_ppm && a->dns_epoch == b->dns_epoch &&
           proposal_equal(&a->proposal, &b->proposal) &&
           operation_equal(&a->operation, &b->operation) &&
           a->ticked_operation == b->ticked_operation && a->ticked == b->ticked &&
           a->last_operation == b->last_operation && a->last_outcome == b->last_outcome &&
           a->last_finished.us == b->last_finished.us && same_reconciled(a, b);
}

/* Nearly always one is a copy of the other, byte for byte, and then no field can differ. */
bool ledger_equal(const struct ledger *a, const struct ledger *b)
{
    return memcmp(a, b, sizeof *a) == 0 || fields_equal(a, b);
}

static const struct ledger_operation no_operation = {
    .kind = OPERATION_NONE, .phase = PHASE_NONE, .from = REGION_NONE, .to = REGION_NONE,
    .executor = NODE_NONE, .accepted_loss_bytes = -1, .accepted_loss_us = -1,
};

static const struct ledger_proposal no_proposal = {
    .state = PROPOSAL_NONE, .kind = OPERATION_NONE, .from = REGION_NONE, .to = REGION_NONE, .proposer = NODE_NONE,
};

bool shift_valid(const struct shift *shift)
{
    if (shift->count == 0)
        return shift->at == 0 && shift->hold_us == 0;
    if (shift->count > SHIFT_STAGES_MAX || shift->at >= shift->count ||
        shift->hold_us < 0 || shift->hold_us > LEDGER_HOLD_MAX_US)
        return false;
    for (uint8_t i = 0; i < shift->count; i++)
        if (shift->percent[i] > 100 || shift->percent[i] <= (i == 0 ? 0 : shift->percent[i - 1]))
            return false;
    return shift->percent[shift->count - 1] == 100;
}

static bool wish_valid(const struct ledger *ledger)
{
    const struct ledger_operation *op = &ledger->operation;
    return op->wish == WISH_GO || op->wish == WISH_HOLD ||
           (op->wish == WISH_BACK && (ledger_may_abort(ledger) || ledger_shifts(ledger)));
}

static bool proposal_valid(const struct ledger *ledger)
{
    const struct ledger_proposal *p = &ledger->proposal;
    if (p->state == PROPOSAL_NONE)
        return p->kind == OPERATION_NONE;
    return (unsigned)p->state < PROPOSAL_STATE_COUNT && operation_moves(p->kind) && p->id != 0 &&
           p->from < POLICY_REGIONS_MAX && p->to < POLICY_REGIONS_MAX && p->proposer < POLICY_NODES_MAX &&
           (p->kind == OPERATION_FAILOVER || !operation_moves(ledger->operation.kind));
}

static bool operation_valid(const struct ledger *ledger)
{
    const struct ledger_operation *op = &ledger->operation;
    switch (op->kind) {
    case OPERATION_NONE:
        return op->phase == PHASE_NONE && op->wish == WISH_GO && ledger->writer != REGION_NONE;
    case OPERATION_SWITCHOVER:
    case OPERATION_FAILBACK:
    case OPERATION_FAILOVER:
        if (op->id == 0 || !wish_valid(ledger) || !shift_valid(&op->shift) ||
            (op->kind != OPERATION_FAILBACK && op->shift.count > 0) || op->executor >= POLICY_NODES_MAX ||
            op->to >= POLICY_REGIONS_MAX || op->from >= POLICY_REGIONS_MAX)
            return false;
        return (op->phase == PHASE_BEGUN && ledger->writer == REGION_NONE) ||
               (op->phase == PHASE_GRANTED && ledger->writer == op->to &&
                ledger->guard.node == op->executor);
    case OPERATION_ADOPT:
        return op->id != 0 && op->executor < POLICY_NODES_MAX && op->phase == PHASE_GRANTED && wish_valid(ledger) &&
               ledger->writer != REGION_NONE && op->to == ledger->writer;
    case OPERATION_KIND_COUNT:
    default:
        return false;
    }
}

bool ledger_valid(const struct ledger *ledger)
{
    if (ledger->version == 0 || ledger->epoch == 0 || ledger->epoch > ledger->version)
        return false;
    if (ledger->writer != REGION_NONE && ledger->writer >= POLICY_REGIONS_MAX)
        return false;
    if (ledger->guard.node >= POLICY_NODES_MAX || ledger->guard_epoch == 0 ||
        ledger->guard_epoch > ledger->epoch)
        return false;
    if (ledger->fence != FENCE_GUARDED && ledger->fence != FENCE_ENFORCED)
        return false;
    if (ledger->lease_us <= 0 || ledger->longest_lease_us < ledger->lease_us ||
        ledger->longest_lease_us > LEDGER_LEASE_MAX_US)
        return false;
    if (ledger->clock_error_ppm > LEDGER_CLOCK_ERROR_MAX_PPM)
        return false;
    if (ledger->dns_epoch > ledger->epoch)
        return false;
    if (ledger->pause.until.us < 0 || (ledger->ticked_operation == 0 && ledger->ticked != 0))
        return false;
    return proposal_valid(ledger) && operation_valid(ledger);
}

/* Lease terms change only where a writer is named: at the first value and at a grant. */
static bool terms_equal(const struct ledger *a, const struct ledger *b)
{
    return a->fence == b->fence && a->keep_on_quorum_loss == b->keep_on_quorum_loss &&
           a->lease_us == b->lease_us && a->longest_lease_us == b->longest_lease_us &&
           a->clock_error_ppm == b->clock_error_ppm;
}

static bool same_guard(const struct ledger *a, const struct ledger *b)
{
    return instance_equal(a->guard, b->guard) && a->guard_epoch == b->guard_epoch;
}

/* Nothing is planned on top of what may have been granted: only a settled writer has all its rows. What a takeover
 * sends back to its begin stays what it was, with no way back. */
static bool plan_follows(const struct ledger *now, const struct ledger *next)
{
    bool fresh = !operation_moves(now->operation.kind) && next->operation.forced &&
                 next->operation.from == now->writer && next->operation.to != now->writer;
    bool taken_over = now->operation.kind == next->operation.kind && now->operation.id == next->operation.id &&
                      now->operation.phase == PHASE_GRANTED && !next->operation.may_return &&
                      shift_equal(&now->operation.shift, &next->operation.shift);
    return fresh || taken_over;
}

static bool begin_follows(const struct ledger *now, const struct ledger *next)
{
    bool planned = operation_planned(next->operation.kind);
    return operation_moves(next->operation.kind) && (!planned || plan_follows(now, next)) &&
           next->operation.phase == PHASE_BEGUN && next->epoch == now->epoch + 1 &&
           same_guard(now, next) && terms_equal(now, next) && same_reconciled(now, next) &&
           (next->operation.mark == 0 || !next->operation.may_return);
}

static struct ledger with_reconciled(const struct ledger *now, uint64_t mark)
{
    struct ledger next = *now;
    if (mark == 0 || ledger_is_reconciled(now, mark))
        return next;
    for (size_t i = LEDGER_RECONCILED_MAX - 1; i > 0; i--)
        next.reconciled[i] = next.reconciled[i - 1];
    next.reconciled[0] = mark;
    return next;
}

/* A mark that was ended stays so, and at most this one joins. */
static bool reconciled_follows(const struct ledger *now, const struct ledger *next, uint64_t mark)
{
    struct ledger joined = with_reconciled(now, mark);
    return same_reconciled(now, next) || same_reconciled(&joined, next);
}

static bool grant_follows(const struct ledger *now, const struct ledger *next)
{
    return now->operation.phase == PHASE_BEGUN && next->operation.phase == PHASE_GRANTED &&
           (now->operation.wish == WISH_GO || ledger_shifts(now)) &&
           next->operation.kind == now->operation.kind &&
           next->operation.id == now->operation.id && next->operation.to == now->operation.to &&
           next->operation.executor == now->operation.executor &&
           shift_equal(&next->operation.shift, &now->operation.shift) &&
           next->epoch == now->epoch + 1 && next->guard_epoch == next->epoch &&
           next->longest_lease_us >= now->longest_lease_us && next->operation.mark == now->operation.mark &&
           reconciled_follows(now, next, now->operation.mark);
}

static bool abort_follows(const struct ledger *now, const struct ledger *next)
{
    return ledger_may_abort(now) && next->operation.kind == OPERATION_NONE &&
           next->writer == now->operation.from && next->epoch == now->epoch + 1 &&
           instance_equal(next->guard, now->guard) && next->guard_epoch == next->epoch &&
           terms_equal(now, next) && same_reconciled(now, next);
}

/* Stages are entered one after the other, and what they are was said at begin. What was sent back stays so; but for
 * traffic alone, which may come again from the first stage. */
static bool shift_follows(const struct ledger *now, const struct ledger *next)
{
    const struct ledger_operation *was = &now->operation, *is = &next->operation;
    struct shift same = is->shift;
    same.at = was->shift.at;
    bool stays = is->shift.at == was->shift.at && (was->wish != WISH_BACK || is->wish == WISH_BACK);
    bool enters = ledger_may_shift(now) && is->wish != WISH_BACK && is->shift.at == was->shift.at + 1;
    bool again = ledger_shifts(now) && was->wish == WISH_BACK && is->wish == WISH_GO && is->shift.at == 0;
    return shift_equal(&same, &was->shift) && (stays || enters || again);
}

/* The writer and its epoch stay; only bookkeeping changes. */
static bool stays_follows(const struct ledger *now, const struct ledger *next)
{
    bool same_operation = next->operation.id == now->operation.id &&
                          next->operation.kind == now->operation.kind &&
                          next->operation.phase == now->operation.phase &&
                          next->operation.mark == now->operation.mark && shift_follows(now, next);
    bool ends = next->operation.kind == OPERATION_NONE && now->operation.phase == PHASE_GRANTED &&
                ledger_shift_over(now);
    bool adopts = now->operation.kind == OPERATION_NONE &&
                  next->operation.kind == OPERATION_ADOPT;
    return (same_operation || ends || adopts) && next->epoch == now->epoch &&
           next->writer == now->writer && same_guard(now, next) && terms_equal(now, next) &&
           reconciled_follows(now, next, next->reconciled[0]);
}

bool ledger_follows(const struct ledger *now, const struct ledger *next)
{
    if (!ledger_valid(next))
        return false;
    if (now == NULL)
        return next->version == 1 && next->epoch == 1 && next->operation.kind == OPERATION_NONE;
    if (next->version != now->version + 1 || next->dns_epoch < now->dns_epoch)
        return false;
    return begin_follows(now, next) || grant_follows(now, next) || abort_follows(now, next) ||
           stays_follows(now, next);
}

struct ledger ledger_first(const struct service_policy *policy, struct instance guard)
{
    return (struct ledger){
        .version = 1,
        .epoch = 1,
        .writer = policy->initial_writer,
        .guard = guard,
        .guard_epoch = 1,
        .fence = policy->fence,
        .keep_on_quorum_loss = policy->keep_on_quorum_loss,
        .lease_us = policy->lease_us,
        .longest_lease_us = policy->lease_us,
        .clock_error_ppm = policy->clock_error_ppm,
        .proposal = no_proposal,
        .operation = no_operation,
    };
}

struct ledger ledger_begin(const struct ledger *now, const struct begin_terms *terms)
{
    struct ledger next = *now;
    /* A begin on top of a begin keeps the region that wrote last: nobody has written since. One on
     * top of a grant does so too, unless the granted region was seen to have become a primary. */
    bool settled = !operation_moves(now->operation.kind);
    bool wrote = now->writer != REGION_NONE && (settled || terms->granted_wrote);
    region_id from = wrote ? now->writer : now->operation.from;
    /* What a person began to end a broken glass ends nowhere but there: the old writer's region was refused because of
     * the mark, and to go back would open it beside writes that somebody has acknowledged. */
    bool may_return = terms->mark == 0 && (settled || ledger_may_abort(now));
    next.version++;
    next.epoch++;
    next.writer = REGION_NONE;
    next.operation = (struct ledger_operation){
        .kind = terms->kind,
        .phase = PHASE_BEGUN,
        .id = terms->id,
        .from = from,
        .to = terms->to,
        .executor = terms->executor,
        .may_return = may_return,
        .forced = terms->forced,
        .skipped_gates = terms->skipped_gates,
        .accepted_loss_bytes = terms->accepted_loss_bytes,
        .accepted_loss_us = terms->accepted_loss_us,
        .begun = terms->wall,
        .mark = terms->mark,
        .said = terms->said,
        .shift = terms->shift,
    };
    next.proposal = no_proposal;
    return next;
}

struct ledger ledger_grant(const struct ledger *now, const struct service_policy *policy,
                           struct instance guard)
{
    policy_ensure(now->operation.phase == PHASE_BEGUN);
    struct ledger next = with_reconciled(now, now->operation.mark);
    next.version++;
    next.epoch++;
    next.writer = now->operation.to;
    next.guard = guard;
    next.guard_epoch = next.epoch;
    next.fence = policy->fence;
    next.keep_on_quorum_loss = policy->keep_on_quorum_loss;
    next.lease_us = policy->lease_us;
    next.clock_error_ppm = policy->clock_error_ppm > now->clock_error_ppm
                               ? policy->clock_error_ppm
                               : now->clock_error_ppm;
    if (policy->lease_us > next.longest_lease_us)
        next.longest_lease_us = policy->lease_us;
    next.operation.phase = PHASE_GRANTED;
    return next;
}

struct ledger ledger_takeover(const struct ledger *now, struct instance executor)
{
    struct ledger next = *now;
    next.version++;
    next.operation.executor = executor.node;
    if (!operation_moves(now->operation.kind) || now->operation.phase != PHASE_GRANTED ||
        instance_equal(now->guard, executor))
        return next;
    /* The lease belongs to another instance: none may write until it has been waited out. */
    next.epoch++;
    next.writer = REGION_NONE;
    next.operation.phase = PHASE_BEGUN;
    /* `from` stays the region that wrote last: whether the target was ever opened is not known
     * here, and its data are still measured against that region's. */
    next.operation.may_return = false;
    if (now->operation.wish == WISH_BACK && !ledger_shifts(&next))
        next.operation.wish = WISH_GO;
    return next;
}

bool ledger_may_abort(const struct ledger *now)
{
    return operation_moves(now->operation.kind) && now->operation.phase == PHASE_BEGUN &&
           now->operation.may_return;
}

bool ledger_same_database(const struct ledger *now, const struct service_policy *policy)
{
    return operation_moves(now->operation.kind) &&
           now->operation.from == now->operation.to &&
           node_in(policy->regions[now->operation.to].guards, now->guard.node);
}

struct ledger ledger_abort(const struct ledger *now, struct wall_time wall)
{
    policy_ensure(ledger_may_abort(now));
    struct ledger next = *now;
    next.version++;
    next.epoch++;
    next.writer = now->operation.from;
    next.guard_epoch = next.epoch;
    next.last_operation = now->operation.id;
    next.last_outcome = OUTCOME_ABORTED;
    next.last_finished = wall;
    next.operation = no_operation;
    return next;
}

struct ledger ledger_finish(const struct ledger *now, bool dns_done, struct wall_time wall)
{
    struct ledger next = *now;
    next.version++;
    if (dns_done)
        next.dns_epoch = now->epoch;
    next.last_operation = now->operation.id;
    next.last_outcome = OUTCOME_DONE;
    /* The cooldown counts from moves of the writer; an adoption of DNS moves nothing. */
    if (operation_moves(now->operation.kind))
        next.last_finished = wall;
    next.operation = no_operation;
    return next;
}

struct ledger ledger_adopt(const struct ledger *now, uint64_t id, node_id executor,
                           struct wall_time wall)
{
    struct ledger next = *now;
    next.version++;
    next.operation = (struct ledger_operation){
        .kind = OPERATION_ADOPT,
        .phase = PHASE_GRANTED,
        .id = id,
        .from = now->writer,
        .to = now->writer,
        .executor = executor,
        .forced = true,
        .accepted_loss_bytes = -1, .accepted_loss_us = -1,
        .begun = wall,
    };
    return next;
}

/* ---- what people say ---- */

bool ledger_is_paused(const struct ledger *now, struct wall_time wall)
{
    return now->pause.on && (now->pause.until.us == 0 || wall.us < now->pause.until.us);
}

struct ledger ledger_pause(const struct ledger *now, bool on, struct wall_time until, const struct said *said)
{
    struct ledger next = *now;
    next.version++;
    next.pause = (struct ledger_pause){ on, on ? until : (struct wall_time){ 0 }, *said };
    return next;
}

struct ledger ledger_propose(const struct ledger *now, const struct ledger_proposal *proposal)
{
    policy_ensure(proposal->state == PROPOSAL_NONE || proposal->kind == OPERATION_FAILOVER ||
                  !operation_moves(now->operation.kind));
    struct ledger next = *now;
    next.version++;
    next.proposal = proposal->state == PROPOSAL_NONE ? no_proposal : *proposal;
    return next;
}

struct ledger ledger_answer(const struct ledger *now, enum proposal_state answer, const struct said *said)
{
    policy_ensure(now->proposal.state != PROPOSAL_NONE);
    struct ledger next = *now;
    next.version++;
    next.proposal.state = answer;
    next.proposal.said = *said;
    return next;
}

bool ledger_shifts(const struct ledger *now)
{
    const struct ledger_operation *op = &now->operation;
    return op->kind == OPERATION_FAILBACK && op->shift.count > 0 && (op->phase == PHASE_GRANTED || !op->may_return);
}

uint8_t ledger_share(const struct ledger *now)
{
    if (!ledger_shifts(now))
        return SHARE_ALL;
    return now->operation.wish == WISH_BACK ? 0 : now->operation.shift.percent[now->operation.shift.at];
}

bool ledger_shift_over(const struct ledger *now)
{
    return !ledger_shifts(now) ||
           (now->operation.wish != WISH_BACK && now->operation.shift.at + 1 == now->operation.shift.count);
}

bool ledger_may_wish(const struct ledger *now, enum operation_wish wish)
{
    if (now->operation.kind == OPERATION_NONE)
        return false;
    if (now->operation.wish == WISH_BACK)
        return ledger_shifts(now) && wish == WISH_GO;
    return wish != WISH_BACK || ledger_may_abort(now) || ledger_shifts(now);
}

struct ledger ledger_wish(const struct ledger *now, enum operation_wish wish, const struct said *said)
{
    policy_ensure(ledger_may_wish(now, wish));
    struct ledger next = *now;
    next.version++;
    if (now->operation.wish == WISH_BACK)
        next.operation.shift.at = 0; /* what was said back is tried again from the start */
    next.operation.wish = wish;
    next.operation.said = *said;
    return next;
}

bool ledger_may_shift(const struct ledger *now)
{
    return ledger_shifts(now) && now->operation.phase == PHASE_GRANTED && now->operation.wish != WISH_BACK &&
           now->operation.shift.at + 1 < now->operation.shift.count;
}

struct ledger ledger_shift(const struct ledger *now, const struct said *said)
{
    policy_ensure(ledger_may_shift(now));
    struct ledger next = *now;
    next.version++;
    next.operation.shift.at++;
    if (said != NULL) {
        next.operation.wish = WISH_GO;
        next.operation.said = *said;
    }
    return next;
}

struct ledger ledger_tick(const struct ledger *now, uint64_t operation, uint32_t items)
{
    struct ledger next = *now;
    next.version++;
    next.ticked = now->ticked_operation == operation ? now->ticked | items : items;
    next.ticked_operation = operation;
    return next;
}

/* ---- marks ---- */

bool ledger_is_reconciled(const struct ledger *now, uint64_t mark)
{
    for (size_t i = 0; i < LEDGER_RECONCILED_MAX; i++)
        if (mark != 0 && now->reconciled[i] == mark)
            return true;
    return false;
}

struct ledger ledger_reconcile(const struct ledger *now, uint64_t mark)
{
    policy_ensure(mark != 0);
    struct ledger next = with_reconciled(now, mark);
    next.version++;
    return next;
}
