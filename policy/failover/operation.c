/* operation: carries out the plan of the operation that the ledger names, step by step.
 *
 * One node executes: the ledger's `executor`. What the register knows (begun, granted, over) is in
 * the ledger; everything between is asked for again by whoever goes on, since every act first finds
 * out whether it is done already. advance() is the one function that moves from step to step; each
 * step function looks at what is known and says WAIT, NEXT or BACK.
 *
 * Why an operation never makes two writers, and what each rule here is for:
 *  - grant is proposed only with a proof that the old writer acknowledges nothing (step_fence): its
 *    guard's own confirmation, or the wait below, which counts only where the kernel enforces it;
 *  - the wait is that of a register round of *this* process whose accept replies carried the ages,
 *    for exactly the ledger that is granted upon (wait_version): a takeover or a restart re-accepts
 *    and waits again;
 *  - grant is a compare-and-set behind the begin it was proven for, so whatever else became of the
 *    operation meanwhile makes it fail;
 *  - the target's own fence is confirmed shut before, so a promotion that completes late gives a
 *    database that nobody can enter; it opens only under the target's own lease (guard.c);
 *  - evidence, operation and ledger version are looked at again before every irreversible step.
 */
#include "policy/failover/dns_rule.h"
#include "policy/quorum/majority.h"
#include "policy/service.h"

#define ACT_RETRY_MIN_US (100 * US_PER_MS)
#define ACT_RETRY_MAX_US (5 * US_PER_S)
#define POLL_EVERY_US (500 * US_PER_MS)
#define HOOK_TRIES 3
#define THAW_DEADLINE_US (2 * US_PER_S)

enum step_said {
    STEP_WAITS,
    STEP_IS_DONE,
    STEP_GOES_BACK, /* run->abort_gate says why */
};

static struct operation_run *run_of(struct service *s)
{
    return &s->run;
}

/* ---- acts ---- */

static void say(struct operation_run *run, const char *words)
{
    policy_text_set(&run->detail, words);
}

/* The act of the present step, sent once and again after a backoff if it failed. Gives its result
 * when there is one that was not looked at yet. */
static const struct act_result *act_result_of(struct service *s, struct turn *turn,
                                              enum act_kind kind, int64_t deadline_us)
{
    struct operation_run *run = run_of(s);
    const struct ledger *l = service_ledger(s);
    if (run->answered && run->result.kind == kind) {
        run->answered = false;
        return &run->result;
    }
    if (run->in_flight && !mono_reached(turn->now, run->act_deadline)) {
        service_wake(s, run->act_deadline);
        return NULL;
    }
    if (!mono_reached(turn->now, run->retry_at)) {
        service_wake(s, run->retry_at);
        return NULL;
    }
    struct act *act = &effects_add(turn->effects, EFFECT_ACT)->as.act;
    *act = (struct act){
        .kind = kind,
        .key = { s->index, (uint8_t)run->step, ++run->attempt, l->epoch, run->id },
        .until = s->guard.lease.deadline,
        .deadline = mono_after(turn->now, deadline_us),
        .region = kind == ACT_THAW ? l->operation.from : l->operation.to,
        .zone = run->zone,
    };
    struct note *note = service_note(s, turn, NOTE_ACT_SENT);
    note->step = (uint8_t)run->step;
    note->a = kind;
    run->in_flight = true;
    run->answered = false;
    run->tries++;
    run->act_sent = turn->now;
    /* The shell answers by the act's deadline; a little later the act counts as lost. */
    run->act_deadline = mono_after(act->deadline, US_PER_S);
    return NULL;
}

static void retry_later(struct service *s, struct turn *turn, const struct act_result *result)
{
    struct operation_run *run = run_of(s);
    int64_t wait = ACT_RETRY_MIN_US << (run->tries < 6 ? run->tries : 6);
    if (wait > ACT_RETRY_MAX_US)
        wait = ACT_RETRY_MAX_US;
    run->retry_at = mono_after(turn->now, wait);
    run->detail = result->detail;
    struct note *note = service_note(s, turn, NOTE_STEP_RETRIED);
    note->step = (uint8_t)run->step;
    note->a = run->tries;
    note->b = result->outcome;
    note->detail = result->detail;
    service_wake(s, run->retry_at);
}

