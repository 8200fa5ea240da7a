/* The set of voters, as the disks know it: see check.h.
 *
 * A version of the set is truly chosen from the moment at which a majority of the voters of the one before has it on
 * disk at one same ballot. What is looked at: nobody has a version on disk that is not chosen, or another value of
 * one; each follows the one before by one voter; a change ends only when no lease can be left that was counted by the
 * set before it; and which majorities there are now, which all other checks ask for. */
#include "tests/sim/truth.h"

#include <stdlib.h>
#include <string.h>

#define PPM 1000000

struct set_truth {
    struct voter_set set;
    int64_t stored_us;       /* when a majority of the voters in force had it on disk; TRUTH_NEVER_US */
    node_set stored;
};

/* One round about the version after the newest chosen one. */
struct set_round {
    struct ballot ballot;
    struct voter_set set;
    node_set accepted;
};

#define SET_ROUNDS 32

/* A ballot by which a process asked for promises about the version after `version`. */
struct set_asked {
    uint64_t version;
    struct ballot ballot;
    uint8_t host;
    uint32_t life;
};

#define SET_ASKED 64

/* A person's order, until it is refused. */
struct set_order {
    uint64_t ticket;         /* 0: none, or refused */
    enum voter_change change;
    uint8_t node;
};

#define SET_ORDERS 32

struct truth_sets {
    uint64_t top;            /* newest version that is truly chosen */
    struct set_truth sets[WORLD_SETS_MAX]; /* by version, from 1 */
    struct set_round rounds[SET_ROUNDS];
    uint8_t next_round;
    struct set_asked asked[SET_ASKED]; /* of all hosts, the newest */
    uint8_t next_asked;
    uint64_t host_version[POLICY_NODES_MAX]; /* the newest that each host's disk said it has */
    uint64_t host_identity[POLICY_NODES_MAX];
    struct set_order orders[SET_ORDERS]; /* a ring */
    uint8_t next_order;
    /* Orders that are not refused, and changes that began. */
    uint32_t ordered[VOTER_CHANGE_COUNT][POLICY_NODES_MAX], obeyed[VOTER_CHANGE_COUNT][POLICY_NODES_MAX];
};

/* ---- words ---- */

static bool same_set(const struct voter_set *a, const struct voter_set *b)
{
    return a->version == b->version && a->voters == b->voters && a->change == b->change && a->node == b->node &&
           a->node_identity == b->node_identity && memcmp(a->identity, b->identity, sizeof a->identity) == 0;
}

static node_set after(const struct voter_set *set)
{
    node_set bit = (node_set)(set->node < POLICY_NODES_MAX ? 1u << set->node : 0u);
    if (set->change == VOTER_ADD)
        return (node_set)(set->voters | bit);
    return set->change == VOTER_REMOVE ? (node_set)(set->voters & ~bit) : set->voters;
}

/* A majority of the set in force and of the one that the change leads to. Of a voter that gets a new identity nobody
 * has the vote in force. */
static bool has_majority(const struct voter_set *set, node_set yes)
{
    node_set in_force = set->voters, next = after(set);
    unsigned gone = set->change == VOTER_REPLACE && set->node < POLICY_NODES_MAX ? 1u << set->node : 0u;
    node_set countable = (node_set)(in_force & ~gone);
    return truth_count((node_set)(countable & yes)) * 2 > truth_count(in_force) &&
           truth_count((node_set)(next & yes)) * 2 > truth_count(next);
}

static const struct voter_set *set_of(const struct world *w, uint64_t version)
{
    const struct truth_sets *t = w->sets;
    uint64_t at = version == 0 ? 1 : version > t->top ? t->top : version;
    return &t->sets[at % WORLD_SETS_MAX].set;
}

const struct voter_set *truth_set(const struct world *w)
{
    return set_of(w, w->sets->top);
}

bool truth_identity_has_vote(const struct world *w, uint8_t n, uint64_t identity, uint64_t version)
{
    const struct voter_set *set = set_of(w, version);
    uint64_t named = truth_named(w, n, version);
    return node_in((node_set)(set->voters | after(set)), n) && (named == 0 || named == identity);
}

