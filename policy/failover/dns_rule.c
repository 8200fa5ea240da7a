/* What may be done to a zone: see dns_rule.h. */
#include "policy/failover/dns_rule.h"

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
            return DNS_APPLIED;
        return adopting ? DNS_SUBMIT : DNS_ALARM;
    }
    if (read->mark_epoch < ledger->dns_epoch && !adopting)
        return DNS_ROLLED_BACK;
    return DNS_SUBMIT;
}