void operation_act_done(struct service *s, struct turn *turn, const struct act_result *result)
{
    struct operation_run *run = run_of(s);
    const struct ledger *l = service_ledger(s);
    bool ours = run->active && run->in_flight && result->key.operation == run->id &&
                result->key.step == run->step && result->key.attempt == run->attempt &&
                l != NULL && result->key.epoch == l->epoch;
    if (!ours)
        return; /* of a step, attempt or epoch that is over: it changes nothing any more */
    struct note *note = service_note(s, turn, NOTE_ACT_DONE);
    note->step = result->key.step;
    note->a = result->kind;
    note->b = result->outcome;
    note->c = mono_since(turn->now, run->act_sent);
    note->detail = result->detail;
    run->in_flight = false;
    run->answered = true;
    run->result = *result;
}

/* ---- evidence ---- */

/* Looked at again before what cannot be undone. The gates that were judged before begin and that
 * begin itself changes are left out: the fence has its own step, and time has passed. */
static enum gate_id evidence_gate(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    struct gate gates[GATE_COUNT];
    uint32_t not_again = (1u << GATE_OUTAGE_MIN) | (1u << GATE_COOLDOWN) | (1u << GATE_FENCE);
    /* With no way back the question is no longer whether the old writer's region is well, only
     * whether the target's data are good enough. */
    if (!ledger_may_abort(l))
        not_again |= (1u << GATE_MAJORITY_FAILED) | (1u << GATE_NOT_PAUSED);
    gates_judge(s, turn, s->home, l->operation.skipped_gates | not_again,
                l->operation.accepted_loss_bytes, gates);
    /* Our own shut fence may well fail the target's checks. What began to fail only since then is no
     * evidence against it; the database itself is looked at by the compare step. */
    struct gate *healthy = &gates[GATE_TARGET_HEALTHY];
    const struct region_verdict *home = &s->health.verdicts[s->home];
    bool before = home->verdict == VERDICT_FAILED && home->since.us < run_of(s)->shut_since.us;
    healthy->skipped = healthy->skipped || !before;
    return gates_first_shut(gates);
}

static enum step_said back(struct service *s, enum gate_id gate)
{
    run_of(s)->abort_gate = gate;
    return STEP_GOES_BACK;
}

/* So many voters see the region well that no majority against it is possible. Votes that are merely
 * missing (a voter that restarted judges anew from the first round) are waited for instead. */
static bool region_is_well(const struct service *s, const struct turn *turn, region_id region)
{
    uint8_t well = 0;
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct opinion *o = &s->health.opinions[region][n];
        if (node_in(turn->config->voters, n) && o->heard &&
            o->verdict.verdict == VERDICT_HEALTHY &&
            mono_since(turn->now, o->at) <= s->policy->evidence_max_age_us)
            well++;
    }
    uint8_t voters = set_size(turn->config->voters);
    return well > voters - majority_of(turn->config->voters);
}

/* A gate is shut and the old writer may still have its database back: is it time to say so? */
static enum step_said wait_or_go_back(struct service *s, struct turn *turn, enum gate_id shut)
{
    struct operation_run *run = run_of(s);
    bool missing = shut == GATE_MAJORITY_FAILED &&
                   !region_is_well(s, turn, service_ledger(s)->operation.from);
    if (!missing || run->overdue)
        return back(s, shut);
    say(run, "waiting for a majority's fresh evidence: some voters can't say yet");
    return STEP_WAITS;
}

/* ---- the steps ---- */

static enum step_said step_begin(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    const struct ledger *l = service_ledger(s);
    if (l->operation.kind == OPERATION_ADOPT)
        return STEP_IS_DONE;
    /* Known begun, but not by a round of this process: put it forward again to learn the ages. */
    if (s->wait_version == l->version) {
        run->wait_version = l->version;
        run->wait_until = s->wait_until;
        return STEP_IS_DONE;
    }
    struct ledger goal = ledger_takeover(l, s->guard.self);
    (void)service_propose(s, turn, &goal);
    say(run, "putting the operation forward again, to learn how long the old lease can run");
    return STEP_WAITS;
}

/* A step before the grant that waits for the target: the old writer does not wait with it for ever. */
static enum step_said wait_for_target(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (!ledger_may_abort(l))
        return STEP_WAITS;
    if (!l->operation.forced && region_is_well(s, turn, l->operation.from))
        return back(s, GATE_MAJORITY_FAILED);
    return run_of(s)->overdue ? back(s, GATE_TARGET_COORDINATOR) : STEP_WAITS;
}

