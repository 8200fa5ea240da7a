/* The ledger, packed into a number so that equal content is an equal number, and how it may change:
 * policy/quorum/ledger.h and ledger.c without what does not matter for who may write.
 *
 * A region stands for its guard too: each has one instance, which a restart does not change.
 */

#define SETTLED 1
#define BEGUN 2
#define GRANTED 3

#define VERSION(l) ((l) & 7)
#define EPOCH(l) (((l) >> 3) & 7)
#define GUARD_EPOCH(l) (((l) >> 6) & 7)
#define PHASE(l) (((l) >> 9) & 3)
#define GUARD(l) (((l) >> 11) & 1) /* the writer; while begun, the one that was it last */
#define TARGET(l) (((l) >> 12) & 1) /* of what is begun */
#define MAY_RETURN(l) (((l) >> 13) & 1)
#define FROM(l) (((l) >> 14) & 1) /* kept for WEAKEN_ABORT alone: else it is GUARD wherever it matters */

#define LEDGER(version, epoch, guard_epoch, phase, guard, target, may_return, from) \
    ((version) | (epoch) << 3 | (guard_epoch) << 6 | (phase) << 9 | (guard) << 11 | (target) << 12 | \
     (may_return) << 13 | (from) << 14)

#define FIRST LEDGER(1, 1, 1, SETTLED, 0, 0, 0, 0)

#define NAMES(l, x) ((l) != 0 && PHASE(l) != BEGUN && GUARD(l) == (x))
#define MAY_ABORT(l) (PHASE(l) == BEGUN && MAY_RETURN(l))

#define NEXT(l) (VERSION(l) + 1)
#define NEXT_EPOCH(l) (EPOCH(l) + 1)

/* begin towards x. On top of a grant the way back is lost for good. */
#ifdef WEAKEN_ABORT
#define STAYS_RETURNABLE(l) 1
#define WROTE_LAST(l) (PHASE(l) == SETTLED -> GUARD(l) : FROM(l))
#define ABORT_TO(l) FROM(l)
#else
#define STAYS_RETURNABLE(l) (PHASE(l) == SETTLED || MAY_ABORT(l))
#define WROTE_LAST(l) 0
#define ABORT_TO(l) GUARD(l)
#endif

#define TO_BEGIN(l, x) \
    LEDGER(NEXT(l), NEXT_EPOCH(l), GUARD_EPOCH(l), BEGUN, GUARD(l), x, STAYS_RETURNABLE(l), WROTE_LAST(l))
#define TO_TAKEOVER(l) ((l) + 1) /* one version on, nothing else */
#define TO_GRANT(l, x) LEDGER(NEXT(l), NEXT_EPOCH(l), NEXT_EPOCH(l), GRANTED, x, 0, 0, FROM(l))
#define TO_ABORT(l) LEDGER(NEXT(l), NEXT_EPOCH(l), NEXT_EPOCH(l), SETTLED, ABORT_TO(l), 0, 0, 0)
#define TO_FINISH(l) LEDGER(NEXT(l), EPOCH(l), GUARD_EPOCH(l), SETTLED, GUARD(l), 0, 0, 0)
