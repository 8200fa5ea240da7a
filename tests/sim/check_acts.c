/* Leases and steps: what nodes do to the world outside, held against what was truly chosen and truly
 * granted. See check.h. */
#include "tests/sim/truth.h"

#include "policy/failover/gates.h"

#define PPM 1000000

/* ---- leases ---- */

void check_granted(struct world *w, struct host *h, const struct message *m)
{
    uint8_t service = m->service;
    const struct message_grant *grant = &m->as.grant;
    struct truth_voter *voter = truth_voter(w, service, h);
    truth_quiet_ends(w, service, h);
    for (size_t i = 0; i < TRUTH_LEASES; i++) {
        struct truth_lease *lease = &voter->leases[i];
        if (lease->epoch == grant->epoch && truth_same_instance(lease->instance, grant->instance)) {
            lease->last_us = w->now_us;
            lease->made_mono_us = m->sent_us;
            lease->nonce = grant->nonce > lease->nonce ? grant->nonce : lease->nonce;
            return;
        }
    }
    voter->leases[voter->next_lease] =
        (struct truth_lease){ grant->instance, grant->epoch, grant->nonce, w->now_us, m->sent_us };
    voter->next_lease = (uint8_t)((voter->next_lease + 1u) % TRUTH_LEASES);
}

void check_released(struct world *w, const struct host *h, const struct message *m)
{
    const struct message_release *release = &m->as.release;
    struct message_release *newest = &w->services[m->service].truth->voters[host_index(w, h)].released;
    bool newer = release->epoch > newest->epoch ||
                 /* A process whose disk went back may ask for that epoch once more, and gives it back once more. */
                 (release->epoch == newest->epoch && release->nonce > newest->nonce);
    if (!truth_same_instance(newest->instance, release->instance) || newer)
        *newest = *release;
}

static bool gave_back(const struct truth *t, const struct truth_lease *lease)
{
    const struct message_release *said = &t->voters[lease->instance.node % POLICY_NODES_MAX].released;
    return truth_same_instance(said->instance, lease->instance) &&
           (said->epoch > lease->epoch || (said->epoch == lease->epoch && said->nonce >= lease->nonce));
}

/* A voter accepts that nobody writes, and says how long ago it last let the outgoing guard have a lease: whoever
 * waits that lease out counts from there. Both readings are of its own clock. */
void check_grant_age(struct world *w, const struct host *h, const struct message *m)
{
    const struct truth *t = w->services[m->service].truth;
    const struct message_accepted *said = &m->as.accepted;
    const struct ledger *l = &said->report.ledger;
    if (!said->report.present || l->writer != REGION_NONE)
        return;
    for (size_t i = 0; i < TRUTH_LEASES; i++) {
        const struct truth_lease *lease = &t->voters[host_index(w, h)].leases[i];
        if (lease->epoch != l->guard_epoch || !truth_same_instance(lease->instance, l->guard) || gave_back(t, lease))
            continue;
        if (said->grant_age_us > m->sent_us - lease->made_mono_us)
            world_break(w, INVARIANT_LEASE, "%s makes a lease that it granted older than it is", h->name);
    }
}

/* Who waits for a lease to end counts from a voter's last grant: L of a clock that is slow by rho lasts
 * L/(1-rho). So no guard may go by it for longer than that after the grants of a majority. */