bool truth_has_vote(const struct world *w, const struct host *h, uint64_t version)
{
    return truth_identity_has_vote(w, host_index(w, h), h->disk.instance, version);
}

uint64_t truth_named(const struct world *w, uint8_t n, uint64_t version)
{
    const struct voter_set *set = set_of(w, version);
    bool comes = set->node == n && (set->change == VOTER_ADD || set->change == VOTER_REPLACE);
    return comes ? set->node_identity : set->identity[n];
}

node_set truth_voters(const struct world *w)
{
    const struct voter_set *set = truth_set(w);
    return (node_set)(set->voters | after(set));
}

bool truth_majority_of(const struct world *w, uint64_t version, node_set yes)
{
    return has_majority(set_of(w, version), yes);
}

bool truth_majority_since(const struct world *w, uint64_t version, node_set yes)
{
    for (uint64_t v = version == 0 ? 1 : version; v <= w->sets->top; v++)
        if (has_majority(set_of(w, v), yes))
            return true;
    return false;
}

/* Who counts may do so by an older set than the newest: by any that some disk still has. */
static uint64_t oldest_set(const struct world *w)
{
    uint64_t oldest = w->sets->top;
    for (uint8_t n = 0; n < w->host_count; n++) {
        uint64_t has = w->hosts[n].voters_version;
        oldest = w->hosts[n].alive && has < oldest ? has : oldest;
    }
    return oldest;
}

bool truth_is_majority(const struct world *w, node_set yes)
{
    return truth_majority_since(w, oldest_set(w), yes);
}

bool truth_may_go_on(const struct world *w, node_set voting)
{
    uint64_t newest = 1;
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].alive && w->hosts[n].voters_version > newest)
            newest = w->hosts[n].voters_version;
    return has_majority(set_of(w, newest), voting);
}

bool truth_can_block(const struct world *w, node_set no)
{
    for (uint64_t v = oldest_set(w); v <= w->sets->top; v++)
        if (!has_majority(set_of(w, v), (node_set)~no))
            return true;
    return false;
}

/* ---- what becomes chosen ---- */

/* How long a lease that was counted just before may last by any clock, in true time. */
static int64_t longest_lease_us(const struct world *w)
{
    int64_t longest = 0;
    for (uint8_t s = 0; s < w->service_count; s++) {
        const struct ledger *l = check_newest(w, s);
        if (l == NULL)
            continue;
        int64_t rho = l->clock_error_ppm;
        int64_t us = l->longest_lease_us / (PPM - rho) * PPM;
        longest = us > longest ? us : longest;
    }
    return longest;
}

/* What is chosen is with a majority of those who decide alone from now on: the set before need not meet them.
 *
 * A store that held it and was lost since counts as one that holds it. What is looked at is that no majority of the
 * set can decide without it, and nobody votes in the lost one's place: where the set names its identity, another
 * store of that host has no vote (it gets one by a change only, which counts without the old one); where it names
 * none, another is told by its generation. What the truth keeps of a voter is of the last store that voted, and is
 * taken back by check_voting() as soon as one votes that has forgotten it. */
static void check_held(struct world *w, const struct voter_set *changing)
{
    for (uint8_t s = 0; s < w->service_count; s++) {
        const struct truth *t = w->services[s].truth;
        node_set holders = 0, next = after(changing);
        for (uint8_t n = 0; n < w->host_count; n++) {
            const struct truth_voter *voter = &t->voters[n];
            if (truth_identity_has_vote(w, n, voter->identity, changing->version) &&
                truth_ballots(voter->accepted, t->top_ballot) >= 0)
                holders = (node_set)(holders | (1u << n));
        }
        if (t->top > 0 && truth_count((node_set)(holders & next)) * 2 <= truth_count(next))
            world_break(w, INVARIANT_REGISTER,
                        "a change of the voters ends, and too few of those who are left hold version %llu",
                        (unsigned long long)t->top);
    }
}

