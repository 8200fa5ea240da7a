/* dns_acts: DNS_READ, SUBMIT, POLL, VERIFY and ENDPOINTS of one service, as acts of the core.
 *
 * Keeps what lies between the acts of one change: the fence TXT exactly as last read, and the id of
 * the change last submitted. What the records should be is a function of the regions and the
 * share that the act names; what may be done to a zone was decided by the core (policy/failover/dns_rule.h).
 */
#ifndef FAILOVERD_CONTROL_DNS_ACTS_H
#define FAILOVERD_CONTROL_DNS_ACTS_H

#include "coordinator/base/fetch.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "coordinator/config/config.h"
#include "coordinator/control/database_acts.h"
#include "dns/aws_credentials.h"
#include "policy/act.h"

struct dns_acts;

struct dns_acts_settings {
    const struct service_config *service;
    const struct credentials_config *credentials; /* of this node, or NULL: the service's */
    struct fetch_pool *pool;
    struct resolver *resolver;
    act_done *on_done;
    void *arg;
};

/* For a service with DNS. What the settings point to outlives it. */
struct dns_acts *dns_acts_new(struct loop *loop, const struct dns_acts_settings *settings,
                              struct fault *fault);
void dns_acts_free(struct dns_acts *acts);

void dns_acts_run(struct dns_acts *acts, const struct act *act);

#endif