int64_t truth_leased_until_us(const struct world *w, uint8_t service, const struct ledger *l)
{
    const struct truth *t = w->services[service].truth;
    int64_t rho = l->clock_error_ppm, lease = l->lease_us, latest = TRUTH_NEVER_US;
    int64_t longest = lease / (PPM - rho) * PPM + lease % (PPM - rho) * PPM / (PPM - rho) +
                      TRUTH_ROUNDING_US;
    int64_t until_us[POLICY_NODES_MAX];
    for (uint8_t n = 0; n < w->host_count; n++) {
        until_us[n] = TRUTH_NEVER_US;
        for (size_t i = 0; i < TRUTH_LEASES; i++) {
            const struct truth_lease *lease_of = &t->voters[n].leases[i];
            if (lease_of->epoch == l->epoch && truth_same_instance(lease_of->instance, l->guard))
                until_us[n] = lease_of->last_us + longest;
        }
    }
    for (uint8_t n = 0; n < w->host_count; n++) { /* the latest that a majority reaches */
        node_set yes = 0;
        for (uint8_t m = 0; m < w->host_count; m++)
            if (until_us[m] >= until_us[n])
                yes = (node_set)(yes | node_bit(m));
        if (truth_is_majority(w, yes) && until_us[n] > latest)
            latest = until_us[n];
    }
    return latest;
}

static bool covered(const struct world *w, uint8_t service, const struct ledger *l,
                    int64_t until_us, bool by_time)
{
    int64_t leased_us = truth_leased_until_us(w, service, l);
    return leased_us > TRUTH_NEVER_US && (!by_time || until_us <= leased_us);
}

/* READS that finds a primary opens it for writes. That is no harm where its own guard may open it. So nobody asks
 * for READS on what it saw before the register went on: the region may have been named then. */
static void check_reads(struct world *w, const struct host *h, const struct act *act, int64_t until_us)
{
    uint8_t service = act->key.service;
    region_id r = h->region;
    struct truth *t = w->services[service].truth;
    const struct ledger *l = check_newest(w, service);
    int64_t looked_us = h->looked_us[service];
    if (looked_us == 0 && w->services[service].policy.fence == FENCE_GUARDED)
        looked_us = h->former_looked_us[service];
    if (l != NULL && act->key.epoch == l->epoch && looked_us < t->epoch_us)
        world_break(w, INVARIANT_LEASE, "%s opens its database for reads, and has not looked at it in epoch %llu",
                    h->name, (unsigned long long)l->epoch);
    if (w->services[service].databases[r].in_recovery)
        return;
    if (truth_by_hand(w, service, r)) { /* not known yet to be one; check.c sees how long that takes */
        if (t->by_hand_since_us[r] < 0)
            t->by_hand_since_us[r] = w->now_us;
        return;
    }
    if (l == NULL || l->writer != r || !covered(w, service, l, until_us, !l->keep_on_quorum_loss))
        world_break(w, INVARIANT_LEASE, "%s opens its primary as if it served reads only",
                    truth_region(w, r));
}

/* A kernel's element is set by the very process that asked; a door may be opened after that died and another instance
 * lives on its host. */
static bool is_chosen_guard(const struct world *w, uint8_t service, const struct host *h, const struct ledger *l)
{
    bool kernel = w->services[service].policy.fence == FENCE_ENFORCED;
    return l != NULL && l->writer == h->region && l->guard.node == host_index(w, h) &&
           (!kernel || l->guard.id == h->config.instance);
}

void check_opened(struct world *w, struct host *h, const struct act *act, int64_t until_us)
{
    uint8_t service = act->key.service;
    if (act->kind != ACT_FENCE_HOLD) {
        check_reads(w, h, act, until_us);
        return;
    }
    const struct ledger *l = truth_of_epoch(w->services[service].truth, act->key.epoch);
    bool chosen = is_chosen_guard(w, service, h, l);
    bool leased = chosen && covered(w, service, l, until_us, !l->keep_on_quorum_loss);
    /* By a person's word, without a lease: then by the mark alone. A door may be opened after who asked died. */
    if (check_held_by_mark(w, service, h, leased))
        return;
    if (!chosen) {
        world_break(w, INVARIANT_LEASE, "%s opens its database in epoch %llu, of which it is not "
                    "the chosen guard", h->name, (unsigned long long)act->key.epoch);
        return;
    }
    check_barred(w, h, act);
    if (!leased)
        world_break(w, INVARIANT_LEASE,
                    "%s holds its database open for longer than a majority's grants allow",
                    h->name);
}