static void check_follows_set(struct world *w, const struct host *h, const struct voter_set *set)
{
    const struct voter_set *now = truth_set(w);
    bool ends = now->change != VOTER_NONE;
    bool one = ends ? set->change == VOTER_NONE && set->voters == after(now)
                    : set->change != VOTER_NONE && set->voters == now->voters;
    if (set->version != now->version + 1 || !one)
        world_break(w, INVARIANT_REGISTER, "%s accepts version %llu of the voters, which may not follow", h->name,
                    (unsigned long long)set->version);
    unsigned left = truth_count(after(set));
    if (left < 3 || left > 5)
        world_break(w, INVARIANT_REGISTER, "%s accepts a set of %u voters", h->name, left);
    if (!ends)
        return;
    check_held(w, now);
    int64_t stored = w->sets->sets[now->version % WORLD_SETS_MAX].stored_us;
    if (stored == TRUTH_NEVER_US)
        world_break(w, INVARIANT_LEASE, "a change of the voters ends, and no majority has it on disk that it began");
    else if (w->now_us - stored < longest_lease_us(w) - TRUTH_ROUNDING_US)
        world_break(w, INVARIANT_LEASE, "a change of the voters ends within a lease that the former set granted");
}

static void take_set(struct world *w, const struct voter_set *set)
{
    struct truth_sets *t = w->sets;
    if (t->top + 1 >= WORLD_SETS_MAX) {
        world_break(w, INVARIANT_SANE, "more changes of the voters than this world can remember");
        return;
    }
    if (set->change != VOTER_NONE && set->node < POLICY_NODES_MAX &&
        ++t->obeyed[set->change][set->node] > t->ordered[set->change][set->node])
        world_break(w, INVARIANT_EVIDENCE, "the vote of %s changes by no order of a person's that was not carried out, "
                    "or refused, already", w->hosts[set->node].name);
    t->top = set->version;
    t->sets[t->top] = (struct set_truth){ .set = *set, .stored_us = TRUTH_NEVER_US };
    memset(t->rounds, 0, sizeof t->rounds);
    /* That no two majorities of sets next to each other miss each other: the rest rests on it. */
    const struct voter_set *before = &t->sets[t->top - 1].set;
    for (unsigned yes = 0; yes < 1u << w->host_count; yes++) {
        node_set mine = (node_set)yes, theirs = (node_set)~yes;
        if (has_majority(set, mine) && has_majority(before, theirs)) {
            world_break(w, INVARIANT_REGISTER, "two majorities of versions %llu and %llu of the voters never meet",
                        (unsigned long long)before->version, (unsigned long long)set->version);
            return;
        }
    }
}

static void accept_set(struct world *w, struct host *h, const struct voter_report *report)
{
    struct truth_sets *t = w->sets;
    if (!report->present || report->set.version != t->top + 1 || !truth_has_vote(w, h, t->top))
        return;
    struct set_round *round = NULL;
    for (size_t i = 0; i < SET_ROUNDS; i++)
        if (t->rounds[i].accepted != 0 && truth_ballots(t->rounds[i].ballot, report->ballot) == 0)
            round = &t->rounds[i];
    if (round == NULL) {
        round = &t->rounds[t->next_round];
        t->next_round = (uint8_t)((t->next_round + 1) % SET_ROUNDS);
        *round = (struct set_round){ .ballot = report->ballot, .set = report->set };
        check_follows_set(w, h, &report->set);
    }
    if (!same_set(&round->set, &report->set))
        world_break(w, INVARIANT_REGISTER, "one ballot carries two sets of voters");
    round->accepted = (node_set)(round->accepted | (1u << host_index(w, h)));
    struct voter_set chosen = round->set;
    if (has_majority(truth_set(w), round->accepted))
        take_set(w, &chosen);
}

