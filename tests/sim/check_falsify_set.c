/* Making the set of voters wrong: see check_falsify.h.
 *
 * Few clusters change their voters, and none in every way. So the set that is in force is brought to four voters, from
 * which one may be added, removed or replaced; each of these has to be let through, and then is made wrong.
 */
#include "tests/sim/check_falsify.h"

#define FIRST_IDENTITY 900

enum noticed {
    NOTICED_AS_OTHER, /* by voters_equal() alone */
    NOTICED_BEHIND,   /* by voters_follows() too */
    NOTICED_ALONE,    /* by voters_valid() too */
};

struct wrong_set {
    const char *what;
    enum voter_change change; /* NONE: the end of one */
    enum noticed noticed;
    void (*make)(struct voter_set *set);
};

/* The first node that has a vote, or has none. */
static node_id some_node(const struct voter_set *set, bool votes)
{
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (node_in(set->voters, n) == votes)
            return n;
    return NODE_NONE;
}

static void version_none(struct voter_set *s) { s->version = 0; }
static void version_skips(struct voter_set *s) { s->version++; }
/* What the change makes of them would do: it is what they are now that does not. */
static void voters_fewer(struct voter_set *s)
{
    for (node_id n = POLICY_NODES_MAX; n-- > 0 && set_size(s->voters) >= VOTERS_MIN;)
        if (node_in(s->voters, n)) {
            s->voters &= (node_set)~node_bit(n);
            s->identity[n] = 0;
        }
}

static void voters_more(struct voter_set *s)
{
    while (set_size(s->voters) <= POLICY_VOTERS_MAX)
        s->voters |= node_bit(some_node(s, false));
}

static void voters_another(struct voter_set *s) { s->voters = (node_set)(s->voters | node_bit(some_node(s, false))); }
static void change_none(struct voter_set *s) { s->change = VOTER_NONE; }
static void change_unknown(struct voter_set *s) { s->change = VOTER_CHANGE_COUNT; }
static void node_missing(struct voter_set *s) { s->node = NODE_NONE; }
static void node_votes(struct voter_set *s) { s->node = some_node(s, true); }
static void node_votes_not(struct voter_set *s) { s->node = some_node(s, false); }
static void node_nobodys(struct voter_set *s) { s->node = 1; }
static void named_not(struct voter_set *s) { s->node_identity = 0; }
static void named(struct voter_set *s) { s->node_identity = 4; }
static void named_other(struct voter_set *s) { s->node_identity++; }
static void named_the_same(struct voter_set *s) { s->node_identity = s->identity[s->node]; }
static void identity_of_nobody(struct voter_set *s) { s->identity[some_node(s, false)] = 4; }
static void identity_other(struct voter_set *s) { s->identity[some_node(s, true)]++; }

static const struct wrong_set wrong_sets[] = {
    { "no version of the voters", VOTER_ADD, NOTICED_ALONE, version_none },
    { "a version of the voters that skips one", VOTER_ADD, NOTICED_BEHIND, version_skips },
    { "too few voters", VOTER_ADD, NOTICED_ALONE, voters_fewer },
    { "too many voters", VOTER_REMOVE, NOTICED_ALONE, voters_more },
    { "another voter beside the one removed", VOTER_REMOVE, NOTICED_BEHIND, voters_another },
    { "another voter beside the one replaced", VOTER_REPLACE, NOTICED_BEHIND, voters_another },
    { "no change of a voter", VOTER_ADD, NOTICED_ALONE, change_none },
    { "a change that does not exist", VOTER_ADD, NOTICED_ALONE, change_unknown },
    { "a change of nobody", VOTER_ADD, NOTICED_ALONE, node_missing },
    { "a voter that is added", VOTER_ADD, NOTICED_ALONE, node_votes },
    { "somebody added without a name", VOTER_ADD, NOTICED_ALONE, named_not },
    { "another identity added", VOTER_ADD, NOTICED_AS_OTHER, named_other },
    { "an identity without a vote", VOTER_ADD, NOTICED_ALONE, identity_of_nobody },
    { "another identity of a voter", VOTER_ADD, NOTICED_BEHIND, identity_other },
    { "somebody removed who has no vote", VOTER_REMOVE, NOTICED_ALONE, node_votes_not },
    { "somebody removed and named", VOTER_REMOVE, NOTICED_ALONE, named },
    { "somebody replaced who has no vote", VOTER_REPLACE, NOTICED_ALONE, node_votes_not },
    { "a voter replaced by nobody", VOTER_REPLACE, NOTICED_ALONE, named_not },
    { "a voter replaced by itself", VOTER_REPLACE, NOTICED_ALONE, named_the_same },
    { "an end with another version", VOTER_NONE, NOTICED_BEHIND, version_skips },
    { "an end with a node", VOTER_NONE, NOTICED_ALONE, node_nobodys },
    { "an end with an identity", VOTER_NONE, NOTICED_ALONE, named },
    { "an end with another voter", VOTER_NONE, NOTICED_BEHIND, voters_another },
    { "an end with another identity", VOTER_NONE, NOTICED_BEHIND, identity_other },
};

