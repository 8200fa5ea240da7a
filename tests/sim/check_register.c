/* The register, as the disks know it: see check.h.
 *
 * A value is truly chosen from the moment at which a majority of voters has it on disk at one same
 * ballot. What may be chosen follows from three sentences, and each is looked at when a value first
 * reaches any disk, before harm is done:
 *   - it is the newest chosen value put forward again, or one that may directly follow it;
 *   - a ballot above the one at which that was chosen carries nothing older;
 *   - nobody builds on, claims or acts upon what is accepted and not chosen.
 * A disk that forgot what it had said is the world's doing (beyond: DISK): see check_voting.c. */
#include "tests/sim/check_falsify.h"
#include "tests/sim/truth.h"

/* ---- what may follow what ---- */

static bool same_guard(const struct ledger *a, const struct ledger *b)
{
    return truth_same_instance(a->guard, b->guard) && a->guard_epoch == b->guard_epoch;
}

static bool begun(const struct ledger *l)
{
    return operation_moves(l->operation.kind) && l->operation.phase == PHASE_BEGUN &&
           l->writer == REGION_NONE;
}

static bool granted(const struct ledger *l)
{
    return operation_moves(l->operation.kind) && l->operation.phase == PHASE_GRANTED &&
           l->writer == l->operation.to && l->writer != REGION_NONE &&
           l->guard.node == l->operation.executor;
}

/* Nobody is named. The old writer's guard stays on record, and the way back to it is open only while
 * nobody else can have been named since it wrote. */
static bool names_none(const struct ledger *now, const struct ledger *next)
{
    bool way_back = !operation_moves(now->operation.kind) ||
                    (begun(now) && now->operation.may_return);
    return begun(next) && next->operation.id != 0 && next->operation.from != REGION_NONE &&
           same_guard(now, next) && truth_same_terms(now, next) &&
           ((way_back && next->operation.mark == 0) || !next->operation.may_return);
}

/* A failback in stages whose target was granted once: what people say of it is about its traffic. */
static bool is_home(const struct ledger *l)
{
    const struct ledger_operation *op = &l->operation;
    return op->kind == OPERATION_FAILBACK && op->shift.count > 0 && (op->phase == PHASE_GRANTED || !op->may_return);
}

static bool same_stage(const struct ledger *now, const struct ledger *next)
{
    return now->operation.shift.at == next->operation.shift.at &&
           now->operation.shift.count == next->operation.shift.count;
}

static bool at_last_stage(const struct ledger *l)
{
    return l->operation.shift.count == 0 || l->operation.shift.at + 1 == l->operation.shift.count;
}

static bool next_stage(const struct ledger *now, const struct ledger *next)
{
    return is_home(now) && now->operation.phase == PHASE_GRANTED && now->operation.wish != WISH_BACK &&
           next->operation.shift.at == now->operation.shift.at + 1;
}

/* What was sent back is told to go again. */
static bool comes_again(const struct ledger *now, const struct ledger *next)
{
    return is_home(now) && now->operation.wish == WISH_BACK && next->operation.wish == WISH_GO &&
           next->operation.shift.at == 0;
}

/* Straight behind the begin that it was proven for, by the one that carried that out. */
static bool names_target(const struct ledger *now, const struct ledger *next)
{
    return begun(now) && (now->operation.wish == WISH_GO || is_home(now)) && same_stage(now, next) &&
           granted(next) && next->operation.id == now->operation.id &&
           next->operation.to == now->operation.to &&
           next->operation.executor == now->operation.executor &&
           next->guard_epoch == next->epoch && next->longest_lease_us >= now->longest_lease_us &&
           next->longest_lease_us >= next->lease_us &&
           next->clock_error_ppm >= now->clock_error_ppm;
}

/* Held by a person, it goes neither on nor back. */
static bool goes_back(const struct ledger *now, const struct ledger *next)
{
    return begun(now) && now->operation.wish != WISH_HOLD && now->operation.may_return &&
           next->operation.kind == OPERATION_NONE &&
           next->writer == now->operation.from && next->guard_epoch == next->epoch &&
           truth_same_instance(next->guard, now->guard) && truth_same_terms(now, next) &&
           next->last_operation == now->operation.id && next->last_outcome == OUTCOME_ABORTED;
}