/* ---- standbys ---- */

/* Only to one that is chosen writer in the act's epoch, and never the target of what runs now: what was frozen and
 * compared is what gets promoted. Another coordinator of the region may not have heard of that yet. */
void check_follows(struct world *w, const struct host *h, const struct act *act)
{
    uint8_t service = act->key.service;
    const struct ledger *l = truth_of_epoch(w->services[service].truth, act->key.epoch);
    const struct ledger *newest = check_newest(w, service);
    bool target = newest != NULL && operation_moves(newest->operation.kind) && newest->operation.to == h->region;
    bool knows = newest != NULL && h->ledger_known[service] && h->ledger[service].epoch >= newest->epoch;
    if (l == NULL || l->writer != act->region)
        world_break(w, INVARIANT_CHOSEN, "%s leads its standby to %s, which is not chosen as writer of epoch %llu",
                    h->name, truth_region(w, act->region), (unsigned long long)act->key.epoch);
    else if (target && knows && act->key.epoch >= newest->epoch)
        world_break(w, INVARIANT_ONCE, "%s leads the target of an operation elsewhere", h->name);
}

/* ---- promotions ---- */

static const struct ledger *grant_of(const struct truth *t, const struct act *act)
{
    for (uint64_t v = t->top; v > 0 && t->chosen[v].epoch >= act->key.epoch; v--) {
        const struct ledger *l = &t->chosen[v];
        if (l->epoch == act->key.epoch && operation_moves(l->operation.kind) &&
            l->operation.phase == PHASE_GRANTED && l->operation.id == act->key.operation)
            return l;
    }
    return NULL;
}

void check_promotion(struct world *w, struct host *h, const struct act *act)
{
    uint8_t service = act->key.service;
    if (act->key.step == STEP_GLASS) {
        check_glass_promotion(w, h, act);
        return;
    }
    const struct ledger *l = grant_of(w->services[service].truth, act);
    if (l == NULL || l->writer != h->region || l->guard.node != host_index(w, h) ||
        l->guard.id != h->config.instance) {
        world_break(w, INVARIANT_EVIDENCE, "%s promotes without a chosen grant", h->name);
        return;
    }
    if (!covered(w, service, l, host_true(h, act->until.us), true))
        world_break(w, INVARIANT_LEASE, "%s promotes without a lease", h->name);
    /* However late the promotion is done, by then under another's lease: nobody gets in. Another coordinator
     * of the region that has not heard of the operation yet could let reads through since the fence was shut:
     * the executor waits for it, or until it can't. */
    const struct database *db = &w->services[service].databases[h->region];
    bool enforced = w->services[service].policy.fence == FENCE_ENFORCED;
    if (enforced ? w->now_us < db->fence_until : db->door_open)
        world_break(w, INVARIANT_LEASE, "%s promotes behind an open fence", h->name);
}

/* What was lost by it is worked out when the timeline takes its first write (check_loss.c): a promotion
 * that comes so late that others write by then gives a database that nobody may enter. */
void check_promoted(struct world *w, struct host *h, const struct act *act, uint32_t parent,
                    uint64_t fork_lsn)
{
    (void)parent;
    (void)fork_lsn;
    uint8_t service = act->key.service;
    struct truth *t = w->services[service].truth;
    uint32_t timeline = w->services[service].databases[h->region].timeline;
    if (timeline < WORLD_TIMELINES_MAX)
        t->made |= UINT64_C(1) << timeline;
    if (!truth_step_is_new(t->promoted, &t->next_promoted, act->key.operation, act->key.epoch))
        world_break(w, INVARIANT_ONCE, "%s is promoted twice by one operation in epoch %llu",
                    truth_region(w, h->region), (unsigned long long)act->key.epoch);
}

/* ---- regions cut off ---- */

