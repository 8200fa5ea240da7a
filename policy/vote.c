/* Whether this node may vote: see vote.h. */
#include "policy/vote.h"

#include "policy/quorum/majority.h"

/* A generation's upper half is the restart count of the process that wrote it. */
#define GENERATION_SHIFT 32

/* ---- identity ---- */

uint64_t vote_identity(const struct node *node)
{
    return node->sound ? node->config->instance : 0;
}

bool vote_is_member(const struct node *node)
{
    return voters_may_vote(&node->voters.d.set, node->config->self, vote_identity(node));
}

/* Whether the set in force names this node as a voter, by whichever of its stores. */
static bool is_named(const struct node *node)
{
    return node_in(electorate_all(node->voters.electorate), node->config->self);
}

/* One node's ballots never meet, whichever of its stores they come from, and however old that store has become.
 *   - A voter proposes only after others have confirmed that its store is the newest, so its restarts are counted well.
 *     A store's identity is random, and so sets its count apart from that of the one before. An old store that was
 *     lost and is given the vote once more may have restarted as often before; but never under this version of the
 *     voters.
 *   - Nobody confirms the store of a node without a vote. Put back to an older copy it counts a restart that it has
 *     counted before, and the counter of its rounds, which no disk keeps, begins where it began then: above what the
 *     voters accepted. So it could ask for another value by a ballot that the voters have promised already, and they
 *     would promise it again. Therefore its ballots carry its process's own random number too: that is on no disk,
 *     so none brings it back.
 * Which of the two a node is changes with the version of the voters only, and so do its ballots. */
#define BALLOTS_APART UINT32_C(0x9e3779b1) /* multiples of it by small numbers lie far from each other */

uint32_t vote_ballots(const struct node *node)
{
    uint32_t process = is_named(node) ? 0 : (uint32_t)node->config->seed;
    return node->restarts + (uint32_t)node->config->instance +
           (uint32_t)node->voters.d.set.version * BALLOTS_APART + process;
}

/* ---- mute ---- */

static void set_mute(struct node *node, struct effects *effects, enum mute_reason reason)
{
    if (node->mute == reason)
        return;
    node->mute = reason;
    if (reason == MUTE_STORE_OLDER) {
        node->confirmed = false;
        node->outdated = true;
    }
    if (reason == MUTE_NOT) {
        node_note(effects, NOTE_VOTING);
        return;
    }
    struct note *note = node_note(effects, NOTE_MUTE);
    note->a = reason;
    note->b = (int64_t)node->newest_known;
}

/* Why this node may not vote under the set in force; MUTE_NOT if it may as soon as its store is confirmed. */
static enum mute_reason mute_by_set(const struct node *node)
{
    if (!is_named(node))
        return MUTE_NO_VOTE;
    if (!node->sound)
        return MUTE_STORE_BAD;
    return vote_is_member(node) ? MUTE_NOT : MUTE_IDENTITY;
}

/* The vote came to us, or was taken from us. One that has just got it is confirmed like one that starts; a store that
 * was too old for the vote that this node had may be named as a new voter's, which has nothing to remember. */
static void mute_again(struct node *node, struct effects *effects, uint64_t named_before)
{
    enum mute_reason by_set = mute_by_set(node);
    uint64_t named = voters_identity(&node->voters.d.set, node->config->self);
    bool voted_before = node->mute == MUTE_NOT || node->mute == MUTE_UNCONFIRMED || node->mute == MUTE_STORE_OLDER;
    bool newly = named != named_before && named == vote_identity(node) && node->mute == MUTE_STORE_OLDER;
    if (by_set != MUTE_NOT) {
        set_mute(node, effects, by_set);
        return;
    }
    if (node->mute == MUTE_UNCONFIRMED)
        node->confirmed_by = 0; /* those who confirmed have to be of the set in force */
    if (node->store_failed) {
        set_mute(node, effects, MUTE_STORE_FAILED);
    } else if (!voted_before || newly) {
        node->confirmed_by = 0;
        node->newest_known = 0;
        node->outdated = false;
        set_mute(node, effects, MUTE_UNCONFIRMED);
    }
}

/* A voter without a sound and confirmed store may have lost count of its restarts, and so use a ballot twice. One whose
 * store failed was confirmed before, or not: a disk that went back may fail as well. One without a vote has nobody to
 * confirm it, and ballots that do not rest on its count: vote_ballots(). */
bool vote_may_propose(const struct node *node)
{
    return node->mute == MUTE_NOT || (node->mute == MUTE_STORE_FAILED && node->confirmed) ||
           (node->mute == MUTE_NO_VOTE && node->sound);
}

void vote_start(struct node *node, struct effects *effects)
{
    enum mute_reason by_set = mute_by_set(node);
    set_mute(node, effects, by_set != MUTE_NOT ? by_set : MUTE_UNCONFIRMED);
}

