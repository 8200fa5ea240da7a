/* guard: keeps its region's database open while it holds the lease, and shut otherwise.
 *
 * What the guard wants follows from what is known chosen and from the lease's deadline alone:
 *
 *   writer is us, lease held, and no operation still has to open it      HOLD until the deadline
 *   writer is us, lease not held (or within the fence budget of its end) SHUT; a guarded one that is back after
 *                                                                        its lease asks first, for a moment
 *   writer is another or none; our database is a standby nobody promotes READS
 *   writer is another or none; anything else                             SHUT, and look again for ever
 *   another guard of our region is named                                 nothing: it is not ours
 *   our own mark stands (glass.c)                                        HOLD, by a person's word alone
 *   another coordinator's of our region does, and is heard               nothing: it is not ours
 *   another region's mark stands                                         what is open under its lease stays so,
 *                                                                        nothing is opened, and what nobody
 *                                                                        holds open is shut
 *
 * Why no two regions acknowledge writes: HOLD is asked for only with a deadline that a majority of
 * voters granted to us by name, counted from before we asked (lease.h), and the shell opens nothing
 * past the deadline that the act carries. Whoever names another writer first names none, which ends
 * new grants, and then has our confirmed fence or outlasts our deadline.
 *
 * The deadline is compared here at every event; the timer only makes sure that there is one.
 */
#include "policy/quorum/majority.h"
#include "policy/service.h"

void guard_init(struct service *s, struct turn *turn, struct mono_time held_until)
{
    struct guard *g = &s->guard;
    const struct region_policy *home = &s->policy->regions[s->home];
    *g = (struct guard){
        .mine = home->serves && node_in(home->guards, turn_self(turn)),
        .self = { turn->config->instance, turn_self(turn) },
        .fence = FENCE_UNKNOWN,
        .wanted = ACT_COMPARE,
        .retry_us = GUARD_RETRY_US,
        .start = turn->now,
        .back_at = turn->now,
        .former_until = held_until,
    };
    lease_init(&g->lease, (uint64_t)turn->restarts << 32);
}

static bool named_writer(const struct service *s, const struct ledger *l)
{
    return l->writer == s->home && instance_equal(l->guard, s->guard.self);
}

static int64_t budget_us(const struct service *s, const struct ledger *l)
{
    /* The kernel ends an enforced lease by itself, to the microsecond of its element's timeout. */
    if (l->fence == FENCE_ENFORCED)
        return 0;
    /* The lease in force may be another than the file's, whose parts fit that one. */
    return s->policy->fence_budget_us < l->lease_us / 2 ? s->policy->fence_budget_us : l->lease_us / 2;
}

/* Twice within what the lease in force leaves, so that one lost renewal shuts nothing. */
static int64_t renew_us(const struct service *s, const struct ledger *l)
{
    int64_t most = (l->lease_us - budget_us(s, l)) / 2;
    return s->policy->renew_us < most ? s->policy->renew_us : most;
}

/* Whether a process that has just started leaves things as its former life left them. Under the
 * kernel it may: the element that outlived the process has the true deadline. A guarded fence holds
 * only while its guard acts, so there it is what the former process was granted, if that is known. */
static bool in_grace(const struct service *s, const struct turn *turn, bool enforced,
                     int64_t lease_us)
{
    const struct guard *g = &s->guard;
    if (enforced || turn->brand_new)
        return mono_since(turn->now, g->start) < lease_us;
    return turn->now.us < g->former_until.us - s->policy->fence_budget_us;
}

/* A guard under a guarded fence that was dead, or slept, through its deadline finds a database that went on
 * without it. Shutting that at once would take down a healthy writer for nothing: where a lapse proves nothing,
 * nobody can have been granted anything without this guard's word, a remote hook's, behind which no client is,
 * or a person's, who takes that risk by name. So it asks for its lease first, and shuts if that is not there in
 * a moment. Where the service accepts an unconfirmed fence, others may have been granted by now: there it shuts
 * at once. (By this node's own settings: where its file still says otherwise, it asks for these two seconds more,
 * which is part of the risk that was accepted; a guard that dies before it has asked is a dead guard.) */
static bool asks_first(const struct service *s, const struct turn *turn, bool enforced)
{
    return !enforced && !s->policy->accept_unconfirmed_fence &&
           mono_since(turn->now, s->guard.back_at) < GUARD_ASK_US;
}