void check_cut_off(struct world *w, const struct act *act)
{
    struct truth *t = w->services[act->key.service].truth;
    (void)truth_step_is_new(t->cut_off, &t->next_cut_off, act->key.operation, act->key.epoch);
}

bool truth_is_cut_off(const struct truth *t, uint64_t operation, uint64_t epoch)
{
    for (size_t i = 0; i < TRUTH_STEPS; i++)
        if (t->cut_off[i].operation == operation && t->cut_off[i].epoch == epoch)
            return true;
    return false;
}

/* ---- DNS ---- */

static bool is_chosen_change(const struct truth *t, const struct act *act, bool *adopts)
{
    for (uint64_t v = t->top; v > 0 && t->chosen[v].epoch >= act->key.epoch; v--) {
        const struct ledger *l = &t->chosen[v];
        if (l->epoch != act->key.epoch || l->writer != act->region ||
            l->operation.id != act->key.operation || l->operation.phase != PHASE_GRANTED)
            continue;
        *adopts = l->operation.kind == OPERATION_ADOPT;
        return true;
    }
    return false;
}

/* What part of the traffic the value that the act names asks to have at the writer, worked out from what was said. */
static bool is_chosen_share(const struct truth *t, const struct act *act)
{
    if (act->version == 0 || act->version > t->top)
        return act->version == 0 && act->share == 100;
    const struct ledger *l = &t->chosen[act->version];
    const struct ledger_operation *op = &l->operation;
    bool in_stages = op->kind == OPERATION_FAILBACK && op->shift.count > 0 && op->id == act->key.operation &&
                     l->epoch == act->key.epoch;
    return in_stages && act->from == op->from &&
           act->share == (op->wish == WISH_BACK ? 0 : op->shift.percent[op->shift.at]);
}

/* A second change of a zone in one epoch and operation: only more or less of the traffic, at a newer word. */
static bool is_next_share(const struct zone *zone, const struct zone_state *before)
{
    return zone->now.version > before->version && zone->now.share != before->share;
}

void check_zone(struct world *w, struct host *h, const struct act *act, uint8_t z,
                const struct zone_state *before)
{
    uint8_t service = act->key.service;
    const struct zone *zone = &w->services[service].zones[z];
    const struct ledger *newest = check_newest(w, service);
    unsigned long long epoch = zone->now.epoch;
    bool adopts = false, ours = before->mark == DNS_MARK_OURS;
    if (!is_chosen_change(w->services[service].truth, act, &adopts)) {
        world_break(w, INVARIANT_DNS, "%s points DNS at %s in epoch %llu, which is not chosen",
                    h->name, truth_region(w, act->region), (unsigned long long)act->key.epoch);
        return;
    }
    if (epoch != act->key.epoch || zone->now.region != act->region)
        world_break(w, INVARIANT_DNS, "DNS shows something else than was asked for");
    if (ours && before->epoch > epoch)
        world_break(w, INVARIANT_DNS, "DNS went back from epoch %llu to %llu",
                    (unsigned long long)before->epoch, epoch);
    /* The control plane forgot: until something newer is there, older changes find their way in. */
    if (!zone->rolled_back && zone->highest_epoch > epoch)
        world_break(w, INVARIANT_DNS, "DNS is below epoch %llu, which it has shown",
                    (unsigned long long)zone->highest_epoch);
    if (!zone->rolled_back && newest->dns_epoch > epoch)
        world_break(w, INVARIANT_DNS, "DNS is below epoch %llu, which was in force",
                    (unsigned long long)newest->dns_epoch);
    if (!is_chosen_share(w->services[service].truth, act))
        world_break(w, INVARIANT_DNS, "%s wants %u percent at %s, which version %llu does not say", h->name, act->share,
                    truth_region(w, act->region), (unsigned long long)act->version);
    /* Versions order the shares of one operation. The mark of an adoption has none (its share is all, which
     * is_chosen_share() holds), and it comes after any share of its epoch: it is chosen when the operation that moved
     * the writer is over, with all of the traffic. That such a mark is not replaced by one of the operation before is
     * looked at below. */
    if (!zone->rolled_back && zone->highest_epoch == epoch && zone->highest_operation == zone->now.operation &&
        zone->highest_version > zone->now.version)
        world_break(w, INVARIANT_DNS, "the share of zone %u went back behind version %llu", z,
                    (unsigned long long)zone->highest_version);
    if (ours && before->epoch == epoch && before->operation == zone->now.operation) {
        if (!is_next_share(zone, before))
            world_break(w, INVARIANT_ONCE, "%s changes zone %u twice in epoch %llu", h->name, z, epoch);
    } else if (ours && before->epoch == epoch && !adopts) {
        world_break(w, INVARIANT_DNS, "%s takes zone %u from another operation of epoch %llu",
                    h->name, z, epoch);
    }
}

