/* What has to be: each gives what is. */
#include "tests/scenario/verbs_match.h"

#include <string.h>

static bool is_writer(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    if (strcmp(m->word[0], "none") == 0)
        return l != NULL && l->writer == REGION_NONE;
    return l != NULL && l->writer == match_region(m, 0);
}

static bool is_writing(struct match *m)
{
    bool any = false;
    for (region_id r = 0; r < match_world(m)->options.region_count; r++)
        any = any || world_acknowledges(match_world(m), 0, r);
    if (strcmp(m->word[0], "none") == 0)
        return !any;
    return world_acknowledges(match_world(m), 0, match_region(m, 0));
}

static bool is_epoch(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    return l != NULL && l->epoch == (uint64_t)match_number(m, 0);
}

static bool is_dns(struct match *m)
{
    for (uint8_t z = 0; z < match_world(m)->options.policy.zone_count; z++)
        if (match_service(m)->zones[z].now.region != match_region(m, 0))
            return false;
    return true;
}

/* So many percent of the traffic, and the rest where it was. */
static bool is_share(struct match *m)
{
    for (uint8_t z = 0; z < match_world(m)->options.policy.zone_count; z++)
        if (match_service(m)->zones[z].now.region != match_region(m, 1) ||
            match_service(m)->zones[z].now.share != match_number(m, 0))
            return false;
    return true;
}

static bool wishes(struct match *m, enum operation_wish wish)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    return l != NULL && l->operation.kind != OPERATION_NONE && l->operation.wish == wish;
}

static bool is_sent_back(struct match *m) { return wishes(m, WISH_BACK); }

static bool no_operation(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    return l != NULL && l->operation.kind == OPERATION_NONE;
}

static bool an_operation(struct match *m)
{
    return world_ledger(match_world(m), 0) != NULL && !no_operation(m);
}

static bool nothing_happened(struct match *m)
{
    return m->play->began == 0 && m->play->taken == 0 && no_operation(m);
}

static bool never_began(struct match *m) { return m->play->began == 0; }

static bool was_gate(struct match *m)
{
    enum gate_id gate = words_gate(m->word[0]);
    if (gate == GATE_COUNT)
        play_fail(m->play, "there is no gate '%s'", m->word[0]);
    return gate < GATE_COUNT && (m->play->gates_shut >> gate & 1u) != 0;
}

static bool was_proof(struct match *m)
{
    static const struct { const char *name; enum fence_proof proof; } names[] = {
        { "release", PROOF_RELEASED }, { "lapse", PROOF_LAPSED }, { "acceptance", PROOF_ACCEPTED },
        { "person", PROOF_PERSON }, { "remote", PROOF_REMOTE },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, m->word[0]) == 0)
            return (m->play->proofs >> names[i].proof & 1u) != 0;
    play_fail(m->play, "there is no proof '%s'", m->word[0]);
    return false;
}

static bool is_mute(struct match *m)
{
    return strcmp(words_mute(match_host(m, 0)->mute), m->word[1]) == 0;
}

static bool does_vote(struct match *m) { return match_host(m, 0)->mute == MUTE_NOT; }

/* To that order alone: what another was answered says nothing of it. NULL: none yet. */
static const struct message_order_reply *reply_to(struct match *m, uint64_t ticket)
{
    const struct message_order_reply *reply = &match_world(m)->reply[ticket & 1];
    return ticket != 0 && reply->ticket == ticket ? reply : NULL;
}

static bool answers(struct match *m, uint64_t ticket)
{
    const struct message_order_reply *reply = reply_to(m, ticket);
    return reply != NULL && strcmp(words_answer(reply->answer), m->word[0]) == 0;
}

static bool was_answer(struct match *m) { return answers(m, match_world(m)->tickets); }
static bool was_answer_before(struct match *m) { return answers(m, match_world(m)->tickets - 1); }

