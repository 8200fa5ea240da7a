/* operation: carries out the plan of the operation that the ledger names, step by step.
 *
 * One node executes: the ledger's `executor`. What the register knows (begun, granted, over) is in
 * the ledger; everything between is asked for again by whoever goes on, since every act first finds
 * out whether it is done already. advance() is the one function that moves from step to step; each
 * step function (steps.c, cut_over.c) looks at what is known and says WAIT, NEXT or BACK.
 *
 * Why an operation never makes two writers, and what each rule here is for:
 *  - grant is proposed only with a proof that the old writer acknowledges nothing (step_fence): its
 *    guard's own confirmation, or the wait below, which counts only where the kernel enforces it or a remote
 *    hook has cut the region off (cut_off.c);
 *  - the wait is that of a register round of *this* process whose accept replies carried the ages,
 *    for exactly the ledger that is granted upon (wait_version): a takeover or a restart re-accepts
 *    and waits again;
 *  - grant is a compare-and-set behind the begin it was proven for, so whatever else became of the
 *    operation meanwhile makes it fail;
 *  - the target's own fence is confirmed shut before, so a promotion that completes late gives a
 *    database that nobody can enter; it opens only under the target's own lease (guard.c);
 *  - evidence, operation and ledger version are looked at again before every irreversible step.
 *
 * A switchover is the same with a writer that is well, and loses nothing: only that writer's guard's own
 * confirmation proves its fence; how far it wrote the same guard looks up behind that fence, and says, so every row
 * that was ever acknowledged is before it; and the target is granted only when it has all of that. Whatever fails
 * before the grant leads back, and the old writer opens again under its old name (step_catch_up()).
 *
 * People may hold an operation, have it go on, and send it back; their word is in the ledger (word.c), so whoever
 * carries it out, and takes it over, obeys the same. Of an abort and a grant exactly one is chosen: both are put
 * forward behind the same value, and behind a word other than "go" no grant may follow (grant_follows()).
 */
#include "policy/failover/dns_rule.h"
#include "policy/failover/steps.h"

/* The pause doubles up to four minutes: what a target needs from the old lease's end to the changed DNS. */
#define TAKEN_PAUSE_US (15 * US_PER_S)
#define TAKEN_TIMES_MAX 5

