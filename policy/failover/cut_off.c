/* cut_off: the remote hook, with which the target's coordinator cuts off the region of the old writer.
 *
 * A guarded fence proves nothing once its guard is silent. Where the region has a remote hook (a cloud
 * API, a power switch), the executor has it run, and its exit code 0 is a proof: no client reaches that
 * database any more, until somebody undoes it. The rules here, and what each is for:
 *
 *  - Whose database: the one whose guard the ledger names as outgoing. It held the last lease; `from` may
 *    be another region, which an operation before this one has proven fenced already.
 *  - Never the target's own region: that would cut off what is about to be promoted.
 *  - When: after the lease has been waited out, as the last thing that is tried. A live guard has then had
 *    its time to confirm, which cuts off nobody; begin named no writer, so what is waited out is never
 *    renewed. The proof counts only together with that wait: both would have to be wrong at once.
 *  - Only on fresh evidence: right before each run a majority of all voters says that the region has failed,
 *    or a person named that gate. Nobody cuts off a region that is merely slow to answer its guard.
 *  - Once it runs its end is awaited before anything else is decided. Only ACT_DONE proves. Everything
 *    else, a hook that ran out of time too, says nothing: not that the region is cut off, and not that it
 *    is not. It is run again, after fresh evidence; it has to be idempotent.
 *  - A person may send it back all the same (operation abort), and is told what stays cut off; a hook that runs is
 *    awaited first, so that it is known. That is no less safe than being overdue: nobody was granted.
 *  - Whoever held the operation (operation pause) may have undone the hook meanwhile: once it goes on, what the hook
 *    confirmed before counts no more, and it is run again.
 *  - For this operation and this epoch alone. Somebody may have undone what proved an earlier one, and who
 *    takes the operation over has it run again.
 *  - Confirmed, the operation does not go back lightly: the old writer would be named while nobody can reach
 *    it. That its region looks failed is the hook's own doing from then on, and not asked again; a target that
 *    is not ready is waited for until its step is overdue. Only then the old writer is named again, which is
 *    safe, and serves when a person has undone the hook.
 *  - Nothing here undoes it. An undo that the executor started may reach the cloud late, after the hook of
 *    whoever has taken over was confirmed, and would take that proof's ground away. So a person undoes it,
 *    and is told to: NOTE_LEFT_CUT_OFF and status, also where a run was not confirmed and the operation
 *    went back.
 */
#include "policy/failover/steps.h"

region_id cut_off_region(const struct service *s, const struct turn *turn, const struct ledger *l,
                         region_id target)
{
    if (l->guard.node >= turn->config->node_count)
        return REGION_NONE;
    region_id old = turn->config->region_of[l->guard.node];
    return old != target && s->policy->regions[old].remote_hook_us > 0 ? old : REGION_NONE;
}

bool cut_off_proven(const struct service *s, const struct ledger *l)
{
    const struct cut_off *cut = &s->cut_off;
    return cut->confirmed && cut->operation == l->operation.id && cut->epoch == l->epoch;
}

bool cut_off_runs(const struct service *s, const struct turn *turn)
{
    const struct operation_run *run = &s->run;
    return run->step == STEP_FENCE && run->in_flight && !mono_reached(turn->now, run->act_deadline);
}

static bool has_failed(const struct service *s, const struct turn *turn, const struct ledger *l,
                       region_id region)
{
    if ((l->operation.skipped_gates >> GATE_MAJORITY_FAILED & 1u) != 0)
        return true;
    return tally_won(tally_failed(turn->voters, s->health.opinions[region],
                                  s->policy->evidence_max_age_us, turn->now));
}

void cut_off_ask(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    const struct ledger *l = service_ledger(s);
    region_id region = cut_off_region(s, turn, l, s->home);
    bool planned = operation_planned(l->operation.kind) && ledger_may_abort(l);
    if (region == REGION_NONE || planned)
        return;
    if (!has_failed(s, turn, l, region)) {
        step_say(run, "the remote hook is not run: no majority says right now that the old region failed");
        return;
    }
    (void)step_act_result(s, turn, ACT_FENCE_REMOTE, s->policy->regions[region].remote_hook_us);
    if (!run->in_flight)
        return;
    step_say(run, "the remote hook is cutting off the old writer's region");
    s->cut_off = (struct cut_off){
        .region = region, .operation = run->id, .epoch = l->epoch, .at = run->act_sent,
        .detail = s->cut_off.operation == run->id ? s->cut_off.detail : (struct policy_text){ "" },
    };
}

void cut_off_take(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    struct cut_off *cut = &s->cut_off;
    if (!run->answered || run->result.kind != ACT_FENCE_REMOTE)
        return;
    run->answered = false;
    cut->at = turn->now;
    cut->detail = run->result.detail;
    cut->confirmed = run->result.outcome == ACT_DONE;
    if (!cut->confirmed)
        step_retry_later(s, turn, &run->result);
}

void cut_off_note_left(struct service *s, struct turn *turn)
{
    const struct cut_off *cut = &s->cut_off;
    if (cut->operation == 0 || cut->operation != s->run.id)
        return;
    struct note *note = service_note(s, turn, NOTE_LEFT_CUT_OFF);
    note->region = cut->region;
    note->a = cut->confirmed;
    note->detail = cut->detail;
}
