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

void check_heard(struct world *w, struct host *h, uint8_t from, const struct message *m)
{
    if (m->kind != MESSAGE_GENERATION)
        return;
    uint64_t seen = m->as.generation_seen.seen;
    bool former = seen >> GENERATION_SHIFT < h->disk.restarts;
    if (former && seen > h->found_generation)
        h->outdated = true;
    else if (node_in(truth_voters(w), from))
        h->confirmed_by = (node_set)(h->confirmed_by | node_bit(from));
}

/* By enough others, and by nobody that what it found is old. */
static bool is_confirmed(const struct world *w, const struct host *h)
{
    node_set self = node_bit(host_index(w, h)), voters = truth_voters(w);
    node_set others = (node_set)(h->confirmed_by & ~self);
    bool enough = h->found_doubt ? truth_count(others) * 2 > truth_count((node_set)(voters & ~self))
                                 : truth_is_majority(w, (node_set)(others | self));
    return enough && !h->outdated;
}

void check_voting(struct world *w, struct host *h)
{
    uint8_t n = host_index(w, h);
    if (!is_confirmed(w, h)) {
        world_break(w, INVARIANT_REGISTER, "%s votes, and %s", h->name,
                    h->outdated ? "was told of a newer store of its own" : "too few have confirmed its store");
        return; /* no disk explains it */
    }
    for (uint8_t s = 0; s < w->service_count; s++) {
        const struct durable_service *has = &h->disk.durable.services[s];
        struct truth_voter *voter = &w->services[s].truth->voters[n];
        struct ballot accepted = has->accepted.present ? has->accepted.ballot
                                                       : (struct ballot){ 0 };
        if (truth_ballots(has->promised, voter->promised) >= 0 &&
            truth_ballots(accepted, voter->accepted) >= 0)
            continue;
        if (!w->beyond[BEYOND_DISK])
            world_say(w, h, "votes, and has forgotten what it had said");
        w->beyond[BEYOND_DISK] = true;
        voter->promised = voter->word = has->promised; /* from here it is held to what it knows */
        voter->accepted = accepted;
    }
}