static bool keeps_writer(const struct ledger *now, const struct ledger *next)
{
    if (next->writer != now->writer || !same_guard(now, next) || !truth_same_terms(now, next))
        return false;
    if (next->operation.kind == OPERATION_NONE && now->operation.kind != OPERATION_NONE)
        return now->operation.phase == PHASE_GRANTED && now->operation.wish == WISH_GO && at_last_stage(now) &&
               next->last_operation == now->operation.id && next->last_outcome == OUTCOME_DONE;
    if (next->dns_epoch != now->dns_epoch)
        return false; /* only what is over is in force */
    if (now->operation.kind == OPERATION_NONE && next->operation.kind == OPERATION_ADOPT)
        return true;
    return next->operation.kind == now->operation.kind &&
           next->operation.phase == now->operation.phase &&
           next->operation.id == now->operation.id && next->operation.to == now->operation.to &&
           next->operation.mark == now->operation.mark &&
           (now->operation.wish != WISH_BACK || next->operation.wish == WISH_BACK || comes_again(now, next)) &&
           (same_stage(now, next) || comes_again(now, next) || next_stage(now, next));
}

/* Somebody said something: nothing else changes with it. */
static bool is_word(const struct ledger *now, const struct ledger *next)
{
    bool pause = now->pause.on != next->pause.on || now->pause.said.at.us != next->pause.said.at.us;
    bool wish = now->operation.kind != OPERATION_NONE && now->operation.id == next->operation.id &&
                now->operation.said.at.us != next->operation.said.at.us;
    return pause || wish;
}

static bool is_over(const struct ledger *next)
{
    return next->operation.kind == OPERATION_NONE;
}

static bool same_wish(const struct ledger *now, const struct ledger *next)
{
    return now->operation.kind == OPERATION_NONE || now->operation.wish == next->operation.wish;
}

static bool may_follow(const struct ledger *now, const struct ledger *next)
{
    if (next->version != now->version + 1 || next->dns_epoch < now->dns_epoch ||
        next->dns_epoch > next->epoch || !truth_list_follows(now, next))
        return false;
    if (next->epoch == now->epoch)
        return keeps_writer(now, next) && (is_word(now, next) || is_over(next) || same_wish(now, next));
    bool same = next->operation.kind != OPERATION_NONE && next->operation.id == now->operation.id;
    if (is_word(now, next) || (same && next->operation.wish != now->operation.wish))
        return false;
    return next->epoch == now->epoch + 1 &&
           (names_none(now, next) || names_target(now, next) || goes_back(now, next));
}

static bool may_be_first(const struct ledger *l)
{
    return l->epoch == 1 && l->guard_epoch == 1 && l->operation.kind == OPERATION_NONE &&
           l->writer != REGION_NONE && l->dns_epoch == 0 && l->longest_lease_us >= l->lease_us;
}

/* ---- what reaches the disks ---- */

/* A value reaches a disk for the first time at this ballot. */
static void check_value(struct world *w, uint8_t service, const struct ledger *l,
                        struct ballot ballot)
{
    const struct truth *t = w->services[service].truth;
    unsigned long long v = l->version;
    if (v == 0 || v >= WORLD_VERSIONS_MAX) {
        world_break(w, INVARIANT_SANE, "version %llu is more than this world can remember", v);
        return;
    }
    if (v > t->top + 1) {
        world_break(w, INVARIANT_CHOSEN,
                    "a value is put forward at version %llu, and nothing is chosen before it", v);
        return;
    }
    if (v <= t->top && !truth_same_value(&t->chosen[v], l)) {
        if (truth_ballots(ballot, t->top_ballot) > 0)
            world_break(w, INVARIANT_REGISTER,
                        "the chosen value of version %llu is lost: another is put forward", v);
        return; /* of an older ballot: a proposer that lost; it can't be chosen any more */
    }
    if (v < t->top && truth_ballots(ballot, t->top_ballot) > 0)
        world_break(w, INVARIANT_REGISTER,
                    "version %llu is put forward above the ballot that chose version %llu", v,
                    (unsigned long long)t->top);
    bool fits = v == 1 ? may_be_first(l) : may_follow(&t->chosen[v - 1], l);
    if (!fits)
        world_break(w, INVARIANT_REGISTER, "version %llu may not follow the one before", v);
    if (v > t->top)
        check_first_accepted(w, service, l, ballot);
}