void check_set(struct world *w, struct host *h, const struct durable *durable)
{
    struct truth_sets *t = w->sets;
    const struct voter_set *set = &durable->voters.set;
    uint8_t n = host_index(w, h);
    if (set->version == 0)
        return; /* nothing was ever written */
    accept_set(w, h, &durable->voters.accepted);
    if (set->version > t->top) /* what some wrote and crashed over counts once it is read */
        for (uint8_t o = 0; o < w->host_count; o++)
            if (w->hosts[o].disk.sound)
                accept_set(w, &w->hosts[o], &w->hosts[o].disk.durable.voters.accepted);
    if (set->version > t->top)
        world_break(w, INVARIANT_CHOSEN, "%s counts by version %llu of the voters, which is not chosen", h->name,
                    (unsigned long long)set->version);
    else if (!same_set(set, set_of(w, set->version)))
        world_break(w, INVARIANT_CHOSEN, "%s counts by another version %llu of the voters than is chosen", h->name,
                    (unsigned long long)set->version);
    if (t->host_identity[n] == h->disk.instance && set->version < t->host_version[n] && !h->store_was_lost)
        world_break(w, INVARIANT_REGISTER, "%s goes back to version %llu of the voters", h->name,
                    (unsigned long long)set->version);
    t->host_identity[n] = h->disk.instance;
    t->host_version[n] = set->version;
    for (uint64_t v = set->version > 2 ? set->version - 2 : 1; v <= set->version && v <= t->top; v++) {
        struct set_truth *known = &t->sets[v];
        if (!truth_has_vote(w, h, v))
            continue;
        known->stored = (node_set)(known->stored | (1u << n));
        if (known->stored_us == TRUTH_NEVER_US && has_majority(&known->set, known->stored))
            known->stored_us = w->now_us;
    }
}

/* The last write of its life before is not there: what that said of the voters is forgotten with it. Whether it may
 * vote like that is check_voting()'s to say. */
void check_set_forgot(struct world *w, const struct host *h)
{
    uint8_t n = host_index(w, h);
    uint64_t found = h->disk.durable.voters.set.version;
    if (w->sets->host_identity[n] == h->disk.instance && w->sets->host_version[n] > found)
        w->sets->host_version[n] = found;
}

/* Of two processes that ask by one ballot, a node's own lives and stores among them, each could put another set
 * forward by it, and voters that promised it once promise it again. Each version is a decree of its own. */
void check_set_ballot(struct world *w, const struct host *h, const struct message *m)
{
    struct truth_sets *t = w->sets;
    struct set_asked now = { m->voters_version, m->as.voters.ballot, host_index(w, h), h->life };
    for (size_t i = 0; i < SET_ASKED; i++) {
        const struct set_asked *a = &t->asked[i];
        if (a->version != now.version || truth_ballots(a->ballot, now.ballot) != 0)
            continue;
        if (a->host != now.host || a->life != now.life)
            world_break(w, INVARIANT_REGISTER, "%s asks about the voters by a ballot that another process used",
                        h->name);
        return; /* one message, to several */
    }
    t->asked[t->next_asked] = now;
    t->next_asked = (uint8_t)((t->next_asked + 1u) % SET_ASKED);
}

/* ---- people ---- */

void check_voter_ordered(struct world *w, uint64_t ticket, const struct voter_order *order)
{
    struct truth_sets *t = w->sets;
    t->orders[t->next_order] = (struct set_order){ ticket, order->change, order->node };
    t->next_order = (uint8_t)((t->next_order + 1) % SET_ORDERS);
    t->ordered[order->change][order->node]++;
}

void check_voter_refused(struct world *w, uint64_t ticket)
{
    for (unsigned i = 0; i < SET_ORDERS; i++) {
        struct set_order *order = &w->sets->orders[i];
        if (ticket == 0 || order->ticket != ticket)
            continue;
        w->sets->ordered[order->change][order->node]--;
        order->ticket = 0;
    }
}

/* ---- its life ---- */

void check_sets_init(struct world *w, node_set voters)
{
    w->sets = calloc(1, sizeof *w->sets);
    if (w->sets == NULL)
        abort();
    w->sets->top = 1;
    w->sets->sets[1] = (struct set_truth){ .set = { .version = 1, .voters = voters, .node = NODE_NONE },
                                           .stored_us = TRUTH_NEVER_US };
}

void check_sets_free(struct world *w)
{
    free(w->sets);
}