/* How long the guard goes by its lease: the deadline less what shutting takes. */
static struct mono_time open_until(const struct service *s, const struct ledger *l)
{
    if (l->keep_on_quorum_loss && s->guard.lease.deadline.us > 0)
        return MONO_NEVER; /* nobody takes its end for a proof: see gates.c, operation.c */
    return (struct mono_time){ s->guard.lease.deadline.us - budget_us(s, l) };
}

/* The voter is heard, and has accepted nothing newer than what we know chosen. A mute one may have forgotten. */
static bool has_nothing_newer(const struct service *s, const struct turn *turn, node_id n)
{
    const struct ledger *l = service_ledger(s);
    uint64_t known = l != NULL ? l->version : 0;
    bool own = n == turn_self(turn);
    const struct register_report *has = own ? &s->acceptor.accepted : &s->learner.reports[n];
    bool votes = own ? turn->voting : turn_heard(turn, n) && s->remotes[n].voting;
    return votes && (!has->present || has->ledger.version <= known);
}

/* Hearing a majority is not enough: some of those may have accepted what no majority of them tells us that it is
 * chosen. Whatever was chosen, one of any majority of voters has accepted it. */
bool guard_may_lag(const struct service *s, const struct turn *turn)
{
    node_set current = 0;
    for (node_id n = 0; n < turn->config->node_count; n++)
        if (node_in(electorate_all(turn->voters), n) && has_nothing_newer(s, turn, n))
            current = (node_set)(current | node_bit(n));
    bool alone = s->policy->regions[s->home].guards == node_bit(turn_self(turn));
    return !alone && !electorate_has(turn->voters, current);
}

/* Of a region that is not the writer. The target of an operation and the one that wrote last are
 * shut whatever their database looks like; elsewhere a standby may serve reads. */
static enum act_kind wanted_elsewhere(const struct service *s, const struct turn *turn,
                                      const struct ledger *l)
{
    const struct sighting *seen = &s->health.sightings[s->home][turn_self(turn)];
    bool target = operation_moves(l->operation.kind) && l->operation.to == s->home;
    /* Also where another coordinator of our region is the outgoing guard: it is the same database. */
    bool outgoing = l->writer == REGION_NONE && turn->config->region_of[l->guard.node] == s->home;
    if (target || outgoing)
        return ACT_FENCE_SHUT;
    /* What was seen before the register went on to this epoch may be of a time at which our region was
     * named: nothing is opened on that. What we held for its sake, or had shut, is shut at once; what was
     * not ours to hold is left as it is until the next look. */
    bool looked = seen->known && seen->at.us > s->guard.epoch_known_at.us;
    bool ours = s->guard.wanted == ACT_FENCE_HOLD || s->guard.wanted == ACT_FENCE_SHUT;
    if (!looked && mono_since(turn->now, s->guard.epoch_known_at) < s->policy->evidence_max_age_us)
        return ours ? ACT_FENCE_SHUT : ACT_COMPARE;
    if (!seen->known && mono_since(turn->now, s->guard.start) < s->policy->evidence_max_age_us)
        return ACT_COMPARE; /* not looked at yet: the first look decides */
    bool fresh = looked && mono_since(turn->now, seen->at) <= s->policy->evidence_max_age_us;
    bool standby = fresh && seen->facts.in_recovery && !seen->facts.frozen;
    /* A server that was told to promote may still do so, however late: it was frozen first, and none
     * that is on its way out of recovery starts a walreceiver. So one that streams is let serve reads,
     * and goes on while it stays a standby. */
    bool serves = s->guard.fence == FENCE_READS || seen->facts.walreceiver_live;
    return standby && serves && !guard_may_lag(s, turn) ? ACT_FENCE_READS : ACT_FENCE_SHUT;
}

/* Another coordinator of our region looks after the database: it says that it holds it open, or there
 * has not been time to hear what it says. A guard that starts and knows nothing yet leaves it alone. */