/* Would the core's own rules notice if this value were another? */
static void try_rules(struct world *w, const struct ledger *before, const struct ledger *next)
{
    const char *unnoticed = falsify_chosen(before, next);
    if (unnoticed == NULL)
        unnoticed = falsify_voters(next);
    if (unnoticed == NULL)
        unnoticed = falsify_steps(next);
    if (unnoticed == NULL)
        unnoticed = falsify_set(truth_set(w));
    if (unnoticed != NULL)
        world_break(w, INVARIANT_SANE, "a rule of the core does not notice %s", unnoticed);
}

static void take_as_chosen(struct world *w, uint8_t service, const struct world_round *round)
{
    struct truth *t = w->services[service].truth;
    const struct ledger *l = &round->ledger;
    uint64_t v = l->version;
    if (v == 0 || v >= WORLD_VERSIONS_MAX)
        return; /* said already */
    if (v <= t->top) {
        if (!truth_same_value(&t->chosen[v], l))
            world_break(w, INVARIANT_REGISTER, "two values are chosen at version %llu",
                        (unsigned long long)v);
        else if (v == t->top && truth_ballots(round->ballot, t->top_ballot) > 0)
            t->top_ballot = round->ballot;
        return;
    }
    if (v > t->top + 1) {
        world_break(w, INVARIANT_REGISTER, "version %llu is chosen, and none before it",
                    (unsigned long long)v);
        return;
    }
    t->chosen[v] = *l;
    t->top = v;
    if (v == 1 || t->chosen[v - 1].epoch != l->epoch)
        t->epoch_us = w->now_us;
    t->top_ballot = round->ballot;
    if (v > 1) {
        check_reconciled(w, service, &t->chosen[v - 1], l);
        truth_forced(w, service, &t->chosen[v - 1], l);
        truth_finished(w, service, &t->chosen[v - 1], l);
        truth_ticked(w, &t->chosen[v - 1], l);
        truth_proposed(w, service, &t->chosen[v - 1], l);
    }
    if (w->options.falsify)
        try_rules(w, v > 1 ? &t->chosen[v - 1] : NULL, l);
}

static struct world_round *round_of(struct world *w, uint8_t service,
                                    const struct register_report *accepted)
{
    struct truth *t = w->services[service].truth;
    for (size_t i = 0; i < WORLD_ROUNDS_MAX; i++) {
        struct world_round *round = &t->rounds[i];
        if (round->accepted == 0 || truth_ballots(round->ballot, accepted->ballot) != 0)
            continue;
        if (!truth_same_value(&round->ledger, &accepted->ledger))
            world_break(w, INVARIANT_REGISTER, "one ballot carries two values");
        else
            return round;
    }
    /* So many rounds later nobody who was asked then has promised nothing newer since. */
    struct world_round *round = &t->rounds[t->next_round];
    t->next_round = (uint8_t)((t->next_round + 1u) % WORLD_ROUNDS_MAX);
    *round = (struct world_round){ .ballot = accepted->ballot, .ledger = accepted->ledger };
    check_value(w, service, &accepted->ledger, accepted->ballot);
    return round;
}

/* A vote is given under the set by which it is counted. Only what is chosen is taken without being asked. */
static void check_asked_under(struct world *w, uint8_t service, const struct host *h, const struct durable *durable)
{
    const struct truth *t = w->services[service].truth;
    const struct register_report *a = &durable->services[service].accepted;
    const struct truth_voter *proposer = &t->voters[a->ballot.node % POLICY_NODES_MAX];
    uint64_t v = a->ledger.version;
    bool chosen = v <= t->top && truth_same_value(&t->chosen[v], &a->ledger);
    if (!chosen && truth_ballots(proposer->asked, a->ballot) == 0 &&
        proposer->asked_version != durable->voters.set.version)
        world_break(w, INVARIANT_REGISTER, "%s accepts under version %llu of the voters what is counted by version %llu",
                    h->name, (unsigned long long)durable->voters.set.version,
                    (unsigned long long)proposer->asked_version);
}