/* ---- what operations say of themselves ---- */

static void note_loss(struct truth *t, uint8_t host, const struct note *note)
{
    size_t at = t->next_loss;
    for (size_t i = 0; i < TRUTH_LOSSES; i++)
        if (t->losses[i].operation == note->operation)
            at = i;
    /* Whoever takes over from an executor that had the target promoted can't measure any more. */
    if (note->a < 0 && t->losses[at].operation == note->operation)
        return;
    if (at == t->next_loss)
        t->next_loss = (uint8_t)((t->next_loss + 1u) % TRUTH_LOSSES);
    t->losses[at] = (struct truth_loss){ note->operation, note->a, note->b, note->c, host };
}

/* The old writer is said to acknowledge nothing any more. */
static void check_shut(struct world *w, uint8_t service, const struct ledger *l,
                       const struct host *h)
{
    region_id old = l->guard.node < w->host_count ? w->hosts[l->guard.node].region : REGION_NONE;
    if (check_newest(w, service)->epoch != l->epoch)
        return; /* the register went on without this executor */
    for (region_id r = 0; r < w->options.region_count; r++) {
        /* After an operation that went on without proof, one that wrote before may still do so. */
        bool known_risk = (r != old && w->beyond[BEYOND_RISK]) || truth_is_marked(w, service, r);
        if (world_acknowledges(w, service, r) && !truth_by_hand(w, service, r) && !known_risk)
            world_break(w, INVARIANT_LEASE, "%s takes the fence for proven, and %s writes", h->name,
                        truth_region(w, r));
    }
}

static void check_fence_proven(struct world *w, const struct host *h, const struct note *note)
{
    const struct ledger *l = truth_of_epoch(w->services[note->service].truth, note->epoch);
    if (l == NULL || l->operation.id != note->operation || l->operation.phase != PHASE_BEGUN) {
        world_break(w, INVARIANT_CHOSEN, "%s proves a fence in epoch %llu, where no such operation "
                    "is chosen", h->name, (unsigned long long)note->epoch);
        return;
    }
    bool keeps = l->keep_on_quorum_loss;
    bool person = (l->operation.skipped_gates >> GATE_FENCE & 1u) != 0;
    bool accepts = h->config.services[note->service].accept_unconfirmed_fence && !keeps;
    switch (note->a) {
    case PROOF_RELEASED: check_shut(w, note->service, l, h); return;
    case PROOF_LAPSED:
        if (l->fence != FENCE_ENFORCED || keeps)
            world_break(w, INVARIANT_ONCE, "%s takes a lapsed lease for a proof, and nothing "
                        "enforces it", h->name);
        check_shut(w, note->service, l, h);
        return;
    case PROOF_REMOTE:
        if (!truth_is_cut_off(w->services[note->service].truth, note->operation, note->epoch))
            world_break(w, INVARIANT_ONCE, "%s takes a remote hook for a proof that did not confirm in this "
                        "operation and epoch", h->name);
        check_shut(w, note->service, l, h);
        return;
    case PROOF_ACCEPTED:
    case PROOF_PERSON:
        if (note->a == PROOF_ACCEPTED ? !accepts : !person)
            world_break(w, INVARIANT_ONCE, "%s goes on without a proven fence, and nobody accepted "
                        "that", h->name);
        w->beyond[BEYOND_RISK] = true;
        return;
    default:
        world_break(w, INVARIANT_ONCE, "%s proves a fence by nothing known", h->name);
    }
}

