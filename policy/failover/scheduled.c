/* scheduled: a switchover that a person ordered for a time to come.
 *
 * It stands in the ledger as a proposal until then, so it outlives whoever took the order, and every node shows it.
 * When the target's coordinator reads that time on its calendar and every gate of a switchover is open, it begins under
 * the id that the person was given. While one is shut, a pause's too, it is tried again, for a few minutes; then it is
 * withdrawn, as it is where nobody could look before: nobody expects it any more. Whatever moves the writer before
 * takes it away with its begin (ledger_begin()), and so does a person who declines it.
 *
 * A calendar that is wrong begins it early or late, and harms nobody: a switchover loses nothing whenever it comes, and
 * all that speaks against it now is judged now. Two coordinators that both begin meet at the register's
 * compare-and-set.
 */
#include "policy/service.h"

#define SCHEDULED_TRIES_US (300 * US_PER_S)

/* What the policy asks of an automatic failover's timing does not bind a person. */
#define PACE_GATES ((1u << GATE_OUTAGE_MIN) | (1u << GATE_COOLDOWN))

/* The first of the target's coordinators that is heard and able. */
static bool is_ours(const struct service *s, const struct turn *turn, const struct ledger_proposal *p)
{
    if (!s->guard.mine || !s->guard.ready || p->to != s->home)
        return false;
    for (node_id n = 0; n < turn_self(turn); n++)
        if (node_in(s->policy->regions[s->home].guards, n) && service_able(s, turn, n) && s->remotes[n].guard_ready)
            return false;
    return true;
}

static void withdraw(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct ledger goal = ledger_propose(l, &(struct ledger_proposal){ .state = PROPOSAL_NONE });
    (void)service_propose(s, turn, &goal);
}

static void begin(struct service *s, struct turn *turn, const struct ledger *l)
{
    const struct ledger_proposal *p = &l->proposal;
    s->proposed_operation = p->id;
    struct ledger goal = ledger_begin(l, &(struct begin_terms){
        .id = p->id,
        .kind = p->kind,
        .to = p->to,
        .executor = turn_self(turn),
        .forced = true,
        .skipped_gates = p->skipped_gates,
        .accepted_loss_bytes = -1, .accepted_loss_us = -1,
        .wall = turn->wall,
        .said = p->said,
    });
    (void)service_propose(s, turn, &goal);
}

/* Once for each gate that is found shut. */
static void note_shut(struct service *s, struct turn *turn, const struct gate *gate, enum gate_id shut)
{
    if (s->scheduled_shut == shut)
        return;
    s->scheduled_shut = shut;
    struct note *note = service_note(s, turn, NOTE_GATE_SHUT);
    note->region = s->home;
    note->a = shut;
    note->gate = *gate;
}

void scheduled_run(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (l == NULL || operation_moves(l->operation.kind) || !operation_planned(l->proposal.kind) || s->order.active ||
        s->proposer.state != PROPOSER_IDLE || !is_ours(s, turn, &l->proposal))
        return;
    const struct ledger_proposal *p = &l->proposal;
    int64_t late = turn->wall.us - p->due.us;
    if (p->state == PROPOSAL_DECLINED || l->writer != p->from || late >= SCHEDULED_TRIES_US) {
        withdraw(s, turn, l);
        return;
    }
    if (p->state != PROPOSAL_SCHEDULED || late < 0) {
        s->scheduled_shut = GATE_COUNT;
        service_wake(s, mono_after(turn->now, late < 0 ? -late : TIME_FOREVER_US));
        return;
    }
    struct gate gates[GATE_COUNT];
    gates_judge(s, turn, s->home, true, p->skipped_gates | PACE_GATES, NULL, gates);
    enum gate_id shut = gates_first_shut(gates);
    if (shut == GATE_COUNT) {
        begin(s, turn, l);
        return;
    }
    note_shut(s, turn, &gates[shut], shut);
    service_wake(s, mono_after(turn->now, turn->config->heartbeat_us));
}