static bool others_tend(const struct service *s, const struct turn *turn)
{
    node_set others = (node_set)(s->policy->regions[s->home].guards & ~node_bit(turn_self(turn)));
    int64_t hearing_us = SILENT_HEARTBEATS * turn->config->heartbeat_us;
    if (others != 0 && mono_since(turn->now, s->guard.start) < hearing_us)
        return true;
    for (node_id n = 0; n < turn->config->node_count; n++)
        if (node_in(others, n) && turn_heard(turn, n) && s->remotes[n].fence == FENCE_OPEN)
            return true;
    return false;
}

/* ACT_COMPARE stands for "leave it as it is". */
static enum act_kind wanted_by_ledger(const struct service *s, const struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    const struct guard *g = &s->guard;
    if (l == NULL) {
        /* A new installation that has no quorum yet has nothing to fence; anything else may be an
         * old writer that came back. */
        bool enforced = s->policy->fence == FENCE_ENFORCED;
        bool grace = in_grace(s, turn, enforced, s->policy->lease_us) || asks_first(s, turn, enforced);
        return grace || turn->brand_new || others_tend(s, turn) ? ACT_COMPARE : ACT_FENCE_SHUT;
    }
    if (l->writer == s->home && !instance_equal(l->guard, g->self))
        return ACT_COMPARE;
    if (!named_writer(s, l))
        return wanted_elsewhere(s, turn, l);
    bool opening = !operation_moves(l->operation.kind) || g->open_epoch == l->epoch;
    /* What was shut before the grant is shut, and what was opened under the former process's lease
     * stays open until the operation, resumed, opens it again. */
    bool grace = in_grace(s, turn, l->fence == FENCE_ENFORCED, l->lease_us);
    if (!opening)
        return grace ? ACT_COMPARE : ACT_FENCE_SHUT;
    if (g->lease.epoch == l->epoch && !mono_reached(turn->now, open_until(s, l)))
        return ACT_FENCE_HOLD;
    bool never_held = g->lease.deadline.us <= 0;
    bool asks = asks_first(s, turn, l->fence == FENCE_ENFORCED) && g->released_epoch < l->epoch;
    return (never_held && grace) || asks ? ACT_COMPARE : ACT_FENCE_SHUT;
}

/* We leave our region's database as it is, which may be open, and by all that we hear nobody holds it so: its guard is
 * not heard, or was this very node before it lost its store, and so is dead; no other coordinator holds it, and no
 * voter knows of a lease that may run. Or it is said to be new, and has a mark beside it. */
static bool is_left_open(const struct service *s, const struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (others_tend(s, turn))
        return false;
    if (l == NULL)
        return turn->brand_new;
    node_id n = l->guard.node;
    return l->writer == s->home && (n == turn_self(turn) || !turn_heard(turn, n)) && !glass_is_granted(s, turn, n);
}

/* A person's word stands over the ledger, in both ways (glass.c has the whole argument): what holds a mark of its own
 * is open without a lease, and never opens again by a mark that was given up, only by a lease; and where another
 * region's mark is known nothing is opened, whatever its lease. What is open under one by then stays open: it was
 * first, a majority has it, and the mark's maker shuts as soon as it hears that. What nobody holds open has no majority
 * behind it of which that maker could hear: it is shut here. */
static enum act_kind wanted(const struct service *s, const struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    bool named = l != NULL && named_writer(s, l);
    const struct mark *own = glass_own(s);
    /* By a mark on a disk that went back nothing is opened; what the ledger names us for is ours all the same, and shut
     * when that is over. */
    bool ours = s->guard.wanted == ACT_FENCE_HOLD || s->guard.wanted == ACT_FENCE_SHUT;
    if (glass_stands(s) && !glass_holds(s, turn) && !named && ours)
        return ACT_FENCE_SHUT;
    if (glass_stands(s) && (!named || glass_holds(s, turn)))
        return glass_wants(s);
    /* Another coordinator of our region looks after the database by its own mark, or got its lease. */
    bool rests = own != NULL && mark_rests(own);
    if ((own == NULL || rests) && glass_is_tended(s, turn))
        return ACT_COMPARE;
    if (own != NULL && !named && !(rests && l != NULL && l->writer == s->home))
        return ACT_FENCE_SHUT;
    enum act_kind want = wanted_by_ledger(s, turn);
    bool opens = want == ACT_FENCE_HOLD && s->guard.wanted != ACT_FENCE_HOLD;
    bool lets = want == ACT_COMPARE && (named || is_left_open(s, turn));
    return glass_bars(s, turn, s->home) != NULL && (opens || lets) ? ACT_FENCE_SHUT : want;
}

