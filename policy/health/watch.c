/* watch: keeps what this node and the others judge of every region, and the writer's positions.
 *
 * Runs after each event: own verdicts from the thresholds, self-distrust, notes about what changed.
 * A change of an own verdict is told to the others at once, not at the next heartbeat.
 */
#include "policy/health/tally.h"
#include "policy/quorum/majority.h"
#include "policy/service.h"

static void note_check(struct service *s, struct turn *turn, uint8_t check, enum verdict now)
{
    if (s->health.check_noted[check] == now)
        return;
    struct note *note = service_note(s, turn, NOTE_CHECK_CHANGED);
    note->region = s->policy->checks[check].region;
    note->check = check;
    note->a = now;
    note->b = s->health.check_noted[check];
    note->detail = s->health.thresholds[check].detail;
    s->health.check_noted[check] = now;
}

/* What the checks say stays as it is until one of them has a new sample, or is due by itself (threshold_due()): most
 * events are neither. This file alone gives thresholds anything, and what does asks for a new judgement. */
static void judge_checks(struct service *s, struct turn *turn)
{
    struct health *h = &s->health;
    h->judged_until = MONO_NEVER;
    for (uint8_t c = 0; c < s->policy->check_count; c++) {
        struct threshold *t = &h->thresholds[c];
        note_check(s, turn, c, threshold_state(t, &s->policy->checks[c], turn->now));
        struct mono_time due = threshold_due(t, &s->policy->checks[c]);
        if (!mono_reached(turn->now, due)) /* what was due has been judged just now */
            h->judged_until = mono_earlier(h->judged_until, due);
    }
    for (region_id r = 0; r < turn->config->region_count; r++)
        h->judged[r] = verdict_of_region(s->policy, h->thresholds, r, turn->now);
}

static void judge_anew(struct service *s)
{
    s->health.judged_until = (struct mono_time){ 0 };
}

void watch_sample(struct service *s, const struct turn *turn, const struct sample *sample)
{
    const struct check_policy *policy = &s->policy->checks[sample->check];
    threshold_sample(&s->health.thresholds[sample->check], policy, sample);
    judge_anew(s);
    /* What was read of the database was read at some time of the round, which may have ended with a write that
     * hung: it is as old as the round's beginning. */
    if (sample->database.known)
        s->health.sightings[policy->region][turn_self(turn)] =
            (struct sighting){ true, mono_after(sample->at, -sample->latency_us), sample->database };
}

void watch_forget(struct service *s, region_id region)
{
    for (uint8_t c = 0; c < s->policy->check_count; c++)
        if (s->policy->checks[c].region == region)
            s->health.thresholds[c] = (struct threshold){ 0 };
    judge_anew(s);
}

static void run_distrust(struct service *s, struct turn *turn,
                         const struct region_verdict *verdicts)
{
    struct distrust d = verdict_distrust(turn->config, s->policy, verdicts, turn_heard_set(turn));
    /* Nobody can have been heard yet: that is a start, not an isolation. No verdict is as fast. */
    bool starting = mono_since(turn->now, s->start) <
                    SILENT_HEARTBEATS * turn->config->heartbeat_us;
    bool abstains = !starting && distrust_abstains(d);
    if (abstains != s->health.abstaining) {
        struct note *note = service_note(s, turn, NOTE_ABSTAINING);
        note->a = abstains;
        note->b = d.failing;
        note->c = d.regions;
    }
    s->health.abstaining = abstains;
    s->health.distrust = d;
}

/* How long a database behind a lapsed lease counts as merely suspect: as its own check has it. */
static int64_t lapse_for_us(const struct service *s, region_id region)
{
    int64_t least = TIME_FOREVER_US;
    for (uint8_t c = 0; c < s->policy->check_count; c++) {
        const struct check_policy *check = &s->policy->checks[c];
        if (check->region == region && (check->kind == CHECK_POSTGRES || least == TIME_FOREVER_US))
            least = check->for_us;
        if (check->region == region && check->kind == CHECK_POSTGRES)
            break;
    }
    return least;
}

/* Whose guard should be renewing an enforced lease, by what this voter knows. Once an operation has
 * begun nobody renews; what the dead guard's lease said still counts until that guard is heard. */
static region_id leased_region(const struct service *s, const struct turn *turn, const struct ledger *l)
{
    if (l == NULL || !turn->voting || l->fence != FENCE_ENFORCED || l->keep_on_quorum_loss)
        return REGION_NONE;
    /* Also while its own operation still waits for DNS, which may take hours. */
    if (l->writer != REGION_NONE)
        return l->writer;
    bool begun = l->operation.phase == PHASE_BEGUN && l->operation.may_return;
    return begun && !guard_is_able(s, turn, l) ? l->operation.from : REGION_NONE;
}

/* A voter grants by what it has accepted. With a newer value than the one that is known chosen, which names another
 * writer or none, it grants nothing, however often it is asked; and while the writer has its lease from the others
 * that value is left alone (register.c), for hours maybe. What it does not grant it can't miss, so it takes the
 * guard's word for its lease then. A guard that is not heard, or has none, has lapsed as ever. */
