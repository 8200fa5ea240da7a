/* The step table: see plan.h. */
#include "policy/failover/plan.h"

#define OF(kind) (1u << (kind))
#define ADOPT OF(OPERATION_ADOPT)
#define FAILBACK OF(OPERATION_FAILBACK)
#define PLANNED (OF(OPERATION_SWITCHOVER) | FAILBACK)
#define MOVES (OF(OPERATION_FAILOVER) | PLANNED)
#define EVERY (MOVES | ADOPT)

static const struct plan_step steps[] = {
    /* step          of        irrev. back   act             has_act */
    { STEP_BEGIN,    MOVES,    false, true,  ACT_COMPARE,    false },
    { STEP_BEGIN,    ADOPT,    false, false, ACT_COMPARE,    false }, /* the writer goes on */
    { STEP_SHUT,     MOVES,    false, true,  ACT_FENCE_SHUT, false }, /* the guard's act; waited for here */
    { STEP_FENCE,    MOVES,    false, true,  ACT_COMPARE,    false },
    { STEP_CATCH_UP, PLANNED,  false, true,  ACT_COMPARE,    false },
    { STEP_FREEZE,   MOVES,    false, true,  ACT_FREEZE,     true },
    { STEP_COMPARE,  MOVES,    false, true,  ACT_COMPARE,    true },
    { STEP_GRANT,    MOVES,    true,  false, ACT_COMPARE,    false },
    { STEP_LEASE,    MOVES,    false, false, ACT_COMPARE,    false },
    { STEP_PROMOTE,  MOVES,    true,  false, ACT_PROMOTE,    true },
    { STEP_OPEN,     MOVES,    true,  false, ACT_FENCE_HOLD, false }, /* the guard's act; waited for here */
    { STEP_HOOKS,    MOVES,    false, false, ACT_HOOKS,      true },
    { STEP_SHIFT,    FAILBACK, false, false, ACT_DNS_SUBMIT, true },
    { STEP_CUT_OVER, EVERY,    true,  false, ACT_DNS_SUBMIT, true },
    { STEP_VERIFY,   EVERY,    false, false, ACT_DNS_VERIFY, true },
    { STEP_FINISH,   EVERY,    false, false, ACT_COMPARE,    false },
    { STEP_NONE,     0,        false, false, ACT_COMPARE,    false },
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

/* The first from `row` on that the operation has, or the end. */
static const struct plan_step *from(const struct plan_step *row, enum operation_kind kind)
{
    while (row->step != STEP_NONE && (row->of & OF(kind)) == 0)
        row++;
    return row;
}

const struct plan_step *plan_first(enum operation_kind kind)
{
    return from(steps, kind);
}

const struct plan_step *plan_next(enum operation_kind kind, const struct plan_step *row)
{
    policy_ensure(row->step != STEP_NONE);
    return from(row + 1, kind);
}

const struct plan_step *plan_find(enum operation_kind kind, enum step_id step)
{
    for (const struct plan_step *row = plan_first(kind); row->step != STEP_NONE; row = plan_next(kind, row))
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