/* ---- the lease ---- */

static void send_renewal(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct guard *g = &s->guard;
    uint64_t nonce = lease_attempt(&g->lease, turn->now);
    struct message *m = effects_send(turn->effects, electorate_all(turn->voters), false, MESSAGE_RENEW,
                                     s->index);
    m->as.renew = (struct message_renew){ g->self, l->epoch, nonce };
    g->next_renew = mono_after(turn->now, renew_us(s, l));
}

static void note_lease(struct service *s, struct turn *turn)
{
    struct guard *g = &s->guard;
    bool held = lease_held(&g->lease, turn->now);
    if (held == g->held_noted)
        return;
    g->held_noted = held;
    service_note(s, turn, held ? NOTE_LEASE_HELD : NOTE_LEASE_LOST)->a =
        lease_left_us(&g->lease, turn->now);
    s->gossip_now = true;
}

/* A process that starts when its former life's lease is over finds its database shut by the kernel, and perhaps for
 * long. Should a person have broken the glass elsewhere meanwhile, the first voter that it meets may not know: a
 * lease from that one would take the marked side, which went on for hours, down for a writer that has only just come
 * back (glass.c). So before it asks for its first lease it hears every node, or has given them the time that links
 * take to come back. */
static bool hears_others_first(const struct service *s, const struct turn *turn, const struct ledger *l)
{
    const struct guard *g = &s->guard;
    bool goes_on = l->fence != FENCE_ENFORCED || g->lease.deadline.us > 0 || turn->now.us < g->former_until.us;
    if (goes_on || turn->brand_new || mono_since(turn->now, g->start) >= GUARD_HEAR_US)
        return false;
    for (node_id n = 0; n < turn->config->node_count; n++)
        if (n != turn_self(turn) && !s->remotes[n].heard)
            return true;
    return false;
}

static void run_lease(struct service *s, struct turn *turn)
{
    struct guard *g = &s->guard;
    const struct ledger *l = service_ledger(s);
    if (l == NULL || !named_writer(s, l)) {
        if (g->held_noted)
            note_lease(s, turn);
        return;
    }
    if (g->lease.epoch != l->epoch) {
        lease_enter(&g->lease, l->epoch);
        g->held_noted = false;
        g->next_renew = turn->now;
    }
    /* No renewal without a fence that works, none of what was given back, and none that would open nothing. */
    bool barred = glass_bars(s, turn, s->home) != NULL && g->wanted != ACT_FENCE_HOLD;
    bool may = g->ready && g->released_epoch < l->epoch && !barred;
    if (may && hears_others_first(s, turn, l)) {
        service_wake(s, mono_after(g->start, GUARD_HEAR_US));
        may = false;
    }
    if (may && mono_reached(turn->now, g->next_renew))
        send_renewal(s, turn, l);
    note_lease(s, turn);
    if (may)
        service_wake(s, g->next_renew);
    if (lease_held(&g->lease, turn->now)) {
        service_wake(s, g->lease.deadline);
        struct mono_time until = open_until(s, l);
        if (!mono_reached(turn->now, until))
            service_wake(s, until);
    }
}

void guard_granted(struct service *s, struct turn *turn, node_id voter,
                   const struct message_grant *grant)
{
    struct guard *g = &s->guard;
    const struct ledger *l = service_ledger(s);
    /* Only a value known chosen gives a lease: grants for what may have been accepted by a minority
     * prove nothing. */
    if (!g->mine || l == NULL || !named_writer(s, l) || grant->epoch != l->epoch ||
        !instance_equal(grant->instance, g->self))
        return;
    (void)lease_granted(&g->lease, turn->voters, voter, grant->epoch, grant->nonce,
                        l->lease_us);
}

/* A virtual machine that was paused finds its clock where it was left, and its lease with it, while
 * the world went on. The calendar, set right by the host or by NTP, tells: whenever it has run ahead
 * of the other clock by more than rates allow, the lease counts as lost and has to be won anew, which
 * costs a round trip, and so does the time that a process which has just started leaves its database
 * open. A calendar set forward by hand costs the same; set back, it says nothing. */