static bool was_refused_by(struct match *m)
{
    const struct message_order_reply *reply = reply_to(m, match_world(m)->tickets);
    return reply != NULL && reply->answer == ANSWER_GATE && reply->gate == words_gate(m->word[0]);
}

static bool was_step(struct match *m)
{
    enum step_id step = words_step(m->word[0]);
    return step < STEP_COUNT && (m->play->steps_started >> step & 1u) != 0;
}

static bool was_stopped(struct match *m)
{
    static const char *const names[] = { "submit", "applied", "stale", "alarm", "unadopted",
                                         "foreign", "rolled_back" };
    return m->play->ruling >= 0 && strcmp(names[m->play->ruling], m->word[0]) == 0;
}

static bool is_paused(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    return l != NULL && l->pause.on;
}

static bool is_told(struct match *m, enum operation_wish wish)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    return l != NULL && l->operation.kind != OPERATION_NONE && l->operation.wish == wish;
}

static bool is_held(struct match *m) { return is_told(m, WISH_HOLD); }
static bool is_scheduled(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    return l != NULL && l->proposal.state == PROPOSAL_SCHEDULED;
}

static bool not_scheduled(struct match *m) { return !is_scheduled(m); }
static bool not_paused(struct match *m) { return !is_paused(m); }
static bool was_aborted(struct match *m) { return m->play->aborted > 0; }
static bool was_taken(struct match *m) { return m->play->taken > 0; }
static bool was_fenced(struct match *m) { return m->play->shut_acts[match_region(m, 0)] > 0; }
static bool never_fenced(struct match *m) { return !was_fenced(m); }
static bool lease_kept(struct match *m) { return m->play->lost == 0; }
static bool abstained(struct match *m) { return m->play->abstained > 0; }
static bool is_dead(struct match *m) { return !match_host(m, 0)->alive; }
static bool is_lease(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    return l != NULL && l->lease_us == match_duration(m, 0);
}

/* What its disk has accepted, chosen or not. */
static bool accepted_operation(struct match *m)
{
    const struct register_report *a = &match_host(m, 0)->disk.durable.services[0].accepted;
    return a->ledger.operation.kind != OPERATION_NONE;
}

static bool accepted_none(struct match *m) { return !accepted_operation(m); }

/* The version after the one that its disk has, likewise. */
static bool accepted_voters(struct match *m)
{
    return match_host(m, 0)->disk.durable.voters.accepted.present;
}

static bool accepted_no_voters(struct match *m) { return !accepted_voters(m); }

/* It was asked for by the step in the midst of which the coordinator stands still. */
static bool stands_before(struct match *m)
{
    enum act_kind kind = words_act(m->word[1]);
    if (kind == ACT_KIND_COUNT)
        play_fail(m->play, "there is no act '%s'", m->word[1]);
    const struct host *h = match_host(m, 0);
    for (size_t i = 0; i < h->stalled_count; i++)
        if (h->stalled[i].kind == EFFECT_ACT && h->stalled[i].as.act.kind == kind)
            return true;
    return false;
}

static bool is_primary(struct match *m) { return !match_service(m)->databases[match_region(m, 0)].in_recovery; }
static bool is_standby(struct match *m) { return match_service(m)->databases[match_region(m, 0)].in_recovery; }
static bool is_streaming(struct match *m) { return match_service(m)->databases[match_region(m, 0)].streaming; }

static bool streams_from(struct match *m)
{
    const struct database *db = &match_service(m)->databases[match_region(m, 0)];
    return db->streaming && db->upstream == match_region(m, 1);
}

static bool was_ahead(struct match *m) { return (m->play->ahead >> match_region(m, 0) & 1u) != 0; }
static bool cannot_follow(struct match *m) { return (m->play->stuck >> match_region(m, 0) & 1u) != 0; }