void operation_act_done(struct service *s, struct turn *turn, const struct act_result *result)
{
    struct operation_run *run = &s->run;
    const struct ledger *l = service_ledger(s);
    bool ours = run->active && run->in_flight && result->key.operation == run->id &&
                result->key.step == run->step && result->key.attempt == run->attempt &&
                result->key.epoch == l->epoch;
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

/* ---- moving ---- */

/* The only place that changes the step. */
static void enter(struct service *s, struct turn *turn, enum step_id step)
{
    struct operation_run *run = &s->run;
    if (step == STEP_SHUT)
        run->shut_since = turn->now;
    run->step = step;
    run->step_started = turn->now;
    run->step_deadline = mono_after(turn->now, plan_deadline_us(s->policy, step));
    run->overdue = false;
    step_has_wait(s);
    run->in_flight = run->answered = false;
    run->tries = 0;
    run->retry_at.us = 0;
    run->zone = 0;
    run->dns_stage = DNS_STAGE_READ;
    run->shift_at = SHIFT_READY;
    run->detail = (struct policy_text){ "" };
    struct note *note = service_note(s, turn, NOTE_STEP_STARTED);
    note->step = (uint8_t)step;
}

static void note_step_done(struct service *s, struct turn *turn)
{
    struct note *done = service_note(s, turn, NOTE_STEP_DONE);
    done->step = (uint8_t)s->run.step;
    done->a = mono_since(turn->now, s->run.step_started);
}

static enum step_id step_after(enum operation_kind kind, enum step_id step)
{
    if (step == STEP_UNDO)
        return STEP_ABORT;
    const struct plan_step *row = plan_find(kind, step);
    policy_ensure(row != NULL); /* of what is in no plan, only the way back ends by itself */
    return plan_next(kind, row)->step;
}

static void go_back(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    struct note *note = service_note(s, turn, NOTE_OPERATION_ABORTED);
    note->a = run->step;
    note->b = run->abort_gate;
    cut_off_note_left(s, turn);
    run->went_back = true;
    enter(s, turn, STEP_UNDO);
}

static void check_overdue(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
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

/* ---- a person's word ---- */

/* A process that takes up what was granted before begins at the lease, and on the way to what is held it would say once
 * more that the database may open. That one was promoted and serves: to hold a step is no reason to shut it. */
static void keep_open(struct service *s)
{
    const struct ledger *l = service_ledger(s);
    if (!s->run.resumed || s->guard.open_epoch == l->epoch || l->operation.phase != PHASE_GRANTED ||
        !operation_moves(l->operation.kind) || !service_seen_primary(s, s->home))
        return;
    s->guard.open_epoch = l->epoch;
}

/* Held, no step begins or ends and no act is sent. What was sent ends, and its answer is kept. The guard's work is none
 * of this: it goes on renewing, fencing and shutting by the ledger, so no lease or fence lapses for it. */
static void stand_still(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    if (!run->held)
        run->held_since = turn->now;
    run->held = true;
    if (run->step == STEP_FENCE)
        cut_off_take(s, turn);
    keep_open(s);
}

/* The deadlines had no time to run meanwhile. What rests on looks that have grown old is looked at again by the steps
 * themselves; what a person may have undone since, the remote hook, is asked for again. */
static void stand_no_more(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    int64_t held = mono_since(turn->now, run->held_since);
    run->held = false;
    run->step_started = mono_after(run->step_started, held);
    run->step_deadline = mono_after(run->step_deadline, held);
    if (!cut_off_proven(s, service_ledger(s)))
        return;
    s->cut_off.confirmed = false;
    if (service_ledger(s)->operation.wish == WISH_GO && !run->went_back)
        enter(s, turn, STEP_BEGIN);
}

/* True: it does not go on now. */
static bool obeys(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    enum operation_wish wish = service_ledger(s)->operation.wish;
    /* The database is home for good: the word is about its traffic, and heard in that step. */
    bool traffic_alone = ledger_shifts(service_ledger(s));
    if (traffic_alone && run->step != STEP_CUT_OVER && run->step != STEP_VERIFY && run->step != STEP_FINISH)
        return false;
    if (wish == WISH_HOLD) {
        stand_still(s, turn);
        return true;
    }
    if (run->held)
        stand_no_more(s, turn);
    if (wish != WISH_BACK || run->step == STEP_UNDO || run->step == STEP_ABORT)
        return false;
    if (cut_off_runs(s, turn)) { /* how that ends is told to whoever has to undo it */
        service_wake(s, run->act_deadline);
        return true;
    }
    if (run->step == STEP_FENCE)
        cut_off_take(s, turn);
    run->abort_gate = GATE_COUNT;
    go_back(s, turn);
    return false;
}

static void advance(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    if (obeys(s, turn))
        return;
    check_overdue(s, turn);
    /* Each pass leaves a step for good, so their number bounds the loop. */
    for (int i = 0; i < STEP_COUNT; i++) {
        enum step_said said = step_run(s, turn);
        if (said == STEP_WAITS)
            return;
        if (said == STEP_GOES_BACK) {
            go_back(s, turn);
            continue;
        }
        if (said == STEP_REDOES_DNS) {
            enter(s, turn, STEP_CUT_OVER);
            continue;
        }
        note_step_done(s, turn);
        enter(s, turn, step_after(run->kind, run->step));
    }
}

/* ---- taking up and leaving ---- */

static void take_up(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct operation_run *run = &s->run;
    *run = (struct operation_run){
        .active = true,
        .id = l->operation.id,
        .kind = l->operation.kind,
        .started = turn->now,
        .abort_gate = GATE_COUNT,
        .resumed = l->operation.phase == PHASE_GRANTED,
    };
    bool began_here = s->proposed_operation == l->operation.id;
    struct note *note =
        service_note(s, turn, began_here ? NOTE_OPERATION_BEGUN : NOTE_OPERATION_TAKEN);
    note->region = l->operation.to;
    note->a = l->operation.from;
    note->node = turn_self(turn);
    /* A fence or a grant from before says nothing about this process's own fence and lease: begin
     * again where the register is, and let each step find out what is done. */
    enter(s, turn, l->operation.phase == PHASE_GRANTED && operation_moves(l->operation.kind)
                       ? STEP_LEASE
                       : STEP_BEGIN);
}

static void note_taken(struct service *s, const struct turn *turn, uint64_t operation)
{
    struct taken_over *taken = &s->taken;
    uint8_t times = taken->operation == operation ? taken->times : 0;
    *taken = (struct taken_over){ operation, times < TAKEN_TIMES_MAX ? (uint8_t)(times + 1) : times, turn->now };
}

static void leave(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct operation_run *run = &s->run;
    bool over = l->operation.kind == OPERATION_NONE && l->last_operation == run->id;
    if (l->operation.kind != OPERATION_NONE && l->operation.id == run->id)
        note_taken(s, turn, run->id);
    if (over) {
        note_step_done(s, turn);
    }
    struct note *note = service_note(s, turn, NOTE_OPERATION_LEFT);
    if (over && l->last_outcome == OUTCOME_DONE)
        note->kind = NOTE_OPERATION_DONE;
    note->operation = run->id;
    note->node = l->operation.executor;
    note->region = l->writer;
    note->a = mono_since(turn->now, run->started);
    note->b = run->loss.known ? run->loss.bytes : run->kind == OPERATION_ADOPT ? 0 : -1;
    note->c = run->kind == OPERATION_ADOPT ? 0 : loss_time(&run->loss);
    if (!run->went_back) /* else said then */
        cut_off_note_left(s, turn);
    run->active = false;
}

/* Who takes over what was granted shuts the database, to be granted it anew. Held, it would stand still there. Where a
 * lapse of the lease shuts nothing, that database may serve on without its guard; so there it is left to who has it,
 * until it may go on. (A failback in stages goes on to open it, held or not, as far as its fence can be proven: under a
 * guarded one whose guard is dead that takes a person's word.) */
static bool stays_granted(const struct ledger *l)
{
    bool serves_on = l->fence == FENCE_GUARDED || l->keep_on_quorum_loss;
    return serves_on && l->operation.wish == WISH_HOLD && l->operation.phase == PHASE_GRANTED && !ledger_shifts(l);
}

static bool lets_another_work(struct service *s, const struct turn *turn, const struct ledger *l)
{
    const struct taken_over *taken = &s->taken;
    if (taken->times == 0 || taken->operation != l->operation.id)
        return false;
    struct mono_time until = mono_after(taken->at, TAKEN_PAUSE_US << (taken->times - 1));
    if (mono_reached(turn->now, until))
        return false;
    service_wake(s, until);
    return true;
}

/* A silent executor's operation is taken over by another coordinator of the target region, the first of them that is
 * heard. Two that hear the others and not each other both find the executor silent, and each would take over what the
 * other is doing, which shuts the target once more, before either has come to an end. So whoever had it taken away lets
 * the other work, for longer each time.
 *
 * One that ends a mark is its maker's for as long as the mark may stand: nobody else can give it up, and a grant to
 * another coordinator of the region would leave a disk that says to open without a lease. Silent is not gone: back,
 * alone with its disk, the maker would open beside whoever a majority has named by then; back among the others it would
 * hold open what its successor waits to see shut. So it waits for the maker, which goes on from its disk as soon as it
 * runs. Given up, the mark opens nothing any more, and whoever heard of that (it is told from the maker's disk only)
 * may carry the operation on. */
static bool may_take_over(struct service *s, struct turn *turn, const struct ledger *l)
{
    node_id executor = l->operation.executor;
    /* An adoption goes with the named guard's lease: nobody else could carry it out. */
    if (!operation_moves(l->operation.kind) || !s->guard.mine || !s->guard.ready ||
        l->operation.to != s->home || executor == turn_self(turn) || service_able(s, turn, executor) ||
        glass_may_stand(s, l, l->operation.mark) || stays_granted(l))
        return false;
    for (node_id n = 0; n < turn_self(turn); n++)
        if (n != executor && node_in(s->policy->regions[s->home].guards, n) &&
            service_able(s, turn, n) && s->remotes[n].guard_ready)
            return false;
    return !lets_another_work(s, turn, l);
}

/* With no coordinator of the target left and nothing granted, the old writer's own coordinator
 * takes its region back, if it is well: the region serves, and nobody else can have been named. */
static bool may_call_back(struct service *s, struct turn *turn, const struct ledger *l)
{
    /* Held, it goes neither on nor back; sent back by a person, it does so however the region looks. */
    bool well = service_own_verdict(s, turn, s->home)->verdict != VERDICT_FAILED;
    if (!s->guard.mine || !ledger_may_abort(l) || l->operation.from != s->home ||
        !instance_equal(l->guard, s->guard.self) || l->operation.wish == WISH_HOLD ||
        (!well && l->operation.wish != WISH_BACK))
        return false;
    for (node_id n = 0; n < turn->config->node_count; n++)
        if (node_in(s->policy->regions[l->operation.to].guards, n) && service_able(s, turn, n))
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
    struct operation_run *run = &s->run;
    bool waits = run->active && (run->step == STEP_CUT_OVER || run->step == STEP_SHIFT) &&
                 (run->ruling_noted == DNS_UNADOPTED || run->ruling_noted == DNS_FOREIGN ||
                  run->ruling_noted == DNS_ROLLED_BACK);
    if (!waits)
        return false;
    run->adopting = true;
    run->retry_at = turn->now;
    return true;
}

void operation_run_step(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    const struct ledger *l = service_ledger(s);
    if (l == NULL)
        return;
    bool ours = l->operation.kind != OPERATION_NONE && l->operation.executor == turn_self(turn);
    /* Another carries it out, if only for a while (an approved one has its id before it begins, whoever begins it):
     * should it come to us, what was done of it since is not known here. */
    if (l->operation.kind != OPERATION_NONE && s->proposed_operation == l->operation.id && !ours)
        s->proposed_operation = 0;
    bool lost_grant = ours && operation_moves(l->operation.kind) &&
                      l->operation.phase == PHASE_GRANTED &&
                      !instance_equal(l->guard, s->guard.self);
    if (run->active && (!ours || l->operation.id != run->id))
        leave(s, turn, l);
    if (ours && s->guard.mine && lost_grant) {
        /* Granted to this node before it lost its store: another instance, another wait. */
        struct ledger goal = ledger_takeover(l, s->guard.self);
        if (!stays_granted(l))
            (void)service_propose(s, turn, &goal);
        return;
    }
    if (ours && !run->active && s->guard.mine)
        take_up(s, turn, l);
    /* Sent back to its begin under us (a takeover of our own): the later steps are void. */
    const struct plan_step *row = run->active ? plan_find(run->kind, run->step) : NULL;
    if (run->active && l->operation.phase == PHASE_BEGUN && row != NULL && !row->back &&
        run->step != STEP_GRANT)
        enter(s, turn, STEP_BEGIN);
    /* A grant of ours that was taken for lost, and was found chosen when the register was asked for
     * something else (an abort, a takeover): from there it goes on, wherever the run stood. */
    bool before_grant = run->step == STEP_UNDO || run->step == STEP_ABORT ||
                        (row != NULL && row->back);
    if (run->active && operation_moves(run->kind) &&
        l->operation.phase == PHASE_GRANTED && before_grant)
        enter(s, turn, STEP_LEASE);
    /* Its traffic was sent back while the last of it came. */
    if (run->active && !ledger_shift_over(l) &&
        (run->step == STEP_CUT_OVER || run->step == STEP_VERIFY || run->step == STEP_FINISH))
        enter(s, turn, STEP_SHIFT);
    if (run->active)
        advance(s, turn);
    else if (l->operation.kind != OPERATION_NONE && !ours)
        rescue(s, turn, l);
}