static enum step_said step_shut(struct service *s, struct turn *turn)
{
    /* guard.c shuts the target of an operation by itself; this step waits for its proof. */
    if (s->guard.fence == FENCE_CONFIRMED && s->guard.wanted == ACT_FENCE_SHUT)
        return STEP_IS_DONE;
    run_of(s)->detail = s->guard.detail;
    return wait_for_target(s, turn);
}

static enum fence_proof fence_proof_now(struct service *s, struct turn *turn,
                                        const struct ledger *l)
{
    struct operation_run *run = run_of(s);
    if (guard_has_released(s, l))
        return PROOF_RELEASED;
    if (run->wait_version != l->version || !mono_reached(turn->now, run->wait_until))
        return PROOF_NONE;
    /* The same database under another guard: our own confirmed fence is its fence. */
    if (ledger_same_database(l, s->policy) && s->guard.fence == FENCE_CONFIRMED &&
        s->guard.wanted == ACT_FENCE_SHUT)
        return PROOF_RELEASED;
    if (l->fence == FENCE_ENFORCED && !l->keep_on_quorum_loss)
        return PROOF_LAPSED;
    if (s->policy->accept_unconfirmed_fence && !l->keep_on_quorum_loss)
        return PROOF_ACCEPTED;
    if ((l->operation.skipped_gates >> GATE_FENCE & 1u) != 0)
        return PROOF_PERSON;
    return PROOF_NONE;
}

static enum step_said step_fence(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    const struct ledger *l = service_ledger(s);
    if (run->wait_version != l->version)
        return step_begin(s, turn) == STEP_GOES_BACK ? STEP_GOES_BACK : STEP_WAITS;
    if (!run->wait_noted) {
        run->wait_noted = true;
        int64_t left = mono_since(run->wait_until, turn->now);
        service_note(s, turn, NOTE_WAITING_OUT)->a = left > 0 ? left : 0;
    }
    run->proof = fence_proof_now(s, turn, l);
    if (run->proof != PROOF_NONE) {
        service_note(s, turn, NOTE_FENCE_PROVEN)->a = run->proof;
        return STEP_IS_DONE;
    }
    if (!mono_reached(turn->now, run->wait_until)) {
        say(run, "waiting until the old writer's lease has run out");
        service_wake(s, run->wait_until);
    } else {
        say(run, "waiting for the old writer's guard to confirm its fence");
    }
    /* Nothing has been given away yet: a region that came back keeps its database. */
    enum gate_id shut = evidence_gate(s, turn);
    if (!l->operation.forced && ledger_may_abort(l) && shut != GATE_COUNT)
        return wait_or_go_back(s, turn, shut);
    if (run->overdue && ledger_may_abort(l))
        return back(s, GATE_FENCE);
    return STEP_WAITS;
}

static enum step_said step_freeze(struct service *s, struct turn *turn)
{
    const struct act_result *r =
        act_result_of(s, turn, ACT_FREEZE, s->policy->promote_deadline_us / 4);
    if (r == NULL)
        return wait_for_target(s, turn);
    /* Already promoted by an executor before us: there is nothing left to freeze. */
    if (r->outcome == ACT_DONE || (r->database.known && !r->database.in_recovery))
        return STEP_IS_DONE;
    retry_later(s, turn, r);
    return wait_for_target(s, turn);
}

static enum step_said step_compare(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    const struct act_result *r =
        act_result_of(s, turn, ACT_COMPARE, s->policy->promote_deadline_us / 4);
    if (r == NULL)
        return wait_for_target(s, turn);
    if (r->outcome != ACT_DONE || !r->database.known) {
        retry_later(s, turn, r);
        return wait_for_target(s, turn);
    }
    struct sighting *own = &s->health.sightings[s->home][turn_self(turn)];
    *own = run->target = (struct sighting){ true, turn->now, r->database };
    run->loss = loss_estimate(&s->health.writer_series, r->database.lsn, turn->now);
    struct note *note = service_note(s, turn, NOTE_LOSS_ESTIMATED);
    note->a = run->loss.known ? run->loss.bytes : -1;
    note->b = run->loss.us;
    note->c = run->loss.age_us;
    return STEP_IS_DONE;
}