void vote_store_failed(struct node *node, struct effects *effects)
{
    node->store_failed = true;
    if (node->mute != MUTE_NO_VOTE)
        set_mute(node, effects, MUTE_STORE_FAILED);
    node_note(effects, NOTE_STORE_FAILED);
}

/* ---- generations ---- */

void vote_tell_generation(struct node *node, struct effects *effects, node_id to)
{
    effects_send(effects, node_bit(to), false, MESSAGE_GENERATION, SERVICE_NONE)->as.generation_seen =
        (struct message_generation){ node->durable.seen_identity[to], node->peers[to].former_generation };
}

/* With a store that shows no sign of damage, as many as make any majority with us. One in doubt needs a
 * majority of the others: any two such sets meet, so who saw what is missing is asked. */
static bool is_confirmed(const struct node *node)
{
    node_set self = node_bit(node->config->self);
    struct electorate e = node->voters.electorate;
    if (!node->doubt)
        return electorate_has(e, (node_set)(node->confirmed_by | self));
    struct electorate others = { (node_set)(e.now & ~self), (node_set)(e.next & ~self), e.gone };
    return electorate_has(others, node->confirmed_by);
}

void vote_on_generation(struct node *node, struct effects *effects, const struct message *m)
{
    const struct message_generation *told = &m->as.generation_seen;
    uint64_t seen = told->seen;
    /* Once the set of voters names our store, what was seen of another one of this node is not about it. */
    uint64_t named = voters_identity(&node->voters.d.set, node->config->self);
    if (named != 0 && told->identity != 0 && told->identity != vote_identity(node))
        seen = 0;
    if (seen > node->newest_known)
        node->newest_known = seen;
    if (node->mute != MUTE_UNCONFIRMED && node->mute != MUTE_NOT)
        return;
    /* What a peer saw of a former process of ours has to be on the disk as this one found it; however
     * late the peer tells. Of this process nobody can have seen more than there is. */
    bool former = seen >> GENERATION_SHIFT < node->restarts;
    if (seen > (former ? node->start_generation : node->durable.generation)) {
        set_mute(node, effects, MUTE_STORE_OLDER);
        return;
    }
    if (node->mute != MUTE_UNCONFIRMED || m->voters_version != node->voters.d.set.version ||
        !voters_may_vote(&node->voters.d.set, m->from, m->identity))
        return;
    node->confirmed_by = (node_set)(node->confirmed_by | node_bit(m->from));
    if (!is_confirmed(node))
        return;
    set_mute(node, effects, MUTE_NOT);
    node->confirmed = true;
    if (voters_equal(&node->voters.d.set, &node->durable.voters.set))
        return;
    /* What was learnt of the voters before could not be written; now it is, and comes back to us when it is on disk. */
    node->persist = true;
    effects_send(effects, node_bit(node->config->self), true, MESSAGE_VOTERS, SERVICE_NONE)->as.voters.report =
        (struct voter_report){ true, BALLOT_ZERO, node->voters.d.set };
}

/* What a peer's messages say of its disk is remembered of the store that has the vote; where no identity is
 * written down (version 1, nodes without a vote), of whichever store said the newest. */
void vote_remember_generation(struct node *node, const struct message *m)
{
    struct peer *peer = &node->peers[m->from];
    uint64_t named = voters_identity(&node->voters.d.set, m->from);
    if (named != 0 && m->identity != named)
        return;
    bool same = m->generation == peer->seen_generation && node->durable.seen_identity[m->from] == 0;
    if (m->generation <= peer->seen_generation && !same)
        return;
    peer->seen_generation = m->generation;
    node->durable.seen_generation[m->from] = m->generation; /* written with the next persist */
    node->durable.seen_identity[m->from] = m->identity;
}

/* What was seen of a store that has no vote any more says nothing of the one that has. */
static void forget_generations(struct node *node)
{
    for (node_id n = 0; n < POLICY_NODES_MAX; n++) {
        uint64_t named = voters_identity(&node->voters.d.set, n);
        if (named == 0 || node->durable.seen_identity[n] == named)
            continue;
        node->peers[n].seen_generation = node->peers[n].former_generation = 0;
        node->durable.seen_generation[n] = node->durable.seen_identity[n] = 0;
    }
}

void vote_voters_changed(struct node *node, struct effects *effects, uint64_t named_before)
{
    forget_generations(node);
    mute_again(node, effects, named_before);
}

/* A store that is not confirmed keeps marks, and its generation: a newer one would hide that it was rolled back.
 * What is learnt of the voters meanwhile is known for as long as the process lives, and no vote depends on it. */
void vote_count_write(struct node *node)
{
    uint64_t process = (uint64_t)node->restarts << GENERATION_SHIFT;
    if (node->confirmed) {
        node->durable.voters = node->voters.d;
        node->durable.generation =
            (node->durable.generation > process ? node->durable.generation : process) + 1;
    }
}