static void check_clocks(struct service *s, struct turn *turn)
{
    struct guard *g = &s->guard;
    int64_t elapsed = mono_since(turn->now, g->clock_mono);
    int64_t calendar = turn->wall.us - g->clock_wall.us;
    bool first = g->clock_mono.us == 0;
    int64_t allowed = elapsed + GUARD_CLOCK_STEP_US +
                      elapsed / 1000000 * (int64_t)s->policy->clock_error_ppm;
    g->clock_mono = turn->now;
    g->clock_wall = turn->wall;
    if (first || calendar <= allowed)
        return;
    /* Nothing of before the pause says how long the database may stay open. */
    g->start.us = g->back_at.us = -TIME_FOREVER_US;
    g->former_until.us = 0;
    if (g->lease.deadline.us <= 0)
        return;
    struct note *note = service_note(s, turn, NOTE_LEASE_LOST);
    policy_text_set(&note->detail, "the calendar ran ahead: this machine may have been paused");
    lease_enter(&g->lease, g->lease.epoch);
    g->held_noted = false;
    g->next_renew = turn->now;
}

/* It woke too late to shut in time: its database has been open past its deadline, and is asked for first. */
static void note_sleep(struct service *s, const struct turn *turn)
{
    struct guard *g = &s->guard;
    const struct ledger *l = service_ledger(s);
    bool slept = l != NULL && named_writer(s, l) && g->lease.epoch == l->epoch && g->lease.deadline.us > 0 &&
                 !mono_reached(g->clock_mono, open_until(s, l)) && mono_reached(turn->now, g->lease.deadline);
    if (slept)
        g->back_at = turn->now;
}

/* ---- the fence ---- */

static void set_fence(struct service *s, struct turn *turn, enum fence_state state,
                      const struct policy_text *detail)
{
    struct guard *g = &s->guard;
    if (g->fence == state)
        return;
    struct note *note = service_note(s, turn, NOTE_FENCE_CHANGED);
    note->region = s->home;
    note->a = state;
    note->b = g->fence;
    if (detail != NULL)
        note->detail = *detail;
    g->fence = state;
    s->gossip_now = true;
}

int64_t guard_reads_us(const struct service *s)
{
    int64_t two_looks = 2 * s->policy->renew_us;
    return two_looks < s->policy->lease_us ? two_looks : s->policy->lease_us;
}

/* Held open by its live guard alone, lease or not. */
static bool is_kept(const struct service *s, const struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    return glass_holds(s, turn) || (l != NULL && l->keep_on_quorum_loss);
}

static struct mono_time until_of(const struct service *s, const struct turn *turn,
                                 enum act_kind kind)
{
    if (kind == ACT_FENCE_HOLD) /* which only a ledger that names us asks for, or our own mark */
        return is_kept(s, turn) ? mono_after(turn->now, GUARD_KEEP_US) : s->guard.lease.deadline;
    return mono_after(turn->now, guard_reads_us(s));
}

/* Somebody else shut what we hold open: our own write check says so, by a look since we last held it. */
static bool is_shut_by_others(const struct service *s, const struct turn *turn)
{
    const struct sighting *seen = &s->health.sightings[s->home][turn_self(turn)];
    return s->guard.fence == FENCE_OPEN && seen->known && seen->facts.write_checked &&
           !seen->facts.write_ok && seen->at.us > s->guard.held_at.us;
}

static bool is_due(const struct service *s, const struct turn *turn, enum act_kind kind)
{
    const struct guard *g = &s->guard;
    if (kind == ACT_FENCE_HOLD && is_kept(s, turn))
        return g->fence != FENCE_OPEN || is_shut_by_others(s, turn) ||
               mono_since(g->held_until, turn->now) <= GUARD_KEEP_US / 2;
    if (kind == ACT_FENCE_HOLD)
        return g->fence != FENCE_OPEN || until_of(s, turn, kind).us > g->held_until.us;
    if (kind == ACT_FENCE_READS)
        return g->fence != FENCE_READS ||
               mono_since(g->held_until, turn->now) <= guard_reads_us(s) - s->policy->renew_us;
    return g->fence != FENCE_CONFIRMED || mono_reached(turn->now, g->recheck_at);
}

