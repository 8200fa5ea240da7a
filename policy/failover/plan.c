/* The step tables: see plan.h. */
#include "policy/failover/plan.h"

static const struct plan_step failover_plan[] = {
    /* step        irrev. back   act            has_act */
    { STEP_BEGIN,   false, true,  ACT_COMPARE,    false },
    { STEP_SHUT,    false, true,  ACT_FENCE_SHUT, false }, /* the guard's act; waited for here */
    { STEP_FENCE,   false, true,  ACT_COMPARE,    false },
    { STEP_FREEZE,  false, true,  ACT_FREEZE,     true },
    { STEP_COMPARE, false, true,  ACT_COMPARE,    true },
    { STEP_GRANT,   true,  false, ACT_COMPARE,    false },
    { STEP_LEASE,   false, false, ACT_COMPARE,    false },
    { STEP_PROMOTE, true,  false, ACT_PROMOTE,    true },
    { STEP_OPEN,    true,  false, ACT_FENCE_HOLD, false }, /* the guard's act; waited for here */
    { STEP_HOOKS,   false, false, ACT_HOOKS,      true },
    { STEP_CUT_OVER, true, false, ACT_DNS_SUBMIT, true },
    { STEP_VERIFY,  false, false, ACT_DNS_VERIFY, true },
    { STEP_FINISH,  false, false, ACT_COMPARE,    false },
    { STEP_NONE,    false, false, ACT_COMPARE,    false },
};

static const struct plan_step switchover_plan[] = {
    { STEP_BEGIN,   false, true,  ACT_COMPARE,    false },
    { STEP_SHUT,    false, true,  ACT_FENCE_SHUT, false },
    { STEP_FENCE,   false, true,  ACT_COMPARE,    false },
    { STEP_CATCH_UP, false, true, ACT_COMPARE,    false },
    { STEP_FREEZE,  false, true,  ACT_FREEZE,     true },
    { STEP_COMPARE, false, true,  ACT_COMPARE,    true },
    { STEP_GRANT,   true,  false, ACT_COMPARE,    false },
    { STEP_LEASE,   false, false, ACT_COMPARE,    false },
    { STEP_PROMOTE, true,  false, ACT_PROMOTE,    true },
    { STEP_OPEN,    true,  false, ACT_FENCE_HOLD, false },
    { STEP_HOOKS,   false, false, ACT_HOOKS,      true },
    { STEP_CUT_OVER, true, false, ACT_DNS_SUBMIT, true },
    { STEP_VERIFY,  false, false, ACT_DNS_VERIFY, true },
    { STEP_FINISH,  false, false, ACT_COMPARE,    false },
    { STEP_NONE,    false, false, ACT_COMPARE,    false },
};

static const struct plan_step failback_plan[] = {
    { STEP_BEGIN,   false, true,  ACT_COMPARE,    false },
    { STEP_SHUT,    false, true,  ACT_FENCE_SHUT, false },
    { STEP_FENCE,   false, true,  ACT_COMPARE,    false },
    { STEP_CATCH_UP, false, true, ACT_COMPARE,    false },
    { STEP_FREEZE,  false, true,  ACT_FREEZE,     true },
    { STEP_COMPARE, false, true,  ACT_COMPARE,    true },
    { STEP_GRANT,   true,  false, ACT_COMPARE,    false },
    { STEP_LEASE,   false, false, ACT_COMPARE,    false },
    { STEP_PROMOTE, true,  false, ACT_PROMOTE,    true },
    { STEP_OPEN,    true,  false, ACT_FENCE_HOLD, false },
    { STEP_HOOKS,   false, false, ACT_HOOKS,      true },
    { STEP_SHIFT,   false, false, ACT_DNS_SUBMIT, true },
    { STEP_CUT_OVER, true, false, ACT_DNS_SUBMIT, true },
    { STEP_VERIFY,  false, false, ACT_DNS_VERIFY, true },
    { STEP_FINISH,  false, false, ACT_COMPARE,    false },
    { STEP_NONE,    false, false, ACT_COMPARE,    false },
};

static const struct plan_step adopt_plan[] = {
    { STEP_BEGIN,   false, false, ACT_COMPARE,    false },
    { STEP_CUT_OVER, true, false, ACT_DNS_SUBMIT, true },
    { STEP_VERIFY,  false, false, ACT_DNS_VERIFY, true },
    { STEP_FINISH,  false, false, ACT_COMPARE,    false },
    { STEP_NONE,    false, false, ACT_COMPARE,    false },
};

static const char *const step_names[STEP_COUNT] = {
    [STEP_NONE] = "none",       [STEP_BEGIN] = "begin",     [STEP_SHUT] = "shut",
    [STEP_FENCE] = "fence",     [STEP_FREEZE] = "freeze",   [STEP_COMPARE] = "compare",
    [STEP_GRANT] = "grant",     [STEP_LEASE] = "lease",     [STEP_PROMOTE] = "promote",
    [STEP_OPEN] = "open",       [STEP_HOOKS] = "hooks",     [STEP_CUT_OVER] = "cut_over",
    [STEP_VERIFY] = "verify",   [STEP_FINISH] = "finish",   [STEP_UNDO] = "undo",
    [STEP_ABORT] = "abort",     [STEP_GUARD] = "guard",
    [STEP_FOLLOW] = "follow",   [STEP_CATCH_UP] = "catch_up", [STEP_SHIFT] = "shift",
    [STEP_GLASS] = "break_glass",
};

const char *step_name(enum step_id step)
{
    return (unsigned)step < STEP_COUNT ? step_names[step] : "none";
}

const struct plan_step *plan_of(enum operation_kind kind)
{
    return kind == OPERATION_ADOPT        ? adopt_plan
           : kind == OPERATION_SWITCHOVER ? switchover_plan
           : kind == OPERATION_FAILBACK   ? failback_plan
                                          : failover_plan;
}

const struct plan_step *plan_find(enum operation_kind kind, enum step_id step)
{
    for (const struct plan_step *row = plan_of(kind); row->step != STEP_NONE; row++)
        if (row->step == step)
            return row;
    return NULL;
}

int64_t plan_deadline_us(const struct service_policy *policy, enum step_id step)
{
    switch (step) {
    case STEP_BEGIN:
    case STEP_SHUT:
    case STEP_FENCE:
    case STEP_CATCH_UP:
    case STEP_GRANT:
    case STEP_LEASE:
    case STEP_ABORT:
        return policy->fence_deadline_us;
    case STEP_FREEZE:
    case STEP_COMPARE:
    case STEP_PROMOTE:
    case STEP_OPEN:
    case STEP_UNDO:
        return policy->promote_deadline_us;
    case STEP_HOOKS:
        return policy->hooks_deadline_us;
    case STEP_SHIFT: /* and what its stage is held for */
    case STEP_CUT_OVER:
        return policy->dns_deadline_us;
    case STEP_VERIFY:
    case STEP_FINISH:
        return policy->verify_deadline_us;
    case STEP_NONE:
    case STEP_GUARD:
    case STEP_FOLLOW:
    case STEP_GLASS:
    case STEP_COUNT:
    default:
        return policy->promote_deadline_us;
    }
}