static bool others_grant(const struct service *s, const struct turn *turn, const struct ledger *l)
{
    const struct register_report *own = &s->acceptor.accepted;
    return l->writer != REGION_NONE && own->present && own->ledger.version > l->version && guard_is_leased(s, turn, l);
}

/* Our probes may come from an address that the fence lets through (a standby's host streams from
 * there), so a writer whose guard is dead looks well to them while the kernel lets no client in. A
 * voter knows better: it has not been asked to renew that lease for longer than it can run. */
static void judge_lapse(struct service *s, const struct turn *turn, struct region_verdict *verdicts)
{
    const struct ledger *l = service_ledger(s);
    region_id region = leased_region(s, turn, l);
    /* A voter that is left behind what is chosen grants nothing, however often it is asked. */
    if (region == REGION_NONE || register_is_behind(s) || others_grant(s, turn, l))
        return;
    struct mono_time last = mono_later(s->acceptor.last_grant, s->guard_known_at);
    struct mono_time lapsed = lease_wait_until(l, 0, last);
    struct region_verdict *v = &verdicts[region];
    if (!mono_reached(turn->now, lapsed)) {
        service_wake(s, lapsed);
        return;
    }
    struct mono_time failed = mono_after(lapsed, lapse_for_us(s, region));
    bool is_failed = mono_reached(turn->now, failed);
    if (!is_failed)
        service_wake(s, failed);
    if (v->verdict == VERDICT_FAILED || (v->verdict == VERDICT_SUSPECT && !is_failed))
        return;
    *v = (struct region_verdict){
        .verdict = is_failed ? VERDICT_FAILED : VERDICT_SUSPECT,
        .reason = REASON_LEASE_LAPSED,
        .check = CHECK_NONE,
        .since = lapsed,
    };
    policy_text_set(&v->detail, "the writer's guard renews its lease no more");
}

/* A node that suspects itself says `unknown` of every other region; of its own it may still speak,
 * since it looks at that without the network it distrusts. */
static void abstain(const struct service *s, region_id region, struct region_verdict *verdict)
{
    if (!s->health.abstaining || region == s->home || verdict->reason == REASON_NO_CHECKS ||
        verdict->verdict == VERDICT_HEALTHY)
        return;
    verdict->verdict = VERDICT_UNKNOWN;
    verdict->reason = REASON_SELF_SUSPECT;
}

static void set_verdict(struct service *s, struct turn *turn, region_id region,
                        const struct region_verdict *verdict)
{
    struct opinion *own = &s->health.opinions[region][turn_self(turn)];
    if (own->verdict.verdict != verdict->verdict) {
        struct note *note = service_note(s, turn, NOTE_VERDICT_CHANGED);
        note->region = region;
        note->check = verdict->check;
        note->a = verdict->verdict;
        note->b = own->verdict.verdict;
        note->c = verdict->reason;
        note->detail = verdict->detail;
        s->gossip_now = true;
    }
    own->heard = true;
    own->at = turn->now;
    own->verdict = *verdict;
}

static void note_majority(struct service *s, struct turn *turn, region_id region)
{
    struct vote_count count = tally_failed(turn->voters, s->health.opinions[region],
                                           s->policy->evidence_max_age_us, turn->now);
    if (tally_won(count) == s->health.majority_noted[region])
        return;
    s->health.majority_noted[region] = tally_won(count);
    struct note *note = service_note(
        s, turn, tally_won(count) ? NOTE_MAJORITY_FAILED : NOTE_MAJORITY_CLEARED);
    note->region = region;
    note->a = count.votes;
    note->b = electorate_needed(turn->voters);
}

/* The writer's positions, whoever saw them. While nobody may write, the one that wrote last. */
static void feed_series(struct service *s, const struct turn *turn)
{
    const struct ledger *ledger = service_ledger(s);
    if (ledger == NULL)
        return;
    region_id writer = operation_moves(ledger->operation.kind) ? ledger->operation.from
                                                                    : ledger->writer;
    /* A granted target that was promoted may have written: from then on it is the one to match, also for
     * an operation that was begun on top of its grant before anybody knew. */
    region_id granted = turn->config->region_of[ledger->guard.node];
    if (operation_moves(ledger->operation.kind) && service_seen_primary(s, granted))
        writer = granted;
    if (writer == REGION_NONE)
        return;
    if (writer != s->health.series_region) {
        loss_init(&s->health.writer_series, s->health.writer_series.min_gap_us);
        s->health.series_region = writer;
        s->health.streaming_at = (struct mono_time){ 0 };
    }
    /* Sightings arrive out of order from several observers; the series takes only newer ones. */
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct sighting *seen = &s->health.sightings[writer][n];
        if (seen->known && !seen->facts.in_recovery)
            loss_sample(&s->health.writer_series, seen->facts.timeline, seen->facts.lsn, seen->at);
    }
}