static void send_act(struct service *s, struct turn *turn, enum act_kind kind)
{
    struct guard *g = &s->guard;
    const struct ledger *l = service_ledger(s);
    struct act *act = &effects_add(turn->effects, EFFECT_ACT)->as.act;
    *act = (struct act){
        .kind = kind,
        .key = { s->index, STEP_GUARD, ++g->attempt, l != NULL ? l->epoch : 0, 0 },
        .until = kind == ACT_FENCE_SHUT ? turn->now : until_of(s, turn, kind),
        .deadline = mono_after(turn->now, GUARD_ACT_DEADLINE_US),
        .region = s->home,
    };
    g->in_flight = true;
    g->flying = kind;
    g->act_deadline = act->deadline;
    g->held_until = act->until;
    /* Whatever the act will say: from here the database may be open, or is being shut. */
    if (kind == ACT_FENCE_SHUT && g->fence != FENCE_CONFIRMED && g->fence != FENCE_FAILED)
        set_fence(s, turn, FENCE_CLOSING, NULL);
    else if (kind != ACT_FENCE_SHUT && g->fence == FENCE_CONFIRMED)
        set_fence(s, turn, FENCE_UNKNOWN, NULL);
}

/* A proof is of one epoch: since it was given, another coordinator of our region may have let reads through.
 * Under a guard's own name nobody else opens anything. */
static void note_epoch(struct service *s, struct turn *turn)
{
    struct guard *g = &s->guard;
    const struct ledger *l = service_ledger(s);
    if (l == NULL || l->epoch == g->known_epoch)
        return;
    g->known_epoch = l->epoch;
    g->epoch_known_at = turn->now;
    bool alone = s->policy->regions[s->home].guards == node_bit(turn_self(turn));
    if (g->fence == FENCE_CONFIRMED && !alone && !instance_equal(l->guard, g->self))
        set_fence(s, turn, FENCE_UNKNOWN, NULL);
}

static void run_fence(struct service *s, struct turn *turn)
{
    struct guard *g = &s->guard;
    enum act_kind want = wanted(s, turn);
    bool changed = want != g->wanted;
    g->wanted = want;
    if (changed)
        g->retry_at = turn->now;
    /* An act that never came back is a lost one; the shell had its deadline. */
    if (g->in_flight && mono_reached(turn->now, g->act_deadline))
        g->in_flight = false;
    if (want == ACT_COMPARE) {
        struct mono_time asked = mono_after(g->back_at, GUARD_ASK_US);
        if (!mono_reached(turn->now, asked))
            service_wake(s, asked);
        /* Nobody works this fence, or another guard does: what was true of it need not be any more. */
        set_fence(s, turn, FENCE_UNKNOWN, NULL);
        return;
    }
    /* Shutting never waits for an opening that is under way: that one checks its own deadline, and
     * the shell works acts on one fence in order. */
    bool busy = g->in_flight && !(want == ACT_FENCE_SHUT && g->flying != ACT_FENCE_SHUT);
    if (busy) {
        service_wake(s, g->act_deadline);
        return;
    }
    /* Opening needs a fence that could shut again; shutting is tried whatever is said of it. */
    if (!g->ready && want != ACT_FENCE_SHUT)
        return;
    if (!mono_reached(turn->now, g->retry_at)) {
        service_wake(s, g->retry_at);
        return;
    }
    if (is_due(s, turn, want))
        send_act(s, turn, want);
    if (want == ACT_FENCE_SHUT && g->fence == FENCE_CONFIRMED)
        service_wake(s, g->recheck_at);
    if (want == ACT_FENCE_READS)
        service_wake(s, mono_after(turn->now, s->policy->renew_us));
    if (want == ACT_FENCE_HOLD && is_kept(s, turn))
        service_wake(s, mono_after(g->held_until, -GUARD_KEEP_US / 2));
}

static bool is_outgoing(const struct service *s, const struct ledger *l)
{
    return l != NULL && l->writer == REGION_NONE && instance_equal(l->guard, s->guard.self);
}

/* A planned move leads away from us, and our lease is given back, which is done behind the confirmed fence and for
 * good. */
static bool has_last_word(const struct service *s, const struct ledger *l)
{
    return is_outgoing(s, l) && operation_planned(l->operation.kind) && s->guard.released_epoch == l->guard_epoch;
}

