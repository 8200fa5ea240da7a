/* shift: a failback's traffic comes home stage by stage.
 *
 * The database is home already: granted, promoted and open, and nothing here moves it. What part of the traffic is to
 * be at home is said by the ledger alone (ledger_share()), so whoever takes over goes on at the right stage, and what a
 * person says counts from the moment it is chosen. A stage is put in force as every change of DNS is (cut_over.c):
 * read, ruled on by the mark, confirmed by a majority, submitted, polled, verified at the name servers. Then it is
 * held: home has to stay well for as long as was asked for, in one go, before the ledger enters the next.
 *
 * Getting worse sends the traffic back: a check of home that began to fail with the stage and has failed as often as
 * makes a failure, whatever the time that a failover would give it; or a majority's verdict. Giving traffic back early
 * harms nobody as long as the endpoints that had it are well; that is looked at first. Then it stays back until a
 * person says something: by itself it would come home and go for ever.
 *
 * The last stage, with all of the traffic, is the cut-over step's, as of any operation. A writer that fails meanwhile
 * is left by a failover like any other (candidate.c).
 */
#include "policy/failover/steps.h"

/* ---- how the regions are ---- */

static const char by_itself[] = "failoverd";

/* A check of home that fails: in a run that began with the stage or later, as often as makes a failure; or in an
 * older one that has gone on for as long since (until it opens the fence fails checks too, which says nothing). */
static const struct threshold *failing_check(struct service *s, struct turn *turn, struct mono_time since)
{
    for (uint8_t c = 0; c < s->policy->check_count; c++) {
        const struct check_policy *check = &s->policy->checks[c];
        struct threshold *t = &s->health.thresholds[c];
        if (check->region != s->home || threshold_state(t, check, turn->now) == VERDICT_UNKNOWN || !t->running ||
            t->failures < check->fall)
            continue;
        bool since_then = t->run_start.us >= since.us;
        bool goes_on = t->successes == 0 && mono_since(t->last_judged, since) >= check->fall * check->interval_us;
        if (since_then || goes_on)
            return t;
    }
    return NULL;
}

/* Its endpoints alone: the database of the region that traffic may go back to is a standby, or not back yet. */
static bool endpoints_serve(struct service *s, struct turn *turn, region_id region)
{
    for (uint8_t c = 0; c < s->policy->check_count; c++) {
        const struct check_policy *check = &s->policy->checks[c];
        enum verdict verdict = threshold_state(&s->health.thresholds[c], check, turn->now);
        if (check->region == region && check->kind != CHECK_POSTGRES &&
            (verdict == VERDICT_FAILED || verdict == VERDICT_SUSPECT))
            return false;
    }
    return true;
}

static bool majority_says_failed(const struct service *s, const struct turn *turn)
{
    return tally_won(tally_failed(turn->voters, s->health.opinions[s->home], s->policy->evidence_max_age_us,
                                  turn->now));
}

static bool home_is_well(const struct service *s, const struct turn *turn)
{
    return service_own_verdict(s, turn, s->home)->verdict == VERDICT_HEALTHY && !majority_says_failed(s, turn);
}

/* Why the traffic should not stay; NULL: it may. Before the first stage there is none to send back, and home is given
 * the time of the step to become well. */
static const char *what_got_worse(struct service *s, struct turn *turn)
{
    const struct operation_run *run = &s->run;
    if (!run->moved && service_ledger(s)->operation.shift.at == 0)
        return run->overdue && !home_is_well(s, turn) ? "home did not become well in time" : NULL;
    const struct threshold *failing = failing_check(s, turn, run->stage_since);
    if (failing != NULL)
        return failing->detail.s[0] != '\0' ? failing->detail.s : "a check of home fails";
    return run->moved && majority_says_failed(s, turn) ? "a majority says that home has failed" : NULL;
}

/* ---- what is said of it ---- */

static struct said said_by_itself(const struct turn *turn, const char *why)
{
    struct said said = { .at = turn->wall };
    policy_text_set(&said.by, by_itself);
    policy_text_set(&said.why, why);
    return said;
}

/* Back, or, where the other region's endpoints are no better, where it is: a person decides. */
static void send_back(struct service *s, struct turn *turn, const char *why)
{
    const struct ledger *l = service_ledger(s);
    bool back = endpoints_serve(s, turn, l->operation.from);
    enum operation_wish wish = back ? WISH_BACK : WISH_HOLD;
    step_say(&s->run, back ? "home gets worse: the traffic goes back"
                           : "home gets worse, and so are the endpoints of where the traffic came from: it stays");
    if (l->operation.wish == wish || s->proposer.state != PROPOSER_IDLE)
        return;
    struct said said = said_by_itself(turn, why);
    struct ledger goal = ledger_wish(l, wish, &said);
    if (!service_propose(s, turn, &goal))
        return;
    struct note *note = service_note(s, turn, NOTE_TRAFFIC_BACK);
    note->region = back ? l->operation.from : s->home;
    note->a = ledger_share(l);
    policy_text_set(&note->detail, why);
}

