/* The set of voters: see voters.h. */
#include "policy/quorum/voters.h"

struct voter_set voters_first(node_set voters)
{
    return (struct voter_set){ .version = 1, .voters = voters, .node = NODE_NONE };
}

bool voters_equal(const struct voter_set *a, const struct voter_set *b)
{
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (a->identity[n] != b->identity[n])
            return false;
    return a->version == b->version && a->voters == b->voters && a->change == b->change &&
           a->node == b->node && a->node_identity == b->node_identity;
}

/* Who votes once the change is over. */
static node_set after(const struct voter_set *set)
{
    node_set bit = node_bit(set->node & (POLICY_NODES_MAX - 1));
    switch (set->change) {
    case VOTER_ADD: return (node_set)(set->voters | bit);
    case VOTER_REMOVE: return (node_set)(set->voters & ~bit);
    case VOTER_NONE:
    case VOTER_REPLACE:
    case VOTER_CHANGE_COUNT:
    default: return set->voters;
    }
}

static bool size_fits(node_set voters)
{
    return set_size(voters) >= VOTERS_MIN && set_size(voters) <= POLICY_VOTERS_MAX;
}

static bool change_valid(const struct voter_set *set, uint8_t node_count)
{
    if (set->change == VOTER_NONE)
        return set->node == NODE_NONE && set->node_identity == 0;
    if (set->change >= VOTER_CHANGE_COUNT || set->node >= node_count)
        return false;
    bool votes = node_in(set->voters, set->node);
    bool named = set->node_identity != 0;
    switch (set->change) {
    case VOTER_ADD: return !votes && named;
    case VOTER_REMOVE: return votes && !named;
    case VOTER_REPLACE: return votes && named && set->identity[set->node] != set->node_identity;
    case VOTER_NONE:
    case VOTER_CHANGE_COUNT:
    default: return false;
    }
}

bool voters_valid(const struct voter_set *set, uint8_t node_count)
{
    if (set->version == 0 || node_count > POLICY_NODES_MAX || (unsigned)set->voters >> node_count != 0)
        return false;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (set->identity[n] != 0 && !node_in(set->voters, n))
            return false;
    return change_valid(set, node_count) && size_fits(set->voters) && size_fits(after(set));
}

/* An identity that is written down stays; one that was not may be. */
static bool identities_kept(const struct voter_set *now, const struct voter_set *next)
{
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (now->identity[n] != 0 && now->identity[n] != next->identity[n])
            return false;
    return true;
}

bool voters_follows(const struct voter_set *now, const struct voter_set *next)
{
    if (now->change != VOTER_NONE) {
        struct voter_set settled = voters_settled(now);
        return voters_equal(&settled, next);
    }
    return next->version == now->version + 1 && next->change != VOTER_NONE && next->voters == now->voters &&
           identities_kept(now, next) && voters_valid(next, POLICY_NODES_MAX);
}

struct voter_set voters_changing(const struct voter_set *now, enum voter_change change, node_id node,
                                 uint64_t identity)
{
    policy_ensure(now->change == VOTER_NONE && change != VOTER_NONE && node < POLICY_NODES_MAX);
    struct voter_set next = *now;
    next.version++;
    next.change = change;
    next.node = node;
    next.node_identity = change == VOTER_REMOVE ? 0 : identity;
    return next;
}

struct voter_set voters_settled(const struct voter_set *changing)
{
    policy_ensure(changing->change != VOTER_NONE && changing->node < POLICY_NODES_MAX);
    struct voter_set next = *changing;
    next.version++;
    next.voters = after(changing);
    next.identity[changing->node] = changing->node_identity; /* 0 for who was removed */
    next.change = VOTER_NONE;
    next.node = NODE_NONE;
    next.node_identity = 0;
    return next;
}

struct electorate voters_electorate(const struct voter_set *set)
{
    struct electorate e = { .now = set->voters, .next = after(set) };
    if (set->change == VOTER_REPLACE) {
        /* The identity that leaves has no vote any more, and the one that comes has none of its. */
        e.now = (node_set)(e.now & ~node_bit(set->node));
        e.gone = 1;
    }
    return e;
}

uint64_t voters_identity(const struct voter_set *set, node_id node)
{
    if (node >= POLICY_NODES_MAX)
        return 0;
    bool comes = node == set->node && (set->change == VOTER_ADD || set->change == VOTER_REPLACE);
    return comes ? set->node_identity : set->identity[node];
}

bool voters_may_vote(const struct voter_set *set, node_id node, uint64_t identity)
{
    if (identity == 0 || !node_in(electorate_all(voters_electorate(set)), node))
        return false;
    uint64_t named = voters_identity(set, node);
    return named == 0 || named == identity;
}