/* By the newest value that anybody knows chosen. */
static bool is_ticked(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    if (l == NULL || l->ticked_operation == 0)
        return false;
    uint64_t open = l->operation.kind != OPERATION_NONE ? l->operation.id : l->last_operation;
    return l->ticked_operation == open && (l->ticked >> (match_number(m, 0) & 31) & 1u) != 0;
}

static bool is_unticked(struct match *m) { return !is_ticked(m); }

static const struct ledger_proposal *proposal(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    return l != NULL && l->proposal.state != PROPOSAL_NONE ? &l->proposal : NULL;
}

/* ...and is remembered: a person may answer it when it is gone. */
static bool is_proposed(struct match *m)
{
    const struct ledger_proposal *p = proposal(m);
    bool there = p != NULL && p->state == PROPOSAL_WAITS && p->to == match_region(m, 0);
    if (there)
        m->play->proposal = p->id;
    return there;
}

static bool is_another(struct match *m) { return proposal(m) != NULL && proposal(m)->id != m->play->proposal; }
static bool is_approved(struct match *m) { return proposal(m) != NULL && proposal(m)->state == PROPOSAL_APPROVED; }
static bool is_declined(struct match *m) { return proposal(m) != NULL && proposal(m)->state == PROPOSAL_DECLINED; }
static bool no_proposal(struct match *m) { return proposal(m) == NULL; }

/* Under its id: whoever approved it can follow it. */
static bool runs_as_proposed(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    return m->play->proposal != 0 &&
           (l->operation.id == m->play->proposal || l->last_operation == m->play->proposal);
}

static bool was_said(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    return l != NULL && strcmp(l->operation.said.by.s, "a person") == 0;
}

static bool ends_whole(struct match *m) { return !m->play->half; }
static bool was_cut(struct match *m) { return m->play->cut; }

static bool is_left_cut_off(struct match *m) { return (m->play->left_cut_off >> match_region(m, 0) & 1u) != 0; }
static bool never_withdrawn(struct match *m) { return !m->play->withdrawn; }

/* As often as was said: else the script is about nothing. */
static bool met_its_faults(struct match *m)
{
    enum act_kind kind = words_act(m->word[0]);
    if (kind == ACT_KIND_COUNT)
        play_fail(m->play, "there is no act '%s'", m->word[0]);
    const struct world *w = match_world(m);
    return kind < ACT_KIND_COUNT && w->fault[kind] != FAULT_NONE && w->fault_times[kind] == 0;
}

static bool was_unanswered(struct match *m) { return m->play->unanswered; }

static bool is_writer_of(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), (uint8_t)match_number(m, 0));
    if (strcmp(m->word[1], "none") == 0)
        return l != NULL && l->writer == REGION_NONE;
    return l != NULL && l->writer == match_region(m, 1);
}

static bool began_so_often(struct match *m) { return m->play->began == match_number(m, 0); }

/* By the word of that coordinator. */
static bool knows_a_mark(struct match *m)
{
    struct host *h = match_host(m, 0);
    struct view_service view;
    if (!h->alive)
        return false;
    node_view(h->node, 0, (struct mono_time){ host_mono(match_world(m), h) }, (struct wall_time){ 0 }, &view);
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (view.marks[n].state != MARK_NONE)
            return true;
    return false;
}

/* Of the operation that runs, or ran last. */
static bool knows_acknowledged(struct match *m)
{
    struct host *h = match_host(m, 0);
    const struct ledger *l = world_ledger(match_world(m), 0);
    struct view_service view;
    if (!h->alive || l == NULL)
        return false;
    node_view(h->node, 0, (struct mono_time){ host_mono(match_world(m), h) }, (struct wall_time){ 0 }, &view);
    return view.ack.incident != 0 &&
           view.ack.incident == (l->operation.kind != OPERATION_NONE ? l->operation.id : l->last_operation);
}

static bool knows_no_mark(struct match *m) { return !knows_a_mark(m); }

