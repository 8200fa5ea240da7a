/* cut_over: DNS follows the ledger. Read, confirm that we still are the writer, submit, poll until the
 * change is in force, zone after zone; then verify at the name servers and through the public names.
 *
 * DNS never goes backwards: what may be done to a zone is ruled by the fence TXT just read in it
 * (dns_rule.h); a change replaces exactly that TXT; and it is submitted only after a majority granted a
 * renewal that was sent after the reading. Whatever came of a submission, the zone is read again before
 * the next.
 */
#include "policy/failover/dns_rule.h"
#include "policy/failover/steps.h"

#define VERIFY_TRIES 5
#define POLL_EVERY_US (500 * US_PER_MS)

static void dns_go(struct operation_run *run, enum dns_stage stage)
{
    run->dns_stage = stage;
    run->tries = 0;
    run->answered = false;
    run->in_flight = false;
    run->retry_at.us = 0;
}

static void dns_next_zone(struct operation_run *run)
{
    run->zone++;
    dns_go(run, DNS_STAGE_READ);
}

/* What stands in the way is noted once, not at every look. */
static void dns_rule_on(struct service *s, struct turn *turn, const struct act_result *r)
{
    struct operation_run *run = &s->run;
    bool adopting = run->adopting || run->kind == OPERATION_ADOPT;
    enum dns_ruling ruling = dns_rule(service_ledger(s), r, adopting);
    bool news = ruling != run->ruling_noted;
    run->ruling_noted = (uint8_t)ruling;
    if (news || ruling == DNS_SUBMIT) {
        struct note *note = service_note(s, turn, NOTE_DNS_READ);
        note->a = r->mark;
        note->b = (int64_t)r->mark_epoch;
        note->c = ruling;
    }
    if (ruling == DNS_SUBMIT) {
        dns_go(run, DNS_STAGE_CONFIRM);
        run->confirm_from = turn->now;
        /* A renewal sent from here on is the quorum read that has to confirm us. */
        s->guard.next_renew = turn->now;
        service_wake(s, turn->now);
        return;
    }
    if (ruling == DNS_APPLIED) {
        /* Applied by us, its change id lost with the reply: that it is in force is proven at the
         * name servers by the verify step instead. */
        run->zone_without_id = true;
        dns_next_zone(run);
        return;
    }
    if (news)
        service_note(s, turn, NOTE_DNS_STOPPED)->a = ruling;
    static const char *const words[DNS_RULING_COUNT] = {
        [DNS_STALE] = "the zone shows a newer epoch than ours: this coordinator is stale",
        [DNS_ALARM] = "the zone shows our epoch under another operation: look at it",
        [DNS_UNADOPTED] = "the zone has no fence record: run failoverctl dns adopt",
        [DNS_FOREIGN] = "the fence record is not ours: check it, then failoverctl dns adopt",
        [DNS_ROLLED_BACK] = "the zone went back behind an epoch that was in force: dns adopt",
    };
    step_say(run, words[ruling]);
    run->retry_at = mono_after(turn->now, ACT_RETRY_MAX_US);
    service_wake(s, run->retry_at);
}

static void dns_read(struct service *s, struct turn *turn)
{
    const struct act_result *r = step_act_result(s, turn, ACT_DNS_READ, s->policy->dns_deadline_us / 4);
    if (r == NULL)
        return;
    if (r->outcome == ACT_DONE)
        dns_rule_on(s, turn, r);
    else
        step_retry_later(s, turn, r);
}

/* Nothing is submitted on what we believed earlier: a majority has to have granted us a renewal
 * that was sent after the zone was read, which it does only while we are the ledger's writer. */
static void dns_confirm(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    bool confirmed = s->guard.lease.confirmed.us >= run->confirm_from.us;
    if (confirmed && step_lease_is_ours(s, turn))
        dns_go(run, DNS_STAGE_SUBMIT);
    else
        step_say(run, "asking a majority whether we still are the writer before DNS is changed");
}