/* ---- the stages ---- */

static int64_t stage_limit_us(const struct service *s, const struct ledger *l)
{
    return plan_deadline_us(s->policy, STEP_SHIFT) + l->operation.shift.hold_us;
}

/* The ledger asks for another share than is being put in force, or this process has not looked yet. */
static void begin_stage(struct service *s, struct turn *turn, uint8_t share)
{
    struct operation_run *run = &s->run;
    run->share = share;
    run->moved = false;
    run->stage_since = turn->now;
    run->well_since.us = run->in_force_at.us = 0;
    run->step_deadline = mono_after(turn->now, stage_limit_us(s, service_ledger(s)));
    run->overdue = false;
    run->shift_at = SHIFT_CHANGE;
    cut_over_begin(run);
}

/* A stage that waits for a person, or for what it was asked to wait for, is not late. */
static void put_off(struct service *s, struct turn *turn)
{
    s->run.step_deadline = mono_after(turn->now, stage_limit_us(s, service_ledger(s)));
}

static void in_force(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    run->shift_at = SHIFT_HOLD;
    run->in_force_at = turn->now;
    struct note *note = service_note(s, turn, NOTE_TRAFFIC_MOVED);
    note->region = s->home;
    note->a = run->share;
    note->b = service_ledger(s)->operation.shift.at;
}

static void hold(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    const struct ledger *l = service_ledger(s);
    bool well = home_is_well(s, turn);
    if (!well)
        run->well_since.us = 0;
    else if (run->well_since.us == 0)
        run->well_since = turn->now;
    struct mono_time until = mono_after(run->well_since, l->operation.shift.hold_us);
    if (l->operation.wish != WISH_GO) {
        put_off(s, turn);
        step_say(run, l->operation.wish == WISH_BACK ? "the traffic is back where it came from: a person has to decide"
                                                     : "this stage is held until a person lets it go on");
    } else if (!well) {
        step_say(run, "waiting until home is well before more traffic comes");
    } else if (!mono_reached(turn->now, until)) {
        put_off(s, turn);
        step_say(run, "home is well; this stage is held for as long as was asked for");
        service_wake(s, until);
    } else {
        struct ledger goal = ledger_shift(l, NULL);
        (void)service_propose(s, turn, &goal);
    }
}

static void change(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    const struct ledger *l = service_ledger(s);
    /* Traffic comes only to a home that is well; it goes back whatever home is like. */
    if (l->operation.wish != WISH_BACK && !run->moved && !home_is_well(s, turn)) {
        step_say(run, "waiting until home is well before traffic comes");
        return;
    }
    if (!run->moved)
        run->stage_since = turn->now;
    run->moved = true;
    if (run->shift_at == SHIFT_CHANGE && cut_over_zones(s, turn) == STEP_IS_DONE) {
        run->shift_at = SHIFT_VERIFY;
        cut_over_begin(run);
    }
    if (run->shift_at != SHIFT_VERIFY)
        return;
    enum step_said said = cut_over_verify_zones(s, turn);
    if (said == STEP_REDOES_DNS) {
        run->shift_at = SHIFT_CHANGE;
        cut_over_begin(run);
    } else if (said == STEP_IS_DONE) {
        in_force(s, turn);
    }
}

enum step_said step_shift(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    const struct ledger *l = service_ledger(s);
    if (ledger_shift_over(l) && l->operation.wish != WISH_HOLD)
        return STEP_IS_DONE;
    if (ledger_shift_over(l)) {
        put_off(s, turn);
        step_say(run, "the last stage is held until a person lets it go on");
        return STEP_WAITS;
    }
    uint8_t share = ledger_share(l);
    if (run->shift_at == SHIFT_READY || run->share != share)
        begin_stage(s, turn, share);
    const char *worse = l->operation.wish != WISH_BACK ? what_got_worse(s, turn) : NULL;
    if (worse != NULL) {
        send_back(s, turn, worse);
        return STEP_WAITS;
    }
    if (run->shift_at != SHIFT_HOLD)
        change(s, turn);
    if (run->shift_at == SHIFT_HOLD)
        hold(s, turn);
    return STEP_WAITS;
}
