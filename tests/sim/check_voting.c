/* Who may vote: see check.h.
 *
 * A voter's disk may forget what it had said, and nobody can always know that. But others hear what
 * generation of its store a voter speaks from, and a voter that starts asks them. So one that votes was
 * told by as many others as make a majority with it that they have seen no newer store than it found; if
 * its store shows that something may have been lost, by a majority of the others; and nobody at all has
 * told it otherwise. Only what is forgotten beyond that is the world's doing (beyond: DISK). */
#include "tests/sim/truth.h"

/* A generation carries the restart count of the process that wrote it. */
#define GENERATION_SHIFT 32

void check_counts_by(struct world *w, struct host *h, uint64_t version)
{
    uint8_t n = host_index(w, h);
    bool newly = truth_named(w, n, version) == h->disk.instance &&
                 truth_named(w, n, h->voters_version) != h->disk.instance;
    h->voters_version = version;
    if (h->mute == MUTE_NOT)
        return;
    h->confirmed_by = 0;
    if (newly)
        h->outdated = false; /* by what was known of another store */
}

/* By enough others, and by nobody that what it found is old. */
static bool is_confirmed(const struct world *w, const struct host *h)
{
    node_set self = node_bit(host_index(w, h));
    node_set others = (node_set)(h->confirmed_by & ~self);
    bool enough = truth_majority_of(w, h->voters_version, (node_set)(others | self));
    if (h->found_doubt && truth_set(w)->change == VOTER_NONE && truth_set(w)->version == h->voters_version)
        enough = truth_count(others) * 2 > truth_count((node_set)(truth_voters(w) & ~self));
    return enough && !h->outdated;
}

void check_heard(struct world *w, struct host *h, uint8_t from, const struct message *m)
{
    if (m->kind != MESSAGE_GENERATION)
        return;
    uint64_t seen = m->as.generation_seen.seen;
    /* Once the set names its store, what was seen of another store of that host is not about it. */
    uint64_t named = truth_named(w, host_index(w, h), h->voters_version);
    uint64_t of = m->as.generation_seen.identity;
    bool other = named != 0 && of != 0 && of != h->disk.instance;
    seen = other ? 0 : seen;
    bool former = seen >> GENERATION_SHIFT < h->disk.restarts;
    if (former && seen > h->found_generation) {
        h->outdated_us = h->outdated ? h->outdated_us : w->now_us;
        h->outdated = true;
    } else if (m->voters_version == h->voters_version &&
               truth_identity_has_vote(w, from, m->identity, m->voters_version)) {
        h->confirmed_by = (node_set)(h->confirmed_by | node_bit(from));
    }
    h->was_confirmed = h->was_confirmed || is_confirmed(w, h);
}

/* By a newer one the next life would seem to have all that others ever saw of it. */
void check_generation(struct world *w, const struct host *h, const struct durable *durable)
{
    if (durable->generation > h->found_generation && !h->was_confirmed)
        world_break(w, INVARIANT_REGISTER, "%s gives its store a newer generation, and nobody has confirmed that one",
                    h->name);
}

void check_voting(struct world *w, struct host *h)
{
    uint8_t n = host_index(w, h);
    if (!truth_has_vote(w, h, h->voters_version)) {
        world_break(w, INVARIANT_REGISTER, "%s votes, and has no vote", h->name);
        return;
    }
    if (!is_confirmed(w, h)) {
        world_break(w, INVARIANT_REGISTER, "%s votes, and %s", h->name,
                    h->outdated ? "was told of a newer store of its own" : "too few have confirmed its store");
        return; /* no disk explains it */
    }
    for (uint8_t s = 0; s < w->service_count; s++) {
        const struct durable_service *has = &h->disk.durable.services[s];
        struct truth_voter *voter = &w->services[s].truth->voters[n];
        /* A store that a change names has given its word to nobody, whatever another of that host did. */
        if (voter->identity != h->disk.instance && truth_named(w, n, h->voters_version) == h->disk.instance)
            voter->promised = voter->accepted = voter->word = (struct ballot){ 0 }; /* raised below to what it has */
        voter->identity = h->disk.instance;
        struct ballot accepted = has->accepted.present ? has->accepted.ballot
                                                       : (struct ballot){ 0 };
        if (truth_ballots(has->promised, voter->promised) >= 0 &&
            truth_ballots(accepted, voter->accepted) >= 0) {
            voter->promised = has->promised;
            voter->accepted = accepted;
            continue;
        }
        if (!w->beyond[BEYOND_DISK])
            world_say(w, h, "votes, and has forgotten what it had said");
        w->beyond[BEYOND_DISK] = true;
        voter->promised = voter->word = has->promised; /* from here it is held to what it knows */
        voter->accepted = accepted;
    }
}
