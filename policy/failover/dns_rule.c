/* What may be done to a zone: see dns_rule.h. */
#include "policy/failover/dns_rule.h"

/* Epoch and operation are ours: all that can differ is how much of the traffic was moved, which the ledger says. Each
 * change of it needs a newer version of the ledger, and the mark carries the version that it rests on, so of two marks
 * the older is always known, and no mark comes twice: a change that was sent long ago finds another mark than it was
 * to replace, and is void. Whoever submits it has had its lease confirmed after this reading (cut_over.c), so nobody
 * else is the executor by then; one who was replaced finds a newer epoch here.
 *
 * An adoption moves no traffic, so its mark has no version. It still comes after every mark of ours in our epoch: it is
 * chosen when we are over, with all of the traffic, and whatever moves traffic next has a newer epoch. As it names
 * another operation, a change of ours that was sent long ago is void there too. */
static enum dns_ruling rule_own(const struct ledger *ledger, const struct act_result *read, bool adopting)
{
    if (read->mark_share == ledger_share(ledger))
        return DNS_APPLIED;
    if (read->mark_version > ledger->version)
        return DNS_STALE; /* we have not heard yet of what was wanted since */
    return read->mark_version < ledger->version || adopting ? DNS_SUBMIT : DNS_ALARM;
}

enum dns_ruling dns_rule(const struct ledger *ledger, const struct act_result *read, bool adopting)
{
    if (read->mark == DNS_MARK_ABSENT)
        return adopting ? DNS_SUBMIT : DNS_UNADOPTED;
    if (read->mark == DNS_MARK_FOREIGN)
        return adopting ? DNS_SUBMIT : DNS_FOREIGN;
    if (read->mark_epoch > ledger->epoch)
        return DNS_STALE;
    if (read->mark_epoch == ledger->epoch) {
        if (read->mark_operation == ledger->operation.id)
            return rule_own(ledger, read, adopting);
        return adopting ? DNS_SUBMIT : DNS_ALARM;
    }
    if (read->mark_epoch < ledger->dns_epoch && !adopting)
        return DNS_ROLLED_BACK;
    return DNS_SUBMIT;
}