/* Taken only if it is of the very look that was asked for under this value: see run_last_look(). */
static void take_last_look(struct service *s, struct turn *turn, const struct act_result *result)
{
    struct guard *g = &s->guard;
    const struct ledger *l = service_ledger(s);
    if (!g->looking || result->key.attempt != g->look_attempt)
        return;
    g->looking = false;
    g->look_at = mono_after(turn->now, GUARD_RETRY_US);
    bool ours = has_last_word(s, l) && result->key.epoch == l->epoch;
    if (!ours || result->outcome != ACT_DONE || !result->database.known || result->database.in_recovery)
        return;
    g->last = (struct last_word){ l->guard_epoch, result->database.lsn, result->database.timeline };
    s->gossip_now = true;
}

void guard_act_done(struct service *s, struct turn *turn, const struct act_result *result)
{
    struct guard *g = &s->guard;
    if (result->kind == ACT_COMPARE) {
        take_last_look(s, turn, result);
        return;
    }
    if (!g->in_flight || result->key.attempt != g->attempt || result->kind != g->flying)
        return; /* late: something newer was asked for since */
    g->in_flight = false;
    if (result->outcome != ACT_DONE) {
        g->detail = result->detail;
        if (g->flying == ACT_FENCE_SHUT)
            set_fence(s, turn, FENCE_FAILED, &result->detail);
        else
            set_fence(s, turn, FENCE_UNKNOWN, &result->detail);
        g->retry_at = mono_after(turn->now, g->retry_us);
        g->retry_us = g->retry_us * 2 < GUARD_RETRY_MAX_US ? g->retry_us * 2 : GUARD_RETRY_MAX_US;
        return;
    }
    g->detail = (struct policy_text){ "" };
    g->retry_us = GUARD_RETRY_US;
    if (g->flying == ACT_FENCE_SHUT) {
        g->recheck_at = mono_after(turn->now, GUARD_RECHECK_US);
        set_fence(s, turn, FENCE_CONFIRMED, &result->detail);
    } else {
        g->held_at = turn->now;
        set_fence(s, turn, g->flying == ACT_FENCE_HOLD ? FENCE_OPEN : FENCE_READS,
                  &result->detail);
    }
}

/* ---- the release ---- */

/* The outgoing guard, its fence confirmed, gives its lease back: from now on it renews that epoch
 * no more, whatever it hears, so the voters need not remember its grants. Said again until the
 * writer is named, since any of these messages may be lost. */
static void run_release(struct service *s, struct turn *turn)
{
    struct guard *g = &s->guard;
    const struct ledger *l = service_ledger(s);
    if (!is_outgoing(s, l) || g->fence != FENCE_CONFIRMED || g->wanted != ACT_FENCE_SHUT || g->in_flight)
        return;
    if (g->released_epoch >= l->guard_epoch && !mono_reached(turn->now, g->release_at)) {
        service_wake(s, g->release_at);
        return;
    }
    g->released_epoch = l->guard_epoch;
    lease_enter(&g->lease, 0);
    g->release_at = mono_after(turn->now, turn->config->heartbeat_us);
    service_wake(s, g->release_at);
    struct message *m = effects_send(turn->effects, turn_everyone(turn), false, MESSAGE_RELEASE,
                                     s->index);
    m->as.release = (struct message_release){ g->self, l->guard_epoch, g->lease.nonce };
}

/* A planned move waits until the target has all that our database ever acknowledged: it is told how far that goes as
 * soon as it is certain, which is when the fence is confirmed and the lease given back. Before that a commit may still
 * be acknowledged; after it none is, since this instance never opens in that epoch again. */
static void run_last_look(struct service *s, struct turn *turn)
{
    struct guard *g = &s->guard;
    const struct ledger *l = service_ledger(s);
    if (!has_last_word(s, l) || g->last.epoch == l->guard_epoch)
        return;
    struct mono_time next = g->looking ? g->look_deadline : g->look_at;
    if (!mono_reached(turn->now, next)) {
        service_wake(s, next);
        return;
    }
    struct act *act = &effects_add(turn->effects, EFFECT_ACT)->as.act;
    *act = (struct act){
        .kind = ACT_COMPARE,
        .key = { s->index, STEP_GUARD, ++g->look_attempt, l->epoch, 0 },
        .until = turn->now,
        .deadline = mono_after(turn->now, GUARD_LOOK_DEADLINE_US),
        .region = s->home,
    };
    g->looking = true;
    g->look_deadline = mono_after(act->deadline, US_PER_S);
    service_wake(s, g->look_deadline);
}