static enum step_said step_grant(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    struct operation_run *run = run_of(s);
    if (l->operation.phase == PHASE_GRANTED)
        return STEP_IS_DONE;
    if (s->proposer.state != PROPOSER_IDLE)
        return STEP_WAITS;
    /* A promotion of an earlier grant of this operation may have happened: then the database is
     * no standby any more and there is no way back; its gates were judged then. */
    bool promoted = run->target.known && !run->target.facts.in_recovery;
    enum gate_id shut = promoted ? GATE_COUNT : evidence_gate(s, turn);
    if (shut != GATE_COUNT && ledger_may_abort(l))
        return wait_or_go_back(s, turn, shut);
    if (shut != GATE_COUNT && !promoted) {
        say(run, "a gate is shut and there is no way back: a person has to decide");
        return STEP_WAITS;
    }
    bool fenced = fence_proof_now(s, turn, l) != PROOF_NONE;
    bool shut_here = s->guard.ready && s->guard.fence == FENCE_CONFIRMED && s->guard.wanted == ACT_FENCE_SHUT;
    if (!fenced || !shut_here) {
        say(run, fenced ? "the target's own fence is not confirmed" : "the fence is not proven");
        return STEP_WAITS;
    }
    struct ledger goal = ledger_grant(l, s->policy, s->guard.self);
    (void)service_propose(s, turn, &goal);
    return STEP_WAITS;
}

static enum step_said step_lease(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (s->guard.lease.epoch == l->epoch && lease_held(&s->guard.lease, turn->now))
        return STEP_IS_DONE;
    say(run_of(s), "waiting for a majority to grant the lease");
    return STEP_WAITS;
}

static bool lease_is_ours(const struct service *s, const struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    return s->guard.lease.epoch == l->epoch && lease_held(&s->guard.lease, turn->now);
}

static enum step_said step_promote(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    if (!run->in_flight && !run->answered && !lease_is_ours(s, turn)) {
        say(run, "the lease was lost: it has to be held to promote");
        return STEP_WAITS;
    }
    const struct act_result *r = act_result_of(s, turn, ACT_PROMOTE, s->policy->promote_deadline_us);
    if (r == NULL)
        return STEP_WAITS;
    if (r->outcome == ACT_DONE)
        return STEP_IS_DONE;
    retry_later(s, turn, r);
    return STEP_WAITS;
}

static enum step_said step_open(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (s->guard.open_epoch != l->epoch) {
        s->guard.open_epoch = l->epoch;
        service_wake(s, turn->now); /* guard.c runs before this step: let it run again */
    }
    if (s->guard.fence == FENCE_OPEN && lease_is_ours(s, turn))
        return STEP_IS_DONE;
    run_of(s)->detail = s->guard.detail;
    return STEP_WAITS;
}

static enum step_said step_hooks(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    if (!s->policy->has_hooks)
        return STEP_IS_DONE;
    const struct act_result *r = act_result_of(s, turn, ACT_HOOKS, s->policy->hooks_deadline_us);
    if (r == NULL)
        return STEP_WAITS;
    if (r->outcome == ACT_DONE)
        return STEP_IS_DONE;
    retry_later(s, turn, r);
    /* The database serves; traffic must not wait for a hook that keeps failing. */
    return run->tries >= HOOK_TRIES ? STEP_IS_DONE : STEP_WAITS;
}

/* ---- DNS ---- */

static void dns_go(struct operation_run *run, enum dns_stage stage)
{
    run->dns_stage = stage;
    run->tries = 0;
    run->answered = false;
    run->in_flight = false;
    run->retry_at.us = 0;
}

static void dns_next_zone(struct operation_run *run)
{
    run->zone++;
    dns_go(run, DNS_STAGE_READ);
}