void truth_finished(struct world *w, uint8_t service, const struct ledger *before,
                    const struct ledger *after)
{
    const struct world_service *s = &w->services[service];
    bool done = before->operation.kind != OPERATION_NONE &&
                after->operation.kind == OPERATION_NONE && after->last_outcome == OUTCOME_DONE;
    if (!done)
        return;
    if (operation_moves(before->operation.kind) && s->databases[after->writer].in_recovery)
        world_break(w, INVARIANT_ONCE, "an operation is over, and %s was never promoted",
                    truth_region(w, after->writer));
    for (uint8_t z = 0; z < s->policy.zone_count && z < WORLD_ZONES_MAX; z++) {
        const struct zone *zone = &s->zones[z];
        bool its_own = zone->now.mark == DNS_MARK_OURS && zone->now.epoch == after->epoch &&
                       zone->now.operation == before->operation.id;
        if (zone->highest_epoch < after->epoch)
            world_break(w, INVARIANT_ONCE, "an operation is over, and zone %u never showed its "
                        "epoch %llu", z, (unsigned long long)after->epoch);
        else if (its_own && !zone->rolled_back && zone->now.share != 100)
            world_break(w, INVARIANT_ONCE, "an operation is over with %u percent of the traffic at %s", zone->now.share,
                        truth_region(w, after->writer));
        else if (its_own && w->now_us < zone->insync_at)
            world_break(w, INVARIANT_ONCE, "an operation is over before its change of zone %u is "
                        "in force", z);
    }
}

static const struct ledger *end_of(const struct truth *t, uint64_t operation)
{
    for (uint64_t v = t->top; v > 1; v--)
        if (t->chosen[v].last_operation == operation &&
            t->chosen[v - 1].operation.id == operation)
            return &t->chosen[v];
    return NULL;
}

static void check_done(struct world *w, const struct host *h, const struct note *note)
{
    const struct truth *t = w->services[note->service].truth;
    const struct ledger *l = end_of(t, note->operation);
    if (l == NULL || l->last_outcome != OUTCOME_DONE || l->writer != note->region) {
        world_break(w, INVARIANT_ONCE, "%s reports an operation as done that is not", h->name);
        return;
    }
    if (note->b < 0 || !operation_moves(t->chosen[l->version - 1].operation.kind))
        return;
    for (size_t i = 0; i < TRUTH_LOSSES; i++)
        if (t->losses[i].operation == note->operation && t->losses[i].host == host_index(w, h) &&
            t->losses[i].bytes != note->b)
            world_break(w, INVARIANT_ONCE, "%s reports another loss than it had estimated",
                        h->name);
}

void check_note(struct world *w, struct host *h, const struct note *note)
{
    if (note->service >= w->service_count)
        return;
    if (note->kind == NOTE_LOSS_ESTIMATED)
        note_loss(w->services[note->service].truth, host_index(w, h), note);
    else if (note->kind == NOTE_FENCE_PROVEN)
        check_fence_proven(w, h, note);
    else if (note->kind == NOTE_OPERATION_DONE)
        check_done(w, h, note);
    else if (note->kind == NOTE_OPERATION_ABORTED && note->a == STEP_GRANT && note->b == GATE_FENCE)
        world_break(w, INVARIANT_EVIDENCE, "%s goes back at the grant for a fence that was proven before", h->name);
}