/* Says so itself, or has it from nobody. */
static bool says_failed(struct match *m)
{
    struct host *h = match_host(m, 0);
    struct view_service view;
    if (!h->alive)
        return false;
    node_view(h->node, 0, (struct mono_time){ host_mono(match_world(m), h) }, (struct wall_time){ 0 }, &view);
    return view.regions[match_region(m, 1)].observers[h->config.self].verdict == VERDICT_FAILED;
}

static bool says_not_failed(struct match *m) { return !says_failed(m); }

/* The newest version that any coordinator counts by, and by which each of those that are up does. */
static uint64_t newest_set(struct match *m)
{
    uint64_t newest = 0;
    for (uint8_t n = 0; n < match_world(m)->host_count; n++) {
        const struct host *h = &match_world(m)->hosts[n];
        newest = h->alive && h->voters_version > newest ? h->voters_version : newest;
    }
    return newest;
}

static bool is_set(struct match *m) { return newest_set(m) == (uint64_t)match_number(m, 0); }

static bool counts_by(struct match *m)
{
    return match_host(m, 0)->voters_version == (uint64_t)match_number(m, 1);
}

const struct condition expect_rows[] = {
    { "voters version %", is_set },
    { "coordinator % counts by version %", counts_by },
    { "writer %", is_writer },
    { "writes in %", is_writing },
    { "epoch %", is_epoch },
    { "dns %", is_dns },
    { "% percent at %", is_share },
    { "sent back", is_sent_back },
    { "no operation", no_operation },
    { "an operation", an_operation },
    { "nothing happened", nothing_happened },
    { "no begin", never_began },
    { "gate % shut", was_gate },
    { "proof %", was_proof },
    { "coordinator % mute %", is_mute },
    { "coordinator % votes", does_vote },
    { "coordinator % dead", is_dead },
    { "coordinator % stands before act %", stands_before },
    { "an operation accepted by %", accepted_operation },
    { "no operation accepted by %", accepted_none },
    { "a change of the voters accepted by %", accepted_voters },
    { "no change of the voters accepted by %", accepted_no_voters },
    { "lease %", is_lease },
    { "answer %", was_answer },
    { "answer % to the order before", was_answer_before },
    { "refused by gate %", was_refused_by },
    { "a proposal to %", is_proposed },
    { "another proposal", is_another },
    { "a proposal approved", is_approved },
    { "a proposal declined", is_declined },
    { "no proposal", no_proposal },
    { "the operation as it was proposed", runs_as_proposed },
    { "the word of a person in the operation", was_said },
    { "no answer in time", was_unanswered },
    { "no proposal withdrawn", never_withdrawn },
    { "% left cut off", is_left_cut_off },
    { "act % met its faults", met_its_faults },
    { "writer of service % %", is_writer_of },
    { "% begins", began_so_often },
    { "step % started", was_step },
    { "dns stopped %", was_stopped },
    { "an abort", was_aborted },
    { "paused", is_paused },
    { "not paused", not_paused },
    { "held", is_held },
    { "scheduled", is_scheduled },
    { "not scheduled", not_scheduled },
    { "a takeover", was_taken },
    { "% was fenced", was_fenced },
    { "% never fenced", never_fenced },
    { "no lease lost", lease_kept },
    { "an abstention", abstained },
    { "database % primary", is_primary },
    { "database % standby", is_standby },
    { "database % streaming", is_streaming },
    { "database % streams from %", streams_from },
    { "standby % ahead", was_ahead },
    { "standby % can't follow", cannot_follow },
    { "item % ticked", is_ticked },
    { "item % not ticked", is_unticked },
    { "coordinator % says % failed", says_failed },
    { "coordinator % says % not failed", says_not_failed },
    { "coordinator % shows a mark", knows_a_mark },
    { "coordinator % shows no mark", knows_no_mark },
    { "coordinator % shows it acknowledged", knows_acknowledged },
    { "notices end with a whole character", ends_whole },
    { "a notice was cut", was_cut },
    { NULL, NULL },
};