/* What stands in the way is noted once, not at every look. */
static void dns_rule_on(struct service *s, struct turn *turn, const struct act_result *r)
{
    struct operation_run *run = run_of(s);
    bool adopting = run->adopting || run->kind == OPERATION_ADOPT;
    enum dns_ruling ruling = dns_rule(service_ledger(s), r, adopting);
    bool news = ruling != run->ruling_noted;
    run->ruling_noted = (uint8_t)ruling;
    if (news || ruling == DNS_SUBMIT) {
        struct note *note = service_note(s, turn, NOTE_DNS_READ);
        note->a = r->mark;
        note->b = (int64_t)r->mark_epoch;
        note->c = ruling;
    }
    if (ruling == DNS_SUBMIT) {
        dns_go(run, DNS_STAGE_CONFIRM);
        run->confirm_from = turn->now;
        /* A renewal sent from here on is the quorum read that has to confirm us. */
        s->guard.next_renew = turn->now;
        service_wake(s, turn->now);
        return;
    }
    if (ruling == DNS_APPLIED) {
        /* Applied by us, its change id lost with the reply: that it is in force is proven at the
         * name servers by the verify step instead. */
        run->zone_without_id = true;
        dns_next_zone(run);
        return;
    }
    if (news)
        service_note(s, turn, NOTE_DNS_STOPPED)->a = ruling;
    static const char *const words[DNS_RULING_COUNT] = {
        [DNS_STALE] = "the zone shows a newer epoch than ours: this coordinator is stale",
        [DNS_ALARM] = "the zone shows our epoch under another operation: look at it",
        [DNS_UNADOPTED] = "the zone has no fence record: run failoverctl dns adopt",
        [DNS_FOREIGN] = "the fence record is not ours: check it, then failoverctl dns adopt",
        [DNS_ROLLED_BACK] = "the zone went back behind an epoch that was in force: dns adopt",
    };
    say(run, words[ruling] != NULL ? words[ruling] : "the zone may not be changed");
    run->retry_at = mono_after(turn->now, ACT_RETRY_MAX_US);
    service_wake(s, run->retry_at);
}

static void dns_read(struct service *s, struct turn *turn)
{
    const struct act_result *r = act_result_of(s, turn, ACT_DNS_READ, s->policy->dns_deadline_us / 4);
    if (r == NULL)
        return;
    if (r->outcome == ACT_DONE)
        dns_rule_on(s, turn, r);
    else
        retry_later(s, turn, r);
}

/* Nothing is submitted on what we believed earlier: a majority has to have granted us a renewal
 * that was sent after the zone was read, which it does only while we are the ledger's writer. */
static void dns_confirm(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    bool confirmed = s->guard.lease.confirmed.us >= run->confirm_from.us;
    if (confirmed && lease_is_ours(s, turn))
        dns_go(run, DNS_STAGE_SUBMIT);
    else
        say(run, "asking a majority whether we still are the writer before DNS is changed");
}

static void dns_submit(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    if (!run->in_flight && !run->answered && !lease_is_ours(s, turn)) {
        dns_go(run, DNS_STAGE_READ);
        return;
    }
    const struct act_result *r =
        act_result_of(s, turn, ACT_DNS_SUBMIT, s->policy->dns_deadline_us / 4);
    if (r == NULL)
        return;
    if (r->outcome == ACT_DONE) {
        dns_go(run, DNS_STAGE_POLL);
        return;
    }
    /* Refused, lost or in conflict: what is there now is read again before anything is sent. */
    uint32_t tries = run->tries;
    retry_later(s, turn, r);
    struct mono_time at = run->retry_at;
    dns_go(run, DNS_STAGE_READ);
    run->retry_at = r->outcome == ACT_RETRY || r->outcome == ACT_REFUSED ? at : turn->now;
    service_wake(s, run->retry_at);
    run->tries = tries;
}

static void dns_poll(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    const struct act_result *r = act_result_of(s, turn, ACT_DNS_POLL, s->policy->dns_deadline_us / 4);
    if (r == NULL)
        return;
    if (r->outcome == ACT_DONE && r->insync) {
        dns_next_zone(run);
        return;
    }
    if (r->outcome == ACT_UNKNOWN) { /* the change id is not known any more */
        dns_go(run, DNS_STAGE_READ);
        return;
    }
    if (r->outcome != ACT_DONE) {
        retry_later(s, turn, r);
        return;
    }
    run->tries = 0;
    run->retry_at = mono_after(turn->now, POLL_EVERY_US);
    service_wake(s, run->retry_at);
    say(run, "the change is PENDING: waiting for INSYNC");
}

static void (*const dns_stage_functions[DNS_STAGE_COUNT])(struct service *, struct turn *) = {
    [DNS_STAGE_READ] = dns_read,
    [DNS_STAGE_CONFIRM] = dns_confirm,
    [DNS_STAGE_SUBMIT] = dns_submit,
    [DNS_STAGE_POLL] = dns_poll,
};

