/* One voter's register: see acceptor.h. */
#include "policy/quorum/acceptor.h"

void acceptor_init(struct acceptor *acceptor, struct ballot promised,
                   const struct register_report *accepted, struct mono_time start)
{
    *acceptor = (struct acceptor){
        .promised = promised,
        .accepted = *accepted,
        .last_grant = start,
        .granted = INSTANCE_NONE,
        .released = INSTANCE_NONE,
    };
}

enum acceptor_answer acceptor_prepare(struct acceptor *acceptor, struct ballot ballot)
{
    if (ballot_compare(ballot, acceptor->promised) < 0)
        return ACCEPTOR_NO;
    acceptor->promised = ballot;
    return ACCEPTOR_YES;
}

enum acceptor_answer acceptor_accept(struct acceptor *acceptor, struct ballot ballot,
                                     const struct ledger *ledger)
{
    if (ballot_compare(ballot, acceptor->promised) < 0)
        return ACCEPTOR_NO;
    const struct register_report *accepted = &acceptor->accepted;
    if (!ledger_valid(ledger))
        return ACCEPTOR_NONSENSE;
    if (accepted->present) {
        int order = ballot_compare(ballot, accepted->ballot);
        /* What is accepted here need not be the predecessor of what comes: it may be a value that
         * was never chosen. So whether a step is allowed is checked where the predecessor is
         * known chosen, by the proposer, and not here. One ballot carries one value: a proposer
         * that says otherwise lies or lost its memory. */
        if (order == 0 && !ledger_equal(ledger, &accepted->ledger))
            return ACCEPTOR_NONSENSE;
    }
    acceptor->promised = ballot;
    acceptor->accepted = (struct register_report){ true, ballot, *ledger };
    return ACCEPTOR_YES;
}

enum acceptor_answer acceptor_renew(struct acceptor *acceptor, const struct message_renew *renew,
                                    struct mono_time now)
{
    const struct register_report *accepted = &acceptor->accepted;
    if (!accepted->present || accepted->ledger.writer == REGION_NONE ||
        accepted->ledger.epoch != renew->epoch ||
        !instance_equal(accepted->ledger.guard, renew->instance))
        return ACCEPTOR_NO;
    if (instance_equal(acceptor->released, renew->instance) &&
        acceptor->released_epoch >= renew->epoch)
        return ACCEPTOR_NO;
    bool later = acceptor->granted_epoch == renew->epoch &&
                 instance_equal(acceptor->granted, renew->instance) &&
                 acceptor->granted_nonce > renew->nonce;
    acceptor->granted = renew->instance;
    acceptor->granted_epoch = renew->epoch;
    if (!later)
        acceptor->granted_nonce = renew->nonce;
    acceptor->grant_released = false;
    acceptor->last_grant = now;
    return ACCEPTOR_YES;
}

void acceptor_release(struct acceptor *acceptor, const struct message_release *release)
{
    if (instance_equal(acceptor->released, release->instance) &&
        acceptor->released_epoch >= release->epoch)
        return;
    acceptor->released = release->instance;
    acceptor->released_epoch = release->epoch;
    /* A grant to somebody else, of another epoch, or of a renewal sent after the release is not
     * the releaser's to give back. */
    if (instance_equal(acceptor->granted, release->instance) &&
        acceptor->granted_epoch == release->epoch && acceptor->granted_nonce <= release->nonce)
        acceptor->grant_released = true;
}

int64_t acceptor_grant_age_us(const struct acceptor *acceptor, struct mono_time now)
{
    if (acceptor->grant_released)
        return GRANT_AGE_RELEASED_US;
    int64_t age = mono_since(now, acceptor->last_grant);
    return age > 0 ? age : 0;
}