/* Bytes and seconds are measured against the series. Where a later region was granted and never seen to
 * be a primary, it may have become one since it was last looked at: the knowledge is as old as that look. Where that
 * look shows a primary, and it is not known to be of since the grant, it may as well have written ever since that, on
 * a timeline that the standby never had: of that nothing is known. */
struct loss watch_loss(const struct service *s, const struct turn *turn, region_id target, uint64_t lsn)
{
    struct loss loss = loss_estimate(&s->health.writer_series, lsn, turn->now);
    const struct ledger *l = service_ledger(s);
    if (!loss.known || l == NULL || !operation_moves(l->operation.kind))
        return loss;
    region_id granted = turn->config->region_of[l->guard.node];
    if (granted == s->health.series_region || granted == target)
        return loss;
    const struct sighting *seen = service_sighting(s, granted, NULL);
    if (seen == NULL || !seen->facts.in_recovery)
        return (struct loss){ .known = false, .age_us = -1 };
    int64_t age = mono_since(turn->now, seen->at);
    loss.age_us = age > loss.age_us ? age : loss.age_us;
    return loss;
}

/* Whoever saw it: after a restart of ours the others still know. */
static void see_own_standby(struct service *s, const struct turn *turn)
{
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct sighting *seen = &s->health.sightings[s->home][n];
        if (seen->known && seen->facts.in_recovery && seen->facts.walreceiver_live)
            s->health.streaming_at = mono_later(s->health.streaming_at, seen->at);
    }
}

void watch_run(struct service *s, struct turn *turn)
{
    struct region_verdict verdicts[POLICY_REGIONS_MAX];
    if (mono_reached(turn->now, s->health.judged_until))
        judge_checks(s, turn);
    service_wake(s, s->health.judged_until);
    for (region_id r = 0; r < turn->config->region_count; r++) {
        verdicts[r] = s->health.judged[r];
        if (verdicts[r].reason == REASON_NO_CHECKS) /* of what nobody looks at nothing has stood for any time */
            verdicts[r].since = turn->now;
    }
    judge_lapse(s, turn, verdicts);
    run_distrust(s, turn, verdicts);
    for (region_id r = 0; r < turn->config->region_count; r++) {
        abstain(s, r, &verdicts[r]);
        set_verdict(s, turn, r, &verdicts[r]);
        if (s->policy->regions[r].serves)
            note_majority(s, turn, r);
    }
    feed_series(s, turn);
    see_own_standby(s, turn);
}

static void take_opinion(struct service *s, struct turn *turn, node_id from, region_id region,
                         const struct gossip_region *said)
{
    struct opinion *opinion = &s->health.opinions[region][from];
    enum verdict before = opinion->heard ? opinion->verdict.verdict : VERDICT_UNKNOWN;
    if (said->verdict != before) {
        struct note *note = service_note(s, turn, NOTE_PEER_VERDICT);
        note->region = region;
        note->node = from;
        note->check = said->check;
        note->a = said->verdict;
        note->b = before;
        note->c = said->reason;
        note->detail = said->detail;
    }
    *opinion = (struct opinion){
        .heard = true,
        .at = turn->said_at,
        .verdict = {
            .verdict = said->verdict,
            .reason = said->reason,
            .check = said->check < s->policy->check_count ? said->check : CHECK_NONE,
            .since = { turn->said_at.us - said->standing_us },
            .detail = said->detail,
        },
    };
}

static bool same_facts(const struct database_facts *a, const struct database_facts *b)
{
    return a->in_recovery == b->in_recovery && a->write_checked == b->write_checked &&
           a->write_ok == b->write_ok && a->walreceiver_live == b->walreceiver_live &&
           a->frozen == b->frozen && a->timeline == b->timeline && a->lsn == b->lsn &&
           a->replayed_lsn == b->replayed_lsn && a->system_id == b->system_id;
}

/* An age that is told again and again by a clock slower than ours would let one old look seem younger
 * each time. The same facts, at an age that clock rates explain, are the look that we know of. */
static bool is_known_look(const struct service *s, const struct turn *turn, const struct sighting *seen,
                          const struct gossip_region *said)
{
    int64_t age = mono_since(turn->said_at, seen->at);
    int64_t slower = age / 1000000 * 2 * (int64_t)s->policy->clock_error_ppm;
    return seen->known && same_facts(&seen->facts, &said->database) &&
           said->database_age_us >= age - slower;
}

void watch_gossip(struct service *s, struct turn *turn, node_id from,
                  const struct message_gossip *gossip)
{
    for (region_id r = 0; r < turn->config->region_count; r++) {
        const struct gossip_region *said = &gossip->regions[r];
        take_opinion(s, turn, from, r, said);
        struct mono_time at = { turn->said_at.us - said->database_age_us };
        struct sighting *seen = &s->health.sightings[r][from];
        if (said->database.known && (!seen->known || at.us >= seen->at.us) &&
            !is_known_look(s, turn, seen, said))
            *seen = (struct sighting){ true, at, said->database };
    }
}
