/* Making chosen values wrong: see check_falsify.h.
 *
 * Each row changes one thing of a ledger and says who has to notice: ledger_equal() always; ledger_valid(),
 * and with it acceptor and learner, if no ledger may look like that; ledger_follows() if it may, but not
 * behind the one before it. Some things a grant is free to change, and some begin, since they set them.
 */
#include "tests/sim/check_falsify.h"

#include "policy/quorum/acceptor.h"
#include "policy/quorum/learner.h"

#include <string.h>

enum notices {
    NOTICED_IF_COMPARED,      /* by ledger_equal() alone */
    NOTICED_BUT_AT_BEGIN,     /* by ledger_follows(), unless an operation begins or ends there */
    NOTICED_BUT_AT_GRANT,     /* by ledger_follows(), unless a writer is named anew there */
    NOTICED_BEHIND,           /* by ledger_follows(), always */
    NOTICED_ALONE,            /* by ledger_valid() */
    NOTICED_IN_FAILOVER,      /* by ledger_valid(), if a failover is going on */
    NOTICED_IN_OPERATION,     /* by ledger_valid(), if any operation is */
};

struct wrong {
    const char *what;
    enum notices notices;
    void (*make)(struct ledger *l);
};

static region_id another(region_id r) { return r == 0 ? 1 : 0; }

static void version_zero(struct ledger *l) { l->version = 0; }
static void version_skips(struct ledger *l) { l->version++; }
static void epoch_zero(struct ledger *l) { l->epoch = 0; }
static void epoch_ahead(struct ledger *l) { l->epoch = l->version + 1; }
static void epoch_skips(struct ledger *l) { l->version += 9; l->epoch++; }
static void epoch_grows(struct ledger *l) { l->epoch++; }
static void writer_nowhere(struct ledger *l) { l->writer = POLICY_REGIONS_MAX; }
static void writer_other(struct ledger *l) { l->writer = another(l->writer); }
static void writer_and_target(struct ledger *l) { l->writer = l->operation.to = another(l->operation.to); }
static void writer_missing(struct ledger *l) { l->writer = REGION_NONE; }
static void guard_nobody(struct ledger *l) { l->guard.node = NODE_NONE; }
static void guard_id(struct ledger *l) { l->guard.id++; }
static void guard_node(struct ledger *l) { l->guard.node ^= 1; }
static void guard_epoch_zero(struct ledger *l) { l->guard_epoch = 0; }
static void guard_epoch_ahead(struct ledger *l) { l->guard_epoch = l->epoch + 1; }
static void guard_epoch_back(struct ledger *l) { l->guard_epoch--; }
static void fence_unknown(struct ledger *l) { l->fence = (enum fence_mode)7; }
static void fence_other(struct ledger *l) { l->fence = l->fence == FENCE_GUARDED ? FENCE_ENFORCED : FENCE_GUARDED; }
static void keep_other(struct ledger *l) { l->keep_on_quorum_loss = !l->keep_on_quorum_loss; }
static void paused_other(struct ledger *l) { l->pause.on = !l->pause.on; }
static void lease_none(struct ledger *l) { l->lease_us = 0; }
static void lease_shorter(struct ledger *l) { l->lease_us--; }
static void longest_too_short(struct ledger *l) { l->longest_lease_us = l->lease_us - 1; }
static void longest_grows(struct ledger *l) { l->longest_lease_us++; }
static void longest_shrinks(struct ledger *l) { l->lease_us = 1; l->longest_lease_us--; }
static void longest_endless(struct ledger *l) { l->longest_lease_us = LEDGER_LEASE_MAX_US + 1; }
static void clock_wild(struct ledger *l) { l->clock_error_ppm = LEDGER_CLOCK_ERROR_MAX_PPM + 1; }
static void clock_other(struct ledger *l) { l->clock_error_ppm ^= 1; }
static void dns_ahead(struct ledger *l) { l->dns_epoch = l->epoch + 1; }
static void dns_forgotten(struct ledger *l) { l->dns_epoch = 0; }
static void kind_unknown(struct ledger *l) { l->operation.kind = (enum operation_kind)9; }
static void kind_other(struct ledger *l)
{
    l->operation.kind = operation_moves(l->operation.kind) ? OPERATION_ADOPT : OPERATION_FAILOVER;
}
static void phase_begun_or_none(struct ledger *l)
{
    l->operation.phase = l->operation.phase == PHASE_BEGUN ? PHASE_NONE : PHASE_BEGUN;
}
static void phase_unknown(struct ledger *l) { l->operation.phase = (enum operation_phase)5; }
static void id_zero(struct ledger *l) { l->operation.id = 0; }
static void id_other(struct ledger *l) { l->operation.id++; }
static void from_nowhere(struct ledger *l) { l->operation.from = REGION_NONE; }
static void from_other(struct ledger *l) { l->operation.from = another(l->operation.from); }
static void to_nowhere(struct ledger *l) { l->operation.to = REGION_NONE; }
static void to_other(struct ledger *l) { l->operation.to = another(l->operation.to); }
static void executor_nobody(struct ledger *l) { l->operation.executor = NODE_NONE; }
static void executor_other(struct ledger *l) { l->operation.executor ^= 1; }
static void executor_and_guard(struct ledger *l) { l->operation.executor ^= 1; l->guard.node = l->operation.executor; }
static void may_return(struct ledger *l) { l->operation.may_return = !l->operation.may_return; }
static void forced(struct ledger *l) { l->operation.forced = !l->operation.forced; }
static void skipped(struct ledger *l) { l->operation.skipped_gates ^= 1; }
static void accepted_loss(struct ledger *l) { l->operation.accepted_loss_bytes ^= 1; }
static void accepted_time(struct ledger *l) { l->operation.accepted_loss_us ^= 1; }
static void begun(struct ledger *l) { l->operation.begun.us++; }
static void other_stages(struct ledger *l) { l->operation.shift.percent[SHIFT_STAGES_MAX - 1] ^= 1; }
static void last_operation(struct ledger *l) { l->last_operation++; }
static void last_outcome(struct ledger *l)
{
    l->last_outcome = l->last_outcome == OUTCOME_DONE ? OUTCOME_ABORTED : OUTCOME_DONE;
}
static void last_finished(struct ledger *l) { l->last_finished.us++; }