static struct voter_set changed(const struct voter_set *now, enum voter_change change)
{
    struct voter_set next = voters_changing(now, change, some_node(now, change != VOTER_ADD), FIRST_IDENTITY + 99);
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (node_in(next.voters, n) && next.identity[n] == 0)
            next.identity[n] = (uint64_t)FIRST_IDENTITY + n;
    return next;
}

static struct voter_set done(const struct voter_set *now, enum voter_change change)
{
    struct voter_set next = changed(now, change);
    return voters_settled(&next);
}

static const char *try_wrong(const struct voter_set *now, const struct voter_set *next, const struct wrong_set *wrong)
{
    struct voter_set made = *next;
    wrong->make(&made);
    bool noticed = !voters_equal(next, &made) && !voters_equal(&made, next) &&
                   (wrong->noticed != NOTICED_ALONE || !voters_valid(&made, POLICY_NODES_MAX)) &&
                   (wrong->noticed == NOTICED_AS_OTHER || !voters_follows(now, &made));
    return noticed ? NULL : wrong->what;
}

static const char *try_change(const struct voter_set *four, enum voter_change change)
{
    const struct voter_set changing = changed(four, VOTER_REPLACE);
    const struct voter_set *now = change == VOTER_NONE ? &changing : four;
    const struct voter_set next = change == VOTER_NONE ? voters_settled(&changing) : changed(four, change);
    if (!voters_valid(&next, POLICY_NODES_MAX) || !voters_follows(now, &next) || !voters_equal(&next, &next))
        return "nothing: and a change of the voters is refused";
    for (size_t i = 0; i < sizeof wrong_sets / sizeof wrong_sets[0]; i++) {
        if (wrong_sets[i].change != change)
            continue;
        const char *unnoticed = try_wrong(now, &next, &wrong_sets[i]);
        if (unnoticed != NULL)
            return unnoticed;
    }
    return NULL;
}

/* What is well made and goes beyond the sizes, or beyond the nodes that there are. */
static const char *try_bounds(const struct voter_set *four)
{
    const struct voter_set five = done(four, VOTER_ADD), three = done(four, VOTER_REMOVE);
    const struct voter_set six = changed(&five, VOTER_ADD), two = changed(&three, VOTER_REMOVE);
    if (voters_valid(&six, POLICY_NODES_MAX) || voters_follows(&five, &six))
        return "a sixth voter";
    if (voters_valid(&two, POLICY_NODES_MAX) || voters_follows(&three, &two))
        return "two voters";
    if (voters_valid(four, POLICY_NODES_MAX + 1) || voters_valid(four, 1))
        return "voters that are no nodes";
    return NULL;
}

static const char *try_votes(const struct voter_set *four)
{
    const struct voter_set next = changed(four, VOTER_REPLACE);
    node_id voter = next.node, other = some_node(four, false);
    if (voters_may_vote(&next, voter, 0) || voters_may_vote(&next, voter, next.identity[voter]) ||
        voters_may_vote(&next, other, next.node_identity) || voters_identity(&next, NODE_NONE) != 0)
        return "a vote of somebody who has none";
    return voters_may_vote(&next, voter, next.node_identity) ? NULL : "nothing: and who comes has no vote";
}

const char *falsify_set(const struct voter_set *set)
{
    static const enum voter_change changes[] = { VOTER_NONE, VOTER_ADD, VOTER_REMOVE, VOTER_REPLACE };
    struct voter_set settled = set->change == VOTER_NONE ? *set : voters_settled(set);
    struct voter_set four = settled;
    if (set_size(settled.voters) != 4)
        four = done(&settled, set_size(settled.voters) < 4 ? VOTER_ADD : VOTER_REMOVE);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const char *unnoticed = try_change(&four, changes[i]);
        if (unnoticed != NULL)
            return unnoticed;
    }
    const char *unnoticed = try_bounds(&four);
    return unnoticed != NULL ? unnoticed : try_votes(&four);
}