static enum step_said step_cut_over(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    if (run->zone >= s->policy->zone_count) {
        run->zone = 0;
        return STEP_IS_DONE;
    }
    /* Stages follow each other without waiting for another event; none goes back to an earlier one
     * without an act in between, so their number bounds the loop. */
    for (int i = 0; i < DNS_STAGE_COUNT; i++) {
        enum dns_stage stage = run->dns_stage;
        uint8_t zone = run->zone;
        dns_stage_functions[stage](s, turn);
        if (run->zone >= s->policy->zone_count || (run->dns_stage == stage && run->zone == zone))
            break;
    }
    if (run->zone >= s->policy->zone_count)
        return step_cut_over(s, turn);
    return STEP_WAITS;
}

static enum step_said step_verify(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    bool zones = run->zone < s->policy->zone_count;
    if (!zones && !s->policy->has_endpoints)
        return STEP_IS_DONE;
    enum act_kind kind = zones ? ACT_DNS_VERIFY : ACT_ENDPOINTS;
    const struct act_result *r = act_result_of(s, turn, kind, s->policy->verify_deadline_us / 4);
    if (r == NULL)
        return STEP_WAITS;
    if (r->outcome != ACT_DONE) {
        retry_later(s, turn, r);
        return STEP_WAITS;
    }
    if (!zones)
        return STEP_IS_DONE;
    run->zone++;
    run->tries = 0;
    service_wake(s, turn->now);
    return STEP_WAITS;
}

static enum step_said step_finish(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    struct ledger goal = ledger_finish(l, s->policy->zone_count > 0, turn->wall);
    (void)service_propose(s, turn, &goal);
    return STEP_WAITS; /* the ledger without the operation ends the run */
}

static enum step_said step_undo(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    /* Only what was frozen streams no more; a thaw that keeps failing must not keep the old writer
     * from coming back: status and the watch over the standby's streaming say what is left. */
    const struct act_result *r = act_result_of(s, turn, ACT_THAW, THAW_DEADLINE_US);
    if (r == NULL)
        return STEP_WAITS;
    bool thawed = r->outcome == ACT_DONE || (r->database.known && !r->database.frozen);
    if (thawed || run->tries >= HOOK_TRIES)
        return STEP_IS_DONE;
    retry_later(s, turn, r);
    return STEP_WAITS;
}

static enum step_said step_abort(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (ledger_may_abort(l)) {
        struct ledger goal = ledger_abort(l, turn->wall);
        (void)service_propose(s, turn, &goal);
    }
    return STEP_WAITS;
}

typedef enum step_said step_function(struct service *s, struct turn *turn);

static step_function *const step_functions[STEP_COUNT] = {
    [STEP_BEGIN] = step_begin,     [STEP_SHUT] = step_shut,     [STEP_FENCE] = step_fence,
    [STEP_FREEZE] = step_freeze,   [STEP_COMPARE] = step_compare, [STEP_GRANT] = step_grant,
    [STEP_LEASE] = step_lease,     [STEP_PROMOTE] = step_promote, [STEP_OPEN] = step_open,
    [STEP_HOOKS] = step_hooks,     [STEP_CUT_OVER] = step_cut_over,
    [STEP_VERIFY] = step_verify,   [STEP_FINISH] = step_finish, [STEP_UNDO] = step_undo,
    [STEP_ABORT] = step_abort,
};

/* ---- moving ---- */

/* The only place that changes the step. */
static void enter(struct service *s, struct turn *turn, enum step_id step)
{
    struct operation_run *run = run_of(s);
    if (run->step != STEP_NONE && run->step != step) {
        struct note *done = service_note(s, turn, NOTE_STEP_DONE);
        done->step = (uint8_t)run->step;
        done->a = mono_since(turn->now, run->step_started);
    }
    if (step == STEP_SHUT)
        run->shut_since = turn->now;
    run->step = step;
    run->step_started = turn->now;
    int64_t limit = plan_deadline_us(s->policy, step);
    int64_t wait = mono_since(run->wait_until, turn->now);
    if (step == STEP_FENCE && run->wait_version != 0 && wait > 0)
        limit += wait;
    run->step_deadline = mono_after(turn->now, limit);
    run->overdue = false;
    run->in_flight = run->answered = false;
    run->tries = 0;
    run->retry_at.us = 0;
    run->zone = 0;
    run->dns_stage = DNS_STAGE_READ;
    run->detail = (struct policy_text){ "" };
    struct note *note = service_note(s, turn, NOTE_STEP_STARTED);
    note->step = (uint8_t)step;
}

