/* dns_rule: what may be done to a zone, given the fence TXT just read in it (DESIGN 8).
 *
 * DNS never goes backwards: a change replaces the TXT exactly as it was read, and only one of an
 * older epoch of ours, or of an older version of our operation that moves traffic by and by.
 * Whatever else is found there is a person's business.
 */
#ifndef FAILOVERD_POLICY_DNS_RULE_H
#define FAILOVERD_POLICY_DNS_RULE_H

#include "policy/act.h"
#include "policy/quorum/ledger.h"

enum dns_ruling {
    DNS_SUBMIT,       /* older than ours, or ours with another share of the traffic: replace it */
    DNS_APPLIED,      /* ours already, with this share: only its being in force is left to prove */
    DNS_STALE,        /* a newer epoch is there: it is us who are stale */
    DNS_ALARM,        /* our epoch under another operation: two executors, or a forged mark */
    DNS_UNADOPTED,    /* no mark: a person has to adopt the zone first */
    DNS_FOREIGN,      /* a mark that is not ours */
    DNS_ROLLED_BACK,  /* older than what was INSYNC: the zone went back */
    DNS_RULING_COUNT
};

/* `adopting`: a person who adopts a zone vouches for what is there; a newer epoch of ours they can't. */
enum dns_ruling dns_rule(const struct ledger *ledger, const struct act_result *read, bool adopting);

#endif