/* It counts by the set under which it was accepted first, and by each that came after it. */
static void accept(struct world *w, uint8_t service, struct host *h, const struct durable *durable)
{
    const struct register_report *accepted = &durable->services[service].accepted;
    uint64_t version = durable->voters.set.version;
    if (!accepted->present || !truth_has_vote(w, h, version))
        return;
    struct world_round *round = round_of(w, service, accepted);
    if (round->accepted == 0 || version < round->voters_version)
        round->voters_version = version;
    round->accepted = (node_set)(round->accepted | node_bit(host_index(w, h)));
    if (truth_majority_since(w, round->voters_version, round->accepted))
        take_as_chosen(w, service, round);
}

void check_durable(struct world *w, struct host *h, const struct durable *durable)
{
    uint8_t n = host_index(w, h);
    check_generation(w, h, durable);
    check_set(w, h, durable);
    for (uint8_t s = 0; s < w->service_count; s++) {
        const struct durable_service *said = &durable->services[s];
        struct truth_voter *voter = &w->services[s].truth->voters[n];
        if (voter->identity == 0)
            voter->identity = h->disk.instance;
        if (voter->identity != h->disk.instance && h->mute != MUTE_NOT) {
            check_marks(w, h, s, said->marks);
            continue; /* another store of that host, which has no vote: check_voting() if it comes to have one */
        }
        int promised = truth_ballots(said->promised, voter->promised);
        int accepted = said->accepted.present
                           ? truth_ballots(said->accepted.ballot, voter->accepted)
                           : truth_ballots((struct ballot){ 0 }, voter->accepted);
        if ((promised < 0 || accepted < 0) && h->mute != MUTE_NOT) {
            check_marks(w, h, s, said->marks);
            continue; /* a disk that went back, of a voter that says nothing: what it had promised still holds */
        }
        if (promised < 0 || accepted < 0)
            world_break(w, INVARIANT_REGISTER, "%s takes back what it %s", h->name,
                        promised < 0 ? "promised" : "accepted");
        voter->promised = said->promised;
        check_marks(w, h, s, said->marks);
        if (accepted <= 0)
            continue;
        if (truth_ballots(said->accepted.ballot, said->promised) > 0)
            world_break(w, INVARIANT_REGISTER, "%s accepted above what it promised", h->name);
        voter->accepted = said->accepted.ballot;
        check_asked_under(w, s, h, durable);
        accept(w, s, h, durable);
    }
}

/* ---- what nodes say ---- */

/* Promised or accepted, to whoever asked: nothing below that is promised or accepted later. */
static void keep_word(struct world *w, struct host *h, struct truth_voter *voter,
                      struct ballot ballot, const char *did)
{
    if (truth_ballots(ballot, voter->word) < 0)
        world_break(w, INVARIANT_REGISTER, "%s %s below what it has given its word for", h->name, did);
    else
        voter->word = ballot;
    if (truth_ballots(ballot, voter->promised) > 0)
        world_break(w, INVARIANT_REGISTER, "%s %s what is not on its disk", h->name, did);
}

static void check_report(struct world *w, const struct host *h, const struct truth_voter *voter,
                         const struct register_report *report)
{
    if (report->present && truth_ballots(report->ballot, voter->accepted) > 0)
        world_break(w, INVARIANT_REGISTER, "%s reports as accepted what is not on its disk", h->name);
}

/* Whoever asks by a ballot of a former process of its own could put another value forward by it. */
static void check_ballot(struct world *w, const struct host *h, struct truth_voter *voter, struct ballot ballot,
                         uint64_t voters_version)
{
    voter->asked_version = voters_version;
    if (truth_ballots(voter->asked, ballot) != 0) {
        voter->asked_us = w->now_us;
        voter->asked_life = h->life;
    } else if (voter->asked_life != h->life) {
        world_break(w, INVARIANT_REGISTER, "%s asks for promises by a ballot that it used before it restarted",
                    h->name);
    }
    voter->asked = ballot;
}