static enum step_id step_after(enum operation_kind kind, enum step_id step)
{
    if (step == STEP_UNDO)
        return STEP_ABORT;
    const struct plan_step *row = plan_find(kind, step);
    return row != NULL ? row[1].step : STEP_NONE;
}

static void go_back(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    struct note *note = service_note(s, turn, NOTE_OPERATION_ABORTED);
    note->a = run->step;
    note->b = run->abort_gate;
    enter(s, turn, STEP_UNDO);
}

static void check_overdue(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    if (run->overdue)
        return;
    if (!mono_reached(turn->now, run->step_deadline)) {
        service_wake(s, run->step_deadline);
        return;
    }
    run->overdue = true;
    struct note *note = service_note(s, turn, NOTE_STEP_OVERDUE);
    note->step = (uint8_t)run->step;
    note->detail = run->detail;
}

static void advance(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    check_overdue(s, turn);
    /* Each pass leaves a step for good, so their number bounds the loop. */
    for (int i = 0; i < STEP_COUNT; i++) {
        step_function *step = step_functions[run->step];
        policy_ensure(step != NULL);
        enum step_said said = step(s, turn);
        if (said == STEP_WAITS)
            return;
        if (said == STEP_GOES_BACK) {
            go_back(s, turn);
            continue;
        }
        enter(s, turn, step_after(run->kind, run->step));
    }
}

/* ---- taking up and leaving ---- */

static void take_up(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct operation_run *run = run_of(s);
    *run = (struct operation_run){
        .active = true,
        .id = l->operation.id,
        .kind = l->operation.kind,
        .started = turn->now,
        .abort_gate = GATE_COUNT,
    };
    bool began_here = s->proposed_operation == l->operation.id;
    struct note *note =
        service_note(s, turn, began_here ? NOTE_OPERATION_BEGUN : NOTE_OPERATION_TAKEN);
    note->region = l->operation.to;
    note->a = l->operation.from;
    note->node = turn_self(turn);
    /* A fence or a grant from before says nothing about this process's own fence and lease: begin
     * again where the register is, and let each step find out what is done. */
    enter(s, turn, l->operation.phase == PHASE_GRANTED && l->operation.kind == OPERATION_FAILOVER
                       ? STEP_LEASE
                       : STEP_BEGIN);
}

static void leave(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct operation_run *run = run_of(s);
    bool over = l->operation.kind == OPERATION_NONE && l->last_operation == run->id;
    if (over) {
        struct note *step = service_note(s, turn, NOTE_STEP_DONE);
        step->step = (uint8_t)run->step;
        step->operation = run->id;
        step->a = mono_since(turn->now, run->step_started);
    }
    struct note *note = service_note(s, turn, NOTE_OPERATION_LEFT);
    if (over && l->last_outcome == OUTCOME_DONE)
        note->kind = NOTE_OPERATION_DONE;
    note->operation = run->id;
    note->node = l->operation.executor;
    note->region = l->writer;
    note->a = mono_since(turn->now, run->started);
    note->b = run->loss.known ? run->loss.bytes : run->kind == OPERATION_ADOPT ? 0 : -1;
    note->c = run->loss.us;
    run->active = false;
}

/* A silent executor's operation is taken over by another coordinator of the target region, the
 * first of them that is heard, after a pause that grows with its rank. */
static bool may_take_over(struct service *s, struct turn *turn, const struct ledger *l)
{
    node_id executor = l->operation.executor;
    /* An adoption goes with the named guard's lease: nobody else could carry it out. */
    if (l->operation.kind != OPERATION_FAILOVER || !s->guard.mine || !s->guard.ready ||
        l->operation.to != s->home || executor == turn_self(turn) || turn_heard(turn, executor))
        return false;
    for (node_id n = 0; n < turn_self(turn); n++)
        if (n != executor && node_in(s->policy->regions[s->home].guards, n) &&
            turn_heard(turn, n) && s->remotes[n].guard_ready)
            return false;
    return true;
}

/* With no coordinator of the target left and nothing granted, the old writer's own coordinator
 * takes its region back, if it is well: the region serves, and nobody else can have been named. */
static bool may_call_back(struct service *s, struct turn *turn, const struct ledger *l)
{
    if (!s->guard.mine || !ledger_may_abort(l) || l->operation.from != s->home ||
        !instance_equal(l->guard, s->guard.self) ||
        s->health.verdicts[s->home].verdict == VERDICT_FAILED)
        return false;
    for (node_id n = 0; n < turn->config->node_count; n++)
        if (node_in(s->policy->regions[l->operation.to].guards, n) && turn_heard(turn, n))
            return false;
    return true;
}