bool guard_has_released(const struct service *s, const struct ledger *l)
{
    if (instance_equal(l->guard, s->guard.self))
        return s->guard.released_epoch >= l->guard_epoch;
    const struct remote *r = &s->remotes[l->guard.node]; /* a node: ledger_valid() */
    return r->heard && r->released_epoch >= l->guard_epoch && instance_equal(r->instance, l->guard);
}

bool guard_is_there(const struct service *s, const struct turn *turn, const struct ledger *l)
{
    node_id n = l->guard.node;
    if (n == turn_self(turn))
        return instance_equal(s->guard.self, l->guard);
    return turn_heard(turn, n) && s->remotes[n].heard &&
           instance_equal(s->remotes[n].instance, l->guard);
}

bool guard_is_leased(const struct service *s, const struct turn *turn, const struct ledger *l)
{
    node_id n = l->guard.node;
    if (n == turn_self(turn))
        return s->guard.lease.epoch == l->epoch && lease_held(&s->guard.lease, turn->now);
    return guard_is_there(s, turn, l) && !mono_reached(turn->now, s->remotes[n].lease_until);
}

bool guard_is_able(const struct service *s, const struct turn *turn, const struct ledger *l)
{
    node_id n = l->guard.node;
    bool ready = n == turn_self(turn) ? s->guard.ready : s->remotes[n].guard_ready;
    return ready && guard_is_there(s, turn, l);
}

/* We had shut it, proven, and it takes writes again: a server doesn't get from behind a fence by itself. Another
 * coordinator of our region opened it. That one may hold the region's lease, or a mark, of which we can't know as long
 * as we may lag; then shutting it each time that we see it takes a healthy writer down for ever. So it is shut once
 * more, for the case that it was a stranger, and after that left open for longer each time, and said to be. Who hears a
 * majority knows whose the database is, and does not wait. */
static bool is_contested(const struct service *s, const struct turn *turn)
{
    bool alone = s->policy->regions[s->home].guards == node_bit(turn_self(turn));
    return !alone && guard_may_lag(s, turn);
}

static void leave_open(struct service *s, struct turn *turn)
{
    struct guard *g = &s->guard;
    policy_text_set(&g->detail, "opened again after it was shut: another coordinator of the region, not heard here?");
    set_fence(s, turn, FENCE_FAILED, &g->detail);
    g->retry_at = mono_after(turn->now, GUARD_CONTESTED_US << (g->contested - 1));
    service_wake(s, g->retry_at);
}

/* A primary where no primary may be (an old one that came back, somebody's manual promotion) is
 * shut at first sight, not at the next recheck. */
static void run_intruder(struct service *s, struct turn *turn)
{
    struct guard *g = &s->guard;
    const struct sighting *seen = &s->health.sightings[s->home][turn_self(turn)];
    if (g->fence != FENCE_CONFIRMED || g->wanted != ACT_FENCE_SHUT || !seen->known || seen->facts.in_recovery ||
        !seen->facts.write_checked || !seen->facts.write_ok ||
        !mono_reached(seen->at, mono_after(g->recheck_at, -GUARD_RECHECK_US + 1)))
        return;
    bool lately = mono_since(turn->now, g->contested_at) < GUARD_CONTESTED_US << GUARD_CONTESTED_MAX;
    uint8_t times = lately ? g->contested : 0;
    g->contested = !is_contested(s, turn) ? 0 : times < GUARD_CONTESTED_MAX ? (uint8_t)(times + 1) : times;
    g->contested_at = turn->now;
    if (g->contested > 1)
        leave_open(s, turn);
    else
        g->recheck_at = turn->now;
}

void guard_run(struct service *s, struct turn *turn)
{
    if (!s->guard.mine)
        return;
    note_sleep(s, turn);
    check_clocks(s, turn);
    note_epoch(s, turn);
    run_lease(s, turn);
    run_intruder(s, turn);
    run_fence(s, turn);
    run_release(s, turn);
    run_last_look(s, turn);
}