void check_sent(struct world *w, struct host *h, const struct message *m)
{
    if (m->kind == MESSAGE_VOTERS_PREPARE)
        check_set_ballot(w, h, m);
    if (m->service >= w->service_count)
        return;
    struct truth_voter *voter = &w->services[m->service].truth->voters[host_index(w, h)];
    switch ((int)m->kind) {
    case MESSAGE_PREPARE: check_ballot(w, h, voter, m->as.prepare.ballot, m->voters_version); break;
    case MESSAGE_RENEW:
        voter->renewed_nonce = m->as.renew.nonce;
        voter->renewed_version = m->voters_version;
        break;
    case MESSAGE_VERDICT:
        if (m->as.verdict.verdict == VERDICT_FAILED && m->as.verdict.region < POLICY_REGIONS_MAX)
            voter->said_failed_us[m->as.verdict.region] = w->now_us;
        check_confirmed(w, h, m);
        break;
    case MESSAGE_PROMISE:
        keep_word(w, h, voter, m->as.promise.ballot, "promises");
        check_report(w, h, voter, &m->as.promise.report);
        break;
    case MESSAGE_ACCEPTED:
        keep_word(w, h, voter, m->as.accepted.ballot, "accepts");
        check_report(w, h, voter, &m->as.accepted.report);
        check_grant_age(w, h, m);
        break;
    case MESSAGE_RELEASE: check_released(w, h, m); break;
    case MESSAGE_GRANT: {
        const struct message_grant *g = &m->as.grant;
        check_report(w, h, voter, &g->report);
        if (!g->report.present || g->report.ledger.epoch != g->epoch ||
            !truth_same_instance(g->report.ledger.guard, g->instance) ||
            g->report.ledger.writer == REGION_NONE)
            world_break(w, INVARIANT_LEASE, "%s grants a lease to whom its ledger does not name", h->name);
        const struct truth_voter *guard = &w->services[m->service].truth->voters[g->instance.node % POLICY_NODES_MAX];
        if (guard->renewed_nonce == g->nonce && guard->renewed_version != m->voters_version)
            world_break(w, INVARIANT_LEASE, "%s grants a lease under another set of voters than it is counted by", h->name);
        check_granted(w, h, m);
        break;
    }
    case MESSAGE_GOSSIP:
        check_report(w, h, voter, &m->as.gossip.report);
        check_told(w, h, m);
        break;
    default: break;
    }
}

/* ---- what nodes claim ---- */

/* What a host wrote and crashed over before the disk could say so is there all the same, and counts
 * once its node has read it. */
static void look_at_disks(struct world *w, uint8_t service)
{
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].disk.sound)
            accept(w, service, &w->hosts[n], &w->hosts[n].disk.durable);
}

void check_claim(struct world *w, struct host *h, uint8_t service)
{
    const struct truth *t = w->services[service].truth;
    const struct ledger *l = &h->ledger[service];
    unsigned long long v = l->version;
    if (v < h->known_version[service])
        world_break(w, INVARIANT_REGISTER, "%s went back from version %llu to %llu", h->name,
                    (unsigned long long)h->known_version[service], v);
    h->known_version[service] = v;
    if (v > t->top)
        look_at_disks(w, service);
    if (v == 0 || v > t->top)
        world_break(w, INVARIANT_CHOSEN, "%s takes version %llu for chosen, which is not", h->name,
                    v);
    else if (!truth_same_value(&t->chosen[v], l))
        world_break(w, INVARIANT_CHOSEN,
                    "%s takes a value for chosen at version %llu, and another one is", h->name, v);
}

const struct ledger *check_chosen(const struct world *w, uint8_t service, uint64_t version)
{
    const struct truth *t = w->services[service].truth;
    return version > 0 && version <= t->top ? &t->chosen[version] : NULL;
}

const struct ledger *check_newest(const struct world *w, uint8_t service)
{
    const struct truth *t = w->services[service].truth;
    return t->top > 0 ? &t->chosen[t->top] : NULL;
}