/* A failover that was put in motion towards a region that is now silent is rescued by whoever may. */
static void rescue(struct service *s, struct turn *turn, const struct ledger *l)
{
    if (may_take_over(s, turn, l)) {
        struct ledger goal = ledger_takeover(l, s->guard.self);
        (void)service_propose(s, turn, &goal);
    } else if (may_call_back(s, turn, l)) {
        struct ledger goal = ledger_abort(l, turn->wall);
        if (!service_propose(s, turn, &goal))
            return;
        struct note *note = service_note(s, turn, NOTE_OPERATION_ABORTED);
        note->a = STEP_ABORT;
        note->b = GATE_TARGET_COORDINATOR;
    }
}

bool operation_adopt_zone(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    bool waits = run->active && run->step == STEP_CUT_OVER &&
                 (run->ruling_noted == DNS_UNADOPTED || run->ruling_noted == DNS_FOREIGN ||
                  run->ruling_noted == DNS_ROLLED_BACK);
    if (!waits)
        return false;
    run->adopting = true;
    run->retry_at = turn->now;
    return true;
}

/* A standby whose WAL receipt was frozen for an operation that went on without it, or was given up by
 * others, streams again: nobody else would ever tell it to. Once asked for, its database's facts say
 * when it is done. */
static void thaw_own_standby(struct service *s, struct turn *turn, const struct ledger *l)
{
    const struct sighting *own = &s->health.sightings[s->home][turn_self(turn)];
    bool target = l->operation.kind == OPERATION_FAILOVER && l->operation.to == s->home;
    bool frozen = own->known && own->facts.in_recovery && own->facts.frozen &&
                  mono_since(turn->now, own->at) <= s->policy->evidence_max_age_us;
    if (!s->guard.mine || s->run.active || target || !frozen || l->writer == REGION_NONE ||
        l->writer == s->home || !mono_reached(turn->now, s->thaw_at))
        return;
    s->thaw_at = mono_after(turn->now, ACT_RETRY_MAX_US);
    effects_add(turn->effects, EFFECT_ACT)->as.act = (struct act){
        .kind = ACT_THAW,
        .key = { s->index, STEP_UNDO, 0, l->epoch, 0 },
        .deadline = mono_after(turn->now, THAW_DEADLINE_US),
        .region = l->writer,
    };
}

void operation_run_step(struct service *s, struct turn *turn)
{
    struct operation_run *run = run_of(s);
    const struct ledger *l = service_ledger(s);
    if (l == NULL)
        return;
    bool ours = l->operation.kind != OPERATION_NONE && l->operation.executor == turn_self(turn);
    bool lost_grant = ours && l->operation.kind == OPERATION_FAILOVER &&
                      l->operation.phase == PHASE_GRANTED &&
                      !instance_equal(l->guard, s->guard.self);
    if (run->active && (!ours || l->operation.id != run->id))
        leave(s, turn, l);
    if (ours && s->guard.mine && lost_grant) {
        /* Granted to this node before it lost its store: another instance, another wait. */
        struct ledger goal = ledger_takeover(l, s->guard.self);
        (void)service_propose(s, turn, &goal);
        return;
    }
    if (ours && !run->active && s->guard.mine)
        take_up(s, turn, l);
    /* Sent back to its begin under us (a takeover of our own): the later steps are void. */
    const struct plan_step *row = plan_find(run->kind, run->step);
    if (run->active && l->operation.phase == PHASE_BEGUN && row != NULL && !row->back &&
        run->step != STEP_GRANT)
        enter(s, turn, STEP_BEGIN);
    /* A grant of ours that was taken for lost, and was found chosen when the register was asked for
     * something else (an abort, a takeover): from there it goes on, wherever the run stood. */
    bool before_grant = run->step == STEP_UNDO || run->step == STEP_ABORT ||
                        (row != NULL && row->back);
    if (run->active && run->kind == OPERATION_FAILOVER &&
        l->operation.phase == PHASE_GRANTED && before_grant)
        enter(s, turn, STEP_LEASE);
    if (run->active)
        advance(s, turn);
    else if (l->operation.kind != OPERATION_NONE && !ours)
        rescue(s, turn, l);
    thaw_own_standby(s, turn, l);
}