static const struct wrong wrongs[] = {
    { "version 0", NOTICED_ALONE, version_zero },
    { "a version that skips one", NOTICED_BEHIND, version_skips },
    { "epoch 0", NOTICED_ALONE, epoch_zero },
    { "an epoch above the version", NOTICED_ALONE, epoch_ahead },
    { "epoch and version that run ahead", NOTICED_BEHIND, epoch_skips },
    { "an epoch that runs ahead", NOTICED_BEHIND, epoch_grows },
    { "a writer that is no region", NOTICED_ALONE, writer_nowhere },
    { "another writer", NOTICED_BEHIND, writer_other },
    { "another target, granted", NOTICED_BEHIND, writer_and_target },
    { "another origin", NOTICED_IF_COMPARED, from_other },
    { "no writer without a begin", NOTICED_BEHIND, writer_missing },
    { "a guard that is nobody", NOTICED_ALONE, guard_nobody },
    { "another guard instance", NOTICED_BUT_AT_GRANT, guard_id },
    { "another guard node", NOTICED_BEHIND, guard_node },
    { "guard epoch 0", NOTICED_ALONE, guard_epoch_zero },
    { "a guard of a later epoch", NOTICED_ALONE, guard_epoch_ahead },
    { "a guard of an earlier epoch", NOTICED_BEHIND, guard_epoch_back },
    { "a fence that does not exist", NOTICED_ALONE, fence_unknown },
    { "another fence", NOTICED_BUT_AT_GRANT, fence_other },
    { "another rule for quorum loss", NOTICED_BUT_AT_GRANT, keep_other },
    { "a pause", NOTICED_IF_COMPARED, paused_other },
    { "no lease", NOTICED_ALONE, lease_none },
    { "a shorter lease", NOTICED_BUT_AT_GRANT, lease_shorter },
    { "a longest lease below the lease", NOTICED_ALONE, longest_too_short },
    { "a longer longest lease", NOTICED_BUT_AT_GRANT, longest_grows },
    { "a longest lease forgotten", NOTICED_BEHIND, longest_shrinks },
    { "a lease without end", NOTICED_ALONE, longest_endless },
    { "a clock error beyond bounds", NOTICED_ALONE, clock_wild },
    { "another clock error", NOTICED_BUT_AT_GRANT, clock_other },
    { "DNS ahead of the epoch", NOTICED_ALONE, dns_ahead },
    { "DNS that goes back", NOTICED_BEHIND, dns_forgotten },
    { "an operation of no kind", NOTICED_ALONE, kind_unknown },
    { "another kind", NOTICED_IF_COMPARED, kind_other },
    { "another phase", NOTICED_ALONE, phase_begun_or_none },
    { "a phase that does not exist", NOTICED_ALONE, phase_unknown },
    { "an operation without id", NOTICED_IN_OPERATION, id_zero },
    { "another operation", NOTICED_BUT_AT_BEGIN, id_other },
    { "from nowhere", NOTICED_IN_FAILOVER, from_nowhere },
    { "to nowhere", NOTICED_IN_OPERATION, to_nowhere },
    { "another target", NOTICED_IF_COMPARED, to_other },
    { "an executor that is nobody", NOTICED_IN_OPERATION, executor_nobody },
    { "another executor", NOTICED_IF_COMPARED, executor_other },
    { "another executor, granted", NOTICED_BEHIND, executor_and_guard },
    { "a way back", NOTICED_IF_COMPARED, may_return },
    { "a person's word", NOTICED_IF_COMPARED, forced },
    { "other gates skipped", NOTICED_IF_COMPARED, skipped },
    { "another loss accepted", NOTICED_IF_COMPARED, accepted_loss },
    { "another time of loss accepted", NOTICED_IF_COMPARED, accepted_time },
    { "another time of begin", NOTICED_IF_COMPARED, begun },
    { "other stages", NOTICED_BUT_AT_BEGIN, other_stages },
    { "another last operation", NOTICED_IF_COMPARED, last_operation },
    { "another last outcome", NOTICED_IF_COMPARED, last_outcome },
    { "another last end", NOTICED_IF_COMPARED, last_finished },
};