static void dns_submit(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    if (!run->in_flight && !run->answered && !step_lease_is_ours(s, turn)) {
        dns_go(run, DNS_STAGE_READ);
        return;
    }
    const struct act_result *r =
        step_act_result(s, turn, ACT_DNS_SUBMIT, s->policy->dns_deadline_us / 4);
    if (r == NULL)
        return;
    if (r->outcome == ACT_DONE) {
        dns_go(run, DNS_STAGE_POLL);
        return;
    }
    /* Refused, lost or in conflict: what is there now is read again before anything is sent. */
    uint32_t tries = run->tries;
    step_retry_later(s, turn, r);
    struct mono_time at = run->retry_at;
    dns_go(run, DNS_STAGE_READ);
    run->retry_at = r->outcome == ACT_RETRY || r->outcome == ACT_REFUSED ? at : turn->now;
    service_wake(s, run->retry_at);
    run->tries = tries;
}

static void dns_poll(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    const struct act_result *r = step_act_result(s, turn, ACT_DNS_POLL, s->policy->dns_deadline_us / 4);
    if (r == NULL)
        return;
    if (r->outcome == ACT_DONE && r->insync) {
        dns_next_zone(run);
        return;
    }
    if (r->outcome == ACT_UNKNOWN) { /* the change id is not known any more */
        dns_go(run, DNS_STAGE_READ);
        return;
    }
    if (r->outcome != ACT_DONE) {
        step_retry_later(s, turn, r);
        return;
    }
    run->tries = 0;
    run->retry_at = mono_after(turn->now, POLL_EVERY_US);
    service_wake(s, run->retry_at);
    step_say(run, "the change is PENDING: waiting for INSYNC");
}

static void (*const dns_stage_functions[DNS_STAGE_COUNT])(struct service *, struct turn *) = {
    [DNS_STAGE_READ] = dns_read,
    [DNS_STAGE_CONFIRM] = dns_confirm,
    [DNS_STAGE_SUBMIT] = dns_submit,
    [DNS_STAGE_POLL] = dns_poll,
};

void cut_over_begin(struct operation_run *run)
{
    run->zone = 0;
    dns_go(run, DNS_STAGE_READ);
}

enum step_said cut_over_zones(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    if (run->zone >= s->policy->zone_count) {
        run->zone = 0;
        return STEP_IS_DONE;
    }
    /* Stages follow each other without waiting for another event; none goes back to an earlier one
     * without an act in between, so their number bounds the loop. */
    for (int i = 0; i < DNS_STAGE_COUNT; i++) {
        enum dns_stage stage = run->dns_stage;
        uint8_t zone = run->zone;
        dns_stage_functions[stage](s, turn);
        if (run->zone >= s->policy->zone_count || (run->dns_stage == stage && run->zone == zone))
            break;
    }
    if (run->zone >= s->policy->zone_count)
        return cut_over_zones(s, turn);
    return STEP_WAITS;
}

enum step_said step_cut_over(struct service *s, struct turn *turn)
{
    return cut_over_zones(s, turn);
}

enum step_said cut_over_verify_zones(struct service *s, struct turn *turn)
{
    struct operation_run *run = &s->run;
    if (run->zone >= s->policy->zone_count)
        return STEP_IS_DONE;
    const struct act_result *r = step_act_result(s, turn, ACT_DNS_VERIFY, s->policy->verify_deadline_us / 4);
    if (r == NULL)
        return STEP_WAITS;
    if (r->outcome != ACT_DONE) {
        step_retry_later(s, turn, r);
        /* A provider's control plane may lose a change that it had put in force: what the zone shows is
         * read again now and then, and ruled on as at first. */
        return run->tries >= VERIFY_TRIES ? STEP_REDOES_DNS : STEP_WAITS;
    }
    run->zone++;
    run->tries = 0;
    service_wake(s, turn->now);
    return run->zone >= s->policy->zone_count ? STEP_IS_DONE : STEP_WAITS;
}

enum step_said step_verify(struct service *s, struct turn *turn)
{
    enum step_said zones = cut_over_verify_zones(s, turn);
    if (zones != STEP_IS_DONE || !s->policy->has_endpoints)
        return zones;
    const struct act_result *r = step_act_result(s, turn, ACT_ENDPOINTS, s->policy->verify_deadline_us / 4);
    if (r == NULL)
        return STEP_WAITS;
    if (r->outcome == ACT_DONE)
        return STEP_IS_DONE;
    step_retry_later(s, turn, r);
    return STEP_WAITS;
}
