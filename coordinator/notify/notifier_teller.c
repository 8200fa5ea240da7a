/* Who of several nodes tells.
 *
 * All nodes see the same incident, and people should hear of it once. So one tells: of an operation its executor
 * while it is heard, of what only one node can know that node, and of the rest the first of the configuration's
 * nodes, in the order of their names, that votes and that this node hears and can send to. A node that hears no
 * majority tells for itself.
 *
 * Never silence: let T be whom the others leave it to. If T dies, it is not heard any more within a few
 * heartbeats, the next in line finds itself first, and tells how each open incident stands now. If T lives but is
 * cut off from a majority, T tells for itself what it sees. If T hears a majority and node X leaves it to T
 * although T leaves it to S, then S comes before T, is heard by T and not by X: S tells. With three voters a node
 * that X hears and can send to hears a majority (itself and X), so T sees what a majority agrees on. With five it
 * need not, while it is cut off from three of them: it tells then what it sees itself, but does not see a
 * majority's verdict on a region. That gap closes only when nodes say in their gossip whether they hear a
 * majority.
 *
 * Sometimes twice: where nodes don't hear each other, both tell; and the successor of a dead one can't know what
 * that had told. An incident's id is the same on all nodes, so PagerDuty makes one of them.
 */
#include "coordinator/notify/notifier_parts.h"

#include "coordinator/status/status.h"

struct notifier_peers notifier_peers(const struct cluster_config *cluster, size_t self, const struct view_service *view)
{
    struct notifier_peers peers = { .looked = true, .quorum = view->quorum };
    for (size_t n = 0; n < cluster->node_count && n < POLICY_NODES_MAX; n++) {
        const struct view_node *node = &view->nodes[n];
        bool heard = status_hears(cluster, self, view, n);
        if (heard)
            peers.heard = (node_set)(peers.heard | node_bit((node_id)n));
        if (heard && node->voting && (n == self || node->linked))
            peers.eligible = (node_set)(peers.eligible | node_bit((node_id)n));
    }
    return peers;
}

static bool elected(const struct notifier_peers *peers, size_t self)
{
    if (!peers->quorum)
        return true;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (node_in(peers->eligible, n))
            return n == self;
    return true; /* nobody who votes is heard */
}

bool notifier_tells(const struct notifier_peers *peers, size_t self, const struct incident *incident)
{
    switch (incident->teller) {
    case TELLER_SELF:
        return true;
    case TELLER_EXECUTOR:
        if (incident->executor == self)
            return true;
        return peers->looked && !node_in(peers->heard, incident->executor) && elected(peers, self);
    case TELLER_ELECTED:
        break;
    }
    return peers->looked && elected(peers, self);
}