/* Whether `next` goes on with the operation that was there before: it was neither begun nor ended. */
static bool goes_on(const struct ledger *before, const struct ledger *next)
{
    bool begins = next->operation.phase == PHASE_BEGUN && next->epoch > before->epoch;
    return before->operation.kind != OPERATION_NONE && next->operation.kind != OPERATION_NONE && !begins;
}

static bool names_a_writer(const struct ledger *before, const struct ledger *next)
{
    return before == NULL || (before->operation.phase == PHASE_BEGUN && next->operation.phase == PHASE_GRANTED);
}

static bool must_be_invalid(const struct ledger *next, enum notices notices)
{
    return notices == NOTICED_ALONE ||
           (notices == NOTICED_IN_FAILOVER && operation_moves(next->operation.kind)) ||
           (notices == NOTICED_IN_OPERATION && next->operation.kind != OPERATION_NONE);
}

/* Whether ledger_follows() has to refuse what was made of `next`. */
static bool must_not_follow(const struct ledger *before, const struct ledger *next, const struct wrong *wrong)
{
    bool naming = names_a_writer(before, next);
    if (wrong->make == dns_forgotten)
        return before != NULL && before->dns_epoch > 0;
    if (wrong->make == version_skips || wrong->make == epoch_skips)
        return true;
    if (wrong->make == writer_and_target || wrong->make == executor_and_guard)
        return before != NULL && naming;
    if (wrong->make == longest_shrinks && before != NULL && naming)
        return next->longest_lease_us == before->longest_lease_us; /* else the new terms allow less */
    if (wrong->make == epoch_grows && next->operation.phase == PHASE_BEGUN)
        return false; /* then it is a begin of its own */
    switch (wrong->notices) {
    case NOTICED_BEHIND: return before != NULL;
    case NOTICED_BUT_AT_GRANT: return !naming;
    case NOTICED_BUT_AT_BEGIN: return before != NULL && goes_on(before, next);
    case NOTICED_ALONE:
    case NOTICED_IN_FAILOVER:
    case NOTICED_IN_OPERATION: return must_be_invalid(next, wrong->notices);
    case NOTICED_IF_COMPARED:
    default: return false;
    }
}

/* What is no ledger gets into no voter and is learnt from none. */
static bool is_refused(const struct ledger *made)
{
    struct register_report nothing = { .present = false }, report = { true, { 1, 1, 0 }, *made };
    struct acceptor acceptor;
    struct learner learner;
    acceptor_init(&acceptor, BALLOT_ZERO, &nothing, (struct mono_time){ 0 });
    learner_init(&learner, electorate_of(7));
    return acceptor_accept(&acceptor, report.ballot, made) == ACCEPTOR_NONSENSE && !acceptor.accepted.present &&
           !learner_report(&learner, 0, &report, (struct mono_time){ 0 }) && !learner.reports[0].present;
}

const char *falsify_chosen(const struct ledger *before, const struct ledger *next)
{
    if (!ledger_valid(next) || !ledger_equal(next, next) || !ledger_follows(before, next))
        return "nothing: and it is refused";
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct ledger made = *next;
        wrongs[i].make(&made);
        if (memcmp(&made, next, sizeof made) == 0)
            continue; /* there was nothing of the kind to make wrong */
        if (ledger_equal(next, &made) || ledger_equal(&made, next))
            return wrongs[i].what;
        if (must_be_invalid(next, wrongs[i].notices) && (ledger_valid(&made) || !is_refused(&made)))
            return wrongs[i].what;
        if (must_not_follow(before, next, &wrongs[i]) && ledger_follows(before, &made))
            return wrongs[i].what;
    }
    return NULL;
}

void falsify_spoil(struct ledger *ledger, uint64_t which)
{
    size_t rows = sizeof wrongs / sizeof wrongs[0], i = (size_t)(which % rows);
    while (wrongs[i].notices != NOTICED_ALONE)
        i = (i + 1) % rows;
    wrongs[i].make(ledger);
}
