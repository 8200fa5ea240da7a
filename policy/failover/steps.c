/* steps: what each step of an operation does, and when it is done.
 *
 * Each function looks at what is known and says WAIT, NEXT or BACK; it never moves the step (that is
 * operation.c) and never does anything twice: it looks first whether it is done. Why an operation never
 * makes two writers is argued at the top of operation.c; most of the rules are here.
 */
#include "policy/failover/steps.h"

#include "policy/quorum/majority.h"

#define ACT_RETRY_MIN_US (100 * US_PER_MS)
#define HOOK_TRIES 3
#define CATCH_UP_LOOK_US (50 * US_PER_MS)

/* ---- acts ---- */

void step_say(struct operation_run *run, const char *words)
{
    policy_text_set(&run->detail, words);
}

const struct act_result *step_act_result(struct service *s, struct turn *turn,
                                         enum act_kind kind, int64_t deadline_us)
{
    struct operation_run *run = &s->run;
    const struct ledger *l = service_ledger(s);
    const struct ledger_operation *op = &l->operation;
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
        .region = kind == ACT_THAW           ? op->from
                  : kind == ACT_FENCE_REMOTE ? cut_off_region(s, turn, l, s->home)
                                             : op->to,
        .zone = run->zone,
        .share = ledger_share(l),
        .from = op->from,
        .version = ledger_shifts(l) ? l->version : 0,
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

void step_retry_later(struct service *s, struct turn *turn, const struct act_result *result)
{
    struct operation_run *run = &s->run;
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

/* ---- evidence ---- */

/* Cutting the old region off is no smaller step than a grant: see cut_off.c. */
static bool may_go_back(const struct service *s, const struct ledger *l)
{
    return ledger_may_abort(l) && (!cut_off_proven(s, l) || s->run.overdue);
}

/* Looked at again before what cannot be undone. The gates that were judged before begin and that
 * begin itself changes are left out: the fence has its own step, and time has passed. */
static enum gate_id evidence_gate(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    struct gate gates[GATE_COUNT];
    uint32_t not_again = (1u << GATE_OUTAGE_MIN) | (1u << GATE_COOLDOWN) | (1u << GATE_FENCE);
    /* With no way back, or with the old writer's region cut off, the question is no longer whether that is
     * well, only whether the target's data are good enough. */
    bool planned = operation_planned(l->operation.kind) && ledger_may_abort(l);
    if (l->operation.forced)
        not_again |= 1u << GATE_NOT_PAUSED; /* judged at the order: a pause is about what begins by itself */
    if (!ledger_may_abort(l) || cut_off_proven(s, l))
        not_again |= (1u << GATE_MAJORITY_FAILED) | (1u << GATE_NOT_PAUSED) | (1u << GATE_BLAST_RADIUS);
    if (l->operation.forced) /* a person's goes before all that begin by themselves: see brake.c */
        not_again |= 1u << GATE_BLAST_RADIUS;
    struct loss_accepted accepted = { l->operation.accepted_loss_bytes, l->operation.accepted_loss_us };
    gates_judge(s, turn, s->home, planned, l->operation.skipped_gates | not_again, &accepted, gates);
    if (glass_is_alone(s, turn, l->operation.mark)) /* it ends the only mark by which anything may be open */
        gates[GATE_NO_MARK].open = true;
    /* Our own shut fence may well fail the target's checks. What began to fail only since then is no
     * evidence against it; the database itself is looked at by the compare step. */
    struct gate *healthy = &gates[GATE_TARGET_HEALTHY];
    const struct region_verdict *home = service_own_verdict(s, turn, s->home);
    bool before = home->verdict == VERDICT_FAILED && home->since.us < s->run.shut_since.us;
    healthy->skipped = healthy->skipped || !before;
    return gates_first_shut(gates);
}

static enum step_said back(struct service *s, enum gate_id gate)
{
    s->run.abort_gate = gate;
    return STEP_GOES_BACK;
}

/* No majority against it is possible. Votes that are merely missing (a voter that restarted judges anew from the
 * first round) are waited for instead. */
static bool region_is_well(const struct service *s, const struct turn *turn, region_id region)
{
    return tally_well(turn->voters, s->health.opinions[region], s->policy->evidence_max_age_us, turn->now);
}

/* A gate is shut and the old writer may still have its database back: is it time to say so? */
static enum step_said wait_or_go_back(struct service *s, struct turn *turn, enum gate_id shut)
{
    struct operation_run *run = &s->run;
    bool missing = shut == GATE_MAJORITY_FAILED &&
                   !region_is_well(s, turn, service_ledger(s)->operation.from);
    if (!missing || run->overdue)
        return back(s, shut);
    step_say(run, "waiting for a majority's fresh evidence: some voters can't say yet");
    return STEP_WAITS;
}

/* ---- the steps ---- */

void step_has_wait(struct service *s)
{
    struct operation_run *run = &s->run;
    bool waits = run->wait_version != 0 && (run->step == STEP_FENCE || run->step == STEP_GRANT);
    struct mono_time deadline = mono_after(run->wait_until, plan_deadline_us(s->policy, run->step));
    if (!waits || mono_reached(run->step_deadline, deadline))
        return;
    run->step_deadline = deadline;
    run->overdue = false;
}

static enum step_said step_begin(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    const struct ledger *l = service_ledger(s);
    if (l->operation.kind == OPERATION_ADOPT)
        return STEP_IS_DONE;
    /* Known begun, but not by a round of this process: put it forward again to learn the ages. */
    if (s->wait_version == l->version) {
        run->wait_version = l->version;
        run->wait_until = s->wait_until;
        step_has_wait(s);
        return STEP_IS_DONE;
    }
    struct ledger goal = ledger_takeover(l, s->guard.self);
    (void)service_propose(s, turn, &goal);
    step_say(run, "putting the operation forward again, to learn how long the old lease can run");
    return STEP_WAITS;
}

/* Another value than was waited for, since people said something meanwhile: its wait is learnt before anything rests on
 * it, by a round in which the step stays where it is. What voters tell has only grown older since, so that is all. */
static enum step_said wait_learnt_again(struct service *s, struct turn *turn)
{
    (void)step_begin(s, turn);
    return STEP_WAITS;
}

/* A step before the grant that waits for the target: the old writer does not wait with it for ever. */
static enum step_said wait_for_target(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (!may_go_back(s, l))
        return STEP_WAITS;
    if (!l->operation.forced && region_is_well(s, turn, l->operation.from))
        return back(s, GATE_MAJORITY_FAILED);
    return s->run.overdue ? back(s, GATE_TARGET_COORDINATOR) : STEP_WAITS;
}

static enum step_said step_shut(struct service *s, struct turn *turn)
{
    /* Our own mark holds it open until there is nothing left to wait for but the grant (step_grant). */
    if (glass_stands(s) && service_ledger(s)->operation.mark == glass_own(s)->id)
        return STEP_IS_DONE;
    /* guard.c shuts the target of an operation by itself; this step waits for its proof. */
    if (s->guard.fence == FENCE_CONFIRMED && s->guard.wanted == ACT_FENCE_SHUT)
        return STEP_IS_DONE;
    s->run.detail = s->guard.detail;
    return wait_for_target(s, turn);
}

static enum fence_proof fence_proof_now(struct service *s, struct turn *turn,
                                        const struct ledger *l)
{
    struct operation_run *run = &s->run;
    /* Said once it stays true: that instance never renews that epoch again, even if its node is another by now. */
    if (guard_has_released(s, l))
        run->released_epoch = l->guard_epoch;
    if (run->released_epoch == l->guard_epoch)
        return PROOF_RELEASED;
    /* Nothing is lost only where the old writer's own guard has shut it and goes on saying what it wrote last. */
    if (operation_planned(l->operation.kind) && ledger_may_abort(l))
        return PROOF_NONE;
    if (run->wait_version != l->version || !mono_reached(turn->now, run->wait_until))
        return PROOF_NONE;
    /* The same database under another guard: our own confirmed fence is its fence. */
    if (ledger_same_database(l, s->policy) && s->guard.fence == FENCE_CONFIRMED &&
        s->guard.wanted == ACT_FENCE_SHUT)
        return PROOF_RELEASED;
    if (l->fence == FENCE_ENFORCED && !l->keep_on_quorum_loss)
        return PROOF_LAPSED;
    if (cut_off_proven(s, l)) /* with `keep` too: what confirmed is not the lapse */
        return PROOF_REMOTE;
    if (s->policy->accept_unconfirmed_fence && !l->keep_on_quorum_loss)
        return PROOF_ACCEPTED;
    if ((l->operation.skipped_gates >> GATE_FENCE & 1u) != 0)
        return PROOF_PERSON;
    return PROOF_NONE;
}

static enum step_said step_fence(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    const struct ledger *l = service_ledger(s);
    if (run->wait_version != l->version)
        return wait_learnt_again(s, turn);
    if (!run->wait_noted) {
        run->wait_noted = true;
        int64_t left = mono_since(run->wait_until, turn->now);
        service_note(s, turn, NOTE_WAITING_OUT)->a = left > 0 ? left : 0;
    }
    cut_off_take(s, turn);
    run->proof = fence_proof_now(s, turn, l);
    if (run->proof != PROOF_NONE) {
        service_note(s, turn, NOTE_FENCE_PROVEN)->a = run->proof;
        return STEP_IS_DONE;
    }
    bool waited = mono_reached(turn->now, run->wait_until);
    if (cut_off_runs(s, turn)) {
        service_wake(s, run->act_deadline);
        return STEP_WAITS; /* nothing is decided before it is known how that ended */
    }
    if (!waited) {
        step_say(run, "waiting until the old writer's lease has run out");
        service_wake(s, run->wait_until);
    } else if (run->tries == 0) {
        step_say(run, "waiting for the old writer's guard to confirm its fence");
    } /* else what the remote hook said last */
    /* Nothing has been given away yet: a region that came back keeps its database. */
    enum gate_id shut = evidence_gate(s, turn);
    if (!l->operation.forced && ledger_may_abort(l) && shut != GATE_COUNT)
        return wait_or_go_back(s, turn, shut);
    if (run->overdue && ledger_may_abort(l))
        return back(s, GATE_FENCE);
    if (waited)
        cut_off_ask(s, turn);
    return STEP_WAITS;
}

/* What the old writer's own guard read behind its fence. Said once it stays true. */
static void see_last(struct service *s, const struct ledger *l)
{
    struct operation_run *run = &s->run;
    const struct remote *r = &s->remotes[l->guard.node];
    if (run->last_known || !instance_equal(r->instance, l->guard) || r->last.epoch != l->guard_epoch)
        return;
    run->last_known = true;
    run->last_lsn = r->last.lsn;
    run->last_timeline = r->last.timeline;
}

static bool has_all(const struct operation_run *run, const struct sighting *target)
{
    return run->last_known && target->known && target->facts.in_recovery &&
           target->facts.timeline == run->last_timeline && target->facts.lsn >= run->last_lsn;
}

static enum step_said step_catch_up(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    const struct ledger *l = service_ledger(s);
    if (!ledger_may_abort(l))
        return STEP_IS_DONE; /* it had, before the grant that was taken back */
    struct sighting *own = &s->health.sightings[s->home][turn_self(turn)];
    see_last(s, l);
    const struct act_result *r =
        run->last_known ? step_act_result(s, turn, ACT_COMPARE, s->policy->promote_deadline_us / 4) : NULL;
    if (r != NULL && r->outcome == ACT_DONE && r->database.known)
        *own = (struct sighting){ true, turn->now, r->database };
    if (has_all(run, own))
        return STEP_IS_DONE;
    if (r != NULL) { /* seen to lack something yet: looked at again, less and less often */
        run->retry_at = mono_after(turn->now, CATCH_UP_LOOK_US << (run->tries < 4 ? run->tries : 4));
        service_wake(s, run->retry_at);
    }
    step_say(run, run->last_known ? "waiting until the target has all that the old writer acknowledged"
                                  : "waiting for the old writer's guard to say how far it wrote");
    return run->overdue ? back(s, GATE_LOSS_WITHIN_RPO) : STEP_WAITS;
}

static enum step_said step_freeze(struct service *s, struct turn *turn)
{
    s->run.froze = true;
    const struct act_result *r =
        step_act_result(s, turn, ACT_FREEZE, s->policy->promote_deadline_us / 4);
    if (r == NULL)
        return wait_for_target(s, turn);
    /* Already promoted by an executor before us: there is nothing left to freeze. */
    if (r->outcome == ACT_DONE || (r->database.known && !r->database.in_recovery))
        return STEP_IS_DONE;
    step_retry_later(s, turn, r);
    return wait_for_target(s, turn);
}

/* What has more than the target will not be able to follow it: said before it is too late to choose another. */
static void note_ahead(struct service *s, struct turn *turn, const struct database_facts *target)
{
    for (region_id r = 0; r < turn->config->region_count; r++) {
        const struct sighting *seen = service_sighting(s, r, NULL);
        if (r == s->home || seen == NULL || !s->policy->regions[r].serves || !target->in_recovery ||
            !seen->facts.in_recovery || seen->facts.timeline != target->timeline || seen->facts.lsn <= target->lsn)
            continue;
        struct note *note = service_note(s, turn, NOTE_STANDBY_AHEAD);
        note->region = r;
        note->a = (int64_t)(seen->facts.lsn - target->lsn);
    }
}

static enum step_said step_compare(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    const struct ledger *l = service_ledger(s);
    const struct act_result *r =
        step_act_result(s, turn, ACT_COMPARE, s->policy->promote_deadline_us / 4);
    if (r == NULL)
        return wait_for_target(s, turn);
    if (r->outcome != ACT_DONE || !r->database.known) {
        step_retry_later(s, turn, r);
        return wait_for_target(s, turn);
    }
    struct sighting *own = &s->health.sightings[s->home][turn_self(turn)];
    *own = run->target = (struct sighting){ true, turn->now, r->database };
    /* Promoted already, by an executor before us: what it lacked could be compared only before that. */
    run->loss = r->database.in_recovery ? watch_loss(s, turn, s->home, r->database.lsn)
                                        : (struct loss){ .known = false, .age_us = -1 };
    if (operation_planned(l->operation.kind) && ledger_may_abort(l)) {
        if (!has_all(run, own))
            return back(s, GATE_LOSS_WITHIN_RPO);
        /* What the old one still writes by itself behind its fence nobody was ever told of. */
        run->loss = (struct loss){ .known = true };
    }
    struct note *note = service_note(s, turn, NOTE_LOSS_ESTIMATED);
    note->a = run->loss.known ? run->loss.bytes : -1;
    note->b = loss_time(&run->loss);
    note->c = run->loss.age_us;
    note_ahead(s, turn, &r->database);
    return STEP_IS_DONE;
}

/* Another coordinator of our region works the same fence, and may not have heard of the operation: then it goes on
 * letting reads through on what it sees of the standby. Either it says that it has shut the fence too, knowing of the
 * operation; or no majority that had not accepted the begin has been heard there for so long that it stopped by itself
 * (guard_may_lag()), and what it let through last has run out. */
static struct mono_time others_until(const struct service *s, const struct turn *turn)
{
    return mono_after(s->run.started, (SILENT_HEARTBEATS + 1) * turn->config->heartbeat_us + guard_reads_us(s));
}

static bool others_are_shut(const struct service *s, const struct turn *turn, const struct ledger *l)
{
    if (mono_reached(turn->now, others_until(s, turn)))
        return true;
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct remote *r = &s->remotes[n];
        bool other = n != turn_self(turn) && node_in(s->policy->regions[s->home].guards, n);
        if (other && !(turn_heard(turn, n) && r->known_version >= l->version && r->fence == FENCE_CONFIRMED))
            return false;
    }
    return true;
}

/* A region that is open by a person's word comes under the lease before it is granted one: it gives its mark up, on its
 * disk, and is shut. Else a target that is cut off right after its grant would go on without a lease while others wait
 * out the one that the ledger gave it. True: there is nothing (any more) to give up. */
static bool gives_up_the_mark(struct service *s, struct turn *turn, const struct ledger *l)
{
    const struct mark *own = glass_own(s);
    if (own == NULL || own->id != l->operation.mark)
        return true;
    if (own->state == MARK_STANDS)
        glass_give(s, turn, NODE_NONE, s->home);
    step_say(&s->run, "shutting what a person's word held open, to open it again under the lease");
    return own->state == MARK_SHUT && s->glass.on_disk >= MARK_GIVEN;
}

static enum step_said step_grant(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    struct operation_run *run = &s->run;
    if (l->operation.phase == PHASE_GRANTED)
        return STEP_IS_DONE;
    if (s->proposer.state != PROPOSER_IDLE)
        return STEP_WAITS;
    /* A promotion of an earlier grant to our region may have happened: then the database is no standby
     * any more and there is no way back; its gates were judged then. A primary of ours where another
     * region was granted last is something else: one that wrote on its own, and its gates say so. */
    bool promoted = !ledger_may_abort(l) && turn->config->region_of[l->guard.node] == s->home &&
                    run->target.known && !run->target.facts.in_recovery;
    enum gate_id shut = promoted ? GATE_COUNT : evidence_gate(s, turn);
    if (shut != GATE_COUNT && may_go_back(s, l))
        return wait_or_go_back(s, turn, shut);
    if (shut != GATE_COUNT) {
        step_say(run, ledger_may_abort(l)
                          ? "a gate is shut, and the old writer's region is cut off: waiting for the target"
                          : "a gate is shut and there is no way back: a person has to decide");
        return STEP_WAITS;
    }
    if (operation_planned(l->operation.kind) && ledger_may_abort(l) && !has_all(run, &run->target))
        return back(s, GATE_LOSS_WITHIN_RPO);
    bool fenced = fence_proof_now(s, turn, l) != PROOF_NONE;
    if (!fenced && run->wait_version != l->version)
        return wait_learnt_again(s, turn);
    bool shut_here = s->guard.ready && s->guard.fence == FENCE_CONFIRMED && s->guard.wanted == ACT_FENCE_SHUT;
    if (!fenced && run->overdue && ledger_may_abort(l))
        return back(s, GATE_FENCE);
    bool marked = glass_stands(s) && glass_own(s)->id == l->operation.mark;
    if (!fenced || (!shut_here && !marked)) {
        step_say(run, fenced ? "the target's own fence is not confirmed" : "the fence is not proven");
        return STEP_WAITS;
    }
    if (!others_are_shut(s, turn, l)) {
        step_say(run, "waiting until the region's other coordinators have shut the fence, or can't open it any more");
        service_wake(s, others_until(s, turn));
        return STEP_WAITS;
    }
    if (!gives_up_the_mark(s, turn, l))
        return STEP_WAITS;
    struct ledger goal = ledger_grant(l, s->policy, s->guard.self);
    (void)service_propose(s, turn, &goal);
    return STEP_WAITS;
}

bool step_lease_is_ours(const struct service *s, const struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    return s->guard.lease.epoch == l->epoch && lease_held(&s->guard.lease, turn->now);
}

static enum step_said step_lease(struct service *s, struct turn *turn)
{
    if (step_lease_is_ours(s, turn))
        return STEP_IS_DONE;
    step_say(&s->run, "waiting for a majority to grant the lease");
    return STEP_WAITS;
}

static enum step_said step_promote(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    if (!run->in_flight && !run->answered && !step_lease_is_ours(s, turn)) {
        step_say(run, "the lease was lost: it has to be held to promote");
        return STEP_WAITS;
    }
    const struct act_result *r = step_act_result(s, turn, ACT_PROMOTE, s->policy->promote_deadline_us);
    if (r == NULL)
        return STEP_WAITS;
    if (r->database.known) /* what was seen before is not so any more */
        s->health.sightings[s->home][turn_self(turn)] = (struct sighting){ true, turn->now, r->database };
    if (r->outcome == ACT_DONE)
        return STEP_IS_DONE;
    step_retry_later(s, turn, r);
    return STEP_WAITS;
}

static enum step_said step_open(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (s->guard.open_epoch != l->epoch) {
        s->guard.open_epoch = l->epoch;
        service_wake(s, turn->now); /* guard.c runs before this step: let it run again */
    }
    if (s->guard.fence == FENCE_OPEN && step_lease_is_ours(s, turn))
        return STEP_IS_DONE;
    s->run.detail = s->guard.detail;
    return STEP_WAITS;
}

static enum step_said step_hooks(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    if (!s->policy->has_hooks)
        return STEP_IS_DONE;
    const struct act_result *r = step_act_result(s, turn, ACT_HOOKS, s->policy->hooks_deadline_us);
    if (r == NULL)
        return STEP_WAITS;
    if (r->outcome == ACT_DONE)
        return STEP_IS_DONE;
    step_retry_later(s, turn, r);
    /* The database serves; traffic must not wait for a hook that keeps failing. */
    return run->tries >= HOOK_TRIES ? STEP_IS_DONE : STEP_WAITS;
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
    struct operation_run *run = &s->run;
    if (s->proposed_operation == run->id && !run->froze)
        return STEP_IS_DONE; /* ours from the start, and it never came so far */
    /* Only what was frozen streams no more; a thaw that keeps failing must not keep the old writer
     * from coming back: status and the watch over the standby's streaming say what is left. */
    const struct act_result *r = step_act_result(s, turn, ACT_THAW, THAW_DEADLINE_US);
    if (r == NULL)
        return STEP_WAITS;
    bool thawed = r->outcome == ACT_DONE || (r->database.known && !r->database.frozen);
    if (thawed || run->tries >= HOOK_TRIES)
        return STEP_IS_DONE;
    step_retry_later(s, turn, r);
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

static step_function *const step_functions[STEP_COUNT] = {
    [STEP_BEGIN] = step_begin,     [STEP_SHUT] = step_shut,     [STEP_FENCE] = step_fence,
    [STEP_FREEZE] = step_freeze,   [STEP_COMPARE] = step_compare, [STEP_GRANT] = step_grant,
    [STEP_LEASE] = step_lease,     [STEP_PROMOTE] = step_promote, [STEP_OPEN] = step_open,
    [STEP_HOOKS] = step_hooks,     [STEP_CUT_OVER] = step_cut_over,
    [STEP_VERIFY] = step_verify,   [STEP_FINISH] = step_finish, [STEP_UNDO] = step_undo,
    [STEP_ABORT] = step_abort,   [STEP_CATCH_UP] = step_catch_up, [STEP_SHIFT] = step_shift,
};

enum step_said step_run(struct service *s, struct turn *turn)
{
    step_function *step = step_functions[s->run.step];
    policy_ensure(step != NULL);
    return step(s, turn);
}
