/* One service's register, lease and guard, small enough to look at every state there is.
 *
 * Three voters; two regions, each with one node that is guard and executor in one, as in the product.
 * The question: can both regions' databases acknowledge writes at the same instant, and does the
 * register ever lose or contradict what it has chosen? README.md says what is left out, what each
 * WEAKEN_ switch takes away, and why the steps that are merged here lose nothing.
 *
 * How to read it. One process, whose steps are the options of one loop: every interleaving of two
 * nodes, three voters and the network is one order of them. A step that is enabled need not happen,
 * so a message that is lost, late or overtaken, a guard that pauses and an executor that died are all
 * just steps that are not taken, or not yet. Time alone waits for nobody.
 *
 * Facts that stay true are not sent as messages but looked up where they are true, at any later
 * moment: "this voter accepted ballot b" (learn), "an accept for b was sent" (accept), "that guard gave
 * its epoch back" (clear, PROVEN).
 *
 * Time is a tick that shortens all that runs, so a run has no end. A tick is a true one, the same
 * everywhere: bad clocks are in LEASE_TICKS, which is the longest that the slowest guard's lease runs.
 */
#include "ledger.pml"

#ifndef BALLOTS
#define BALLOTS 5 /* the first has chosen the first ledger; each round takes one. At most 7 */
#endif
#ifndef LEASE_TICKS
#define LEASE_TICKS 2 /* at most 3 */
#endif
#ifndef RESTARTS
#define RESTARTS 1 /* of voters and nodes together */
#endif

/* What the executor waits out. By the slowest guard's clock and the fastest executor's, both at the
 * bound, gamma makes it exactly as long as the lease; without gamma it is shorter. */
#ifdef WEAKEN_RATES
#define WAIT_TICKS (LEASE_TICKS - 1)
#else
#define WAIT_TICKS LEASE_TICKS
#endif

/* CHANGE: the voters change while all this goes on, policy/quorum/voters.h: voter 2 is lost, and its node gets the vote
 * anew by another identity, voter 3, that knows nothing. Sets 0, 1 and 2 are the versions v, v+1 and v+2; each
 * majority of each is two of those who are counted there. (In set 1, majorities of {0, 1, 2} and {0, 1, 3} are needed,
 * where 2 has no vote any more and 3 none in the former: 0 and 1.) Choosing a set is one step: its own register is a
 * single decree, the same two phases as here. Everything that is asked or answered counts under one set only. */
#ifdef CHANGE
#define VOTERS 4
#define MEMBER(k, set) ((set) == 0 && (k) != 3 || (set) == 1 && (k) < 2 || (set) == 2 && (k) != 2)
#ifdef WEAKEN_CHANGE_VERSION
#define COUNTS(k, x) MEMBER(k, n[x].set)
#define TAKES(k, b) 1
#else
#define COUNTS(k, x) (v[k].set == n[x].set && MEMBER(k, n[x].set))
#define TAKES(k, b) (v[k].set == set_of[b] && (MEMBER(k, set_of[b]) || set_of[b] == 1 && k == 3))
#endif
#else
#define VOTERS 3
#define COUNTS(k, x) 1
#define TAKES(k, b) 1
#endif

/* What these take away is what lets old ballots be forgotten; and with CHANGE, so do sets. */
#if defined(CHANGE) || defined(WEAKEN_PROMISE) || defined(WEAKEN_PERSIST) || defined(WEAKEN_ACCEPTED)
#define NO_TIDY
#endif

#define IDLE 0
#define PREPARING 1
#define ACCEPTING 2 /* a begin or takeover of its own: the others' replies need no waiting for */

typedef voter {
    unsigned promised : 3;
    unsigned accepted : 3; /* ballot; what it carried is value_at[accepted] */
    unsigned age : 2;      /* of the last grant or of the start; LEASE_TICKS: that or more */
    unsigned granted : 4;  /* whom to, epoch * 2 + region; 0: to nobody whose lease could still run */
    unsigned counts : 2;   /* bit x: granted the attempt that region x has under way */
#ifdef WEAKEN_AGE_FROM_PROMISE
    unsigned told : 2;     /* its age when it promised */
#endif
    byte ever;             /* bit b: accepted ballot b at some time */
#ifdef CHANGE
    unsigned set : 2;      /* that it has on disk */
    byte under[3];         /* by set, bit b: said under it that it has accepted ballot b */
#endif
};

typedef node {
    unsigned open : 2;     /* the database acknowledges for so many ticks: the kernel's element */
    unsigned attempt : 2;  /* 1 + ticks since the renewal was sent; 0: none that could still win */
    unsigned phase : 2;
    unsigned ballot : 3;   /* of the round under way */
    unsigned report : 3;   /* of its first promise: the ballot that voter had accepted; 0: none yet */
    unsigned heard : 1;    /* one voter's reply to the accept has been received */
    unsigned waited : 1;   /* `wait` is about the ledger `known`: a round of its own was chosen */
    unsigned wait : 2;     /* ticks until the outgoing lease has run out, as far as replies say */
#ifdef WEAKEN_WAIT_FROM_SENDING
    unsigned since : 2;    /* ticks since the accept was sent */
#endif
    byte released;         /* bit e: gave epoch e back; the message arrives at any time, or never */
    short known;           /* the newest ledger known chosen; 0: none since the start */
#ifdef CHANGE
    unsigned set : 2;      /* that it counts by */
#endif
};

#ifdef CHANGE
byte top;                  /* the newest set chosen */
bool stored;               /* a majority has on disk that the change began... */
byte left;                 /* ...and so many ticks are left of the wait since */
byte set_of[BALLOTS + 1];  /* under which a ballot's round runs */
#endif
voter v[VOTERS];
node n[2];
short value_at[BALLOTS + 1]; /* what a ballot carries; 0: nothing yet, or of no importance any more */
byte rounds = 1;             /* ballots used */
byte restarts = 0;

byte i, j;       /* scratch, 0 between steps */
bool untidy;
short s;

#define BIT(set, k) (((set) >> (k)) & 1)

/* ---- what is chosen ---- */

#ifdef CHANGE
#define UNDER(k, set, b) BIT(v[k].under[set], b)
#define CHOSEN_UNDER_0(b) (UNDER(0, 0, b) + UNDER(1, 0, b) + UNDER(2, 0, b) >= 2)
#define CHOSEN_UNDER_1(b) (UNDER(0, 1, b) + UNDER(1, 1, b) >= 2)
#define CHOSEN_UNDER_2(b) (UNDER(0, 2, b) + UNDER(1, 2, b) + UNDER(3, 2, b) >= 2)
#define CHOSEN(b) (CHOSEN_UNDER_0(b) || CHOSEN_UNDER_1(b) || CHOSEN_UNDER_2(b))
#else
#define ACCEPTED_BY(b) (BIT(v[0].ever, b) + BIT(v[1].ever, b) + BIT(v[2].ever, b))
#define CHOSEN(b) (ACCEPTED_BY(b) >= 2)
#endif

/* A chosen value is never lost: each later ballot carries it or one that was built on it; nothing goes
 * back, neither version nor epoch; and one version has one value. */
#define KEEPS(low, high) \
    (value_at[high] == 0 || value_at[high] == value_at[low] || \
     VERSION(value_at[high]) > VERSION(value_at[low]) && EPOCH(value_at[high]) >= EPOCH(value_at[low]))

inline check_register()
{
    i = 1;
    do
    :: i < BALLOTS ->
        if
        :: value_at[i] != 0 && CHOSEN(i) ->
            j = i + 1;
            do
            :: j <= BALLOTS -> assert(KEEPS(i, j)); j++
            :: else -> break
            od
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0; j = 0
}

/* ---- the same state under another name is the same state ---- */

#ifdef CHANGE
#define SET(k) (v[k].set << 22 | v[k].under[0] << 24)
#else
#define SET(k) 0
#endif
#define ALL(k) (v[k].promised | v[k].accepted << 3 | v[k].age << 6 | v[k].granted << 8 | \
                v[k].counts << 12 | v[k].ever << 14 | SET(k))
#define SWAP(field, a, b) s = v[a].field; v[a].field = v[b].field; v[b].field = s

inline in_order(a, b)
{
    if
    :: ALL(a) > ALL(b) ->
        SWAP(promised, a, b); SWAP(accepted, a, b); SWAP(age, a, b); SWAP(granted, a, b);
#ifdef WEAKEN_AGE_FROM_PROMISE
        SWAP(told, a, b);
#endif
#ifdef CHANGE
        SWAP(set, a, b); SWAP(under[0], a, b); SWAP(under[1], a, b); SWAP(under[2], a, b);
#endif
        SWAP(counts, a, b); SWAP(ever, a, b)
    :: else
    fi
}

#define CAN_ACCEPT(k, b) (BIT(v[k].ever, b) || v[k].promised <= b)
#define SHOWN(b) \
    (v[0].accepted == b || v[1].accepted == b || v[2].accepted == b || \
     n[0].report == b || n[1].report == b || n[0].ballot == b || n[1].ballot == b || \
     v[0].promised <= b || v[1].promised <= b || v[2].promised <= b)
#define LEARNT(b) (VERSION(n[0].known) >= VERSION(value_at[b]) && VERSION(n[1].known) >= VERSION(value_at[b]))

inline set_ever(b) { v[0].ever = v[0].ever | 1 << b; v[1].ever = v[1].ever | 1 << b; v[2].ever = v[2].ever | 1 << b }
inline clear_ever(b)
{
    v[0].ever = v[0].ever & (255 - (1 << b));
    v[1].ever = v[1].ever & (255 - (1 << b));
    v[2].ever = v[2].ever & (255 - (1 << b))
}

/* A ballot that can't be chosen any more, or is chosen, needs no list of who accepted it; one that
 * nobody can accept, report or learn from needs no value. */
inline tidy_ballots()
{
    i = 1;
    do
    :: i <= BALLOTS ->
        if
        :: value_at[i] == 0
        :: value_at[i] != 0 && CHOSEN(i) ->
            set_ever(i);
            if
            :: LEARNT(i) && !SHOWN(i) -> value_at[i] = 0; clear_ever(i)
            :: else
            fi
        :: value_at[i] != 0 && CAN_ACCEPT(0, i) + CAN_ACCEPT(1, i) + CAN_ACCEPT(2, i) < 2 ->
            clear_ever(i);
            if
            :: !SHOWN(i) -> value_at[i] = 0
            :: else
            fi
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* Nobody can start another round: a node that is not preparing one will never use what it waited for. */
inline tidy_last(x)
{
    if
    :: n[x].phase != PREPARING ->
        n[x].phase = IDLE; n[x].ballot = 0; n[x].heard = 0; n[x].waited = 0; n[x].wait = 0
    :: else
    fi
}

/* ... and if nobody does, no age is asked for any more, nor what was given back. */
inline tidy_end()
{
    tidy_last(0); tidy_last(1);
    if
    :: n[0].phase == IDLE && n[1].phase == IDLE ->
        v[0].age = LEASE_TICKS; v[1].age = LEASE_TICKS; v[2].age = LEASE_TICKS;
        v[VOTERS - 1].age = LEASE_TICKS;
        n[0].released = 0; n[1].released = 0
    :: else
    fi
}

/* Voters are put in an order, since nothing depends on which is which. */
inline tidy_up()
{
#ifndef NO_TIDY
    if
    :: untidy -> tidy_ballots(); untidy = false
    :: else
    fi;
#endif
    untidy = false;
    if
    :: rounds == BALLOTS -> tidy_end()
    :: else
    fi;
    if
    :: v[0].age >= LEASE_TICKS -> v[0].granted = 0
    :: else
    fi;
    if
    :: v[1].age >= LEASE_TICKS -> v[1].granted = 0
    :: else
    fi;
    if
    :: v[2].age >= LEASE_TICKS -> v[2].granted = 0
    :: else
    fi;
#ifdef CHANGE
    if
    :: v[3].age >= LEASE_TICKS -> v[3].granted = 0
    :: else
    fi;
#endif
#ifndef NO_SYMMETRY
    in_order(0, 1);
#ifndef CHANGE
    in_order(1, 2); in_order(0, 1);
#endif
#endif
    s = 0
}

/* ---- the lease: policy/quorum/lease.c, policy/failover/guard.c ---- */

inline forget_attempt(x)
{
    n[x].attempt = 0;
    v[0].counts = v[0].counts & (3 - (1 << x));
    v[1].counts = v[1].counts & (3 - (1 << x));
    v[2].counts = v[2].counts & (3 - (1 << x));
    v[VOTERS - 1].counts = v[VOTERS - 1].counts & (3 - (1 << x))
}

#ifdef WEAKEN_GRANT_ANYBODY
#define GRANTS(k, x) 1
#else
#define GRANTS(k, x) \
    (NAMES(value_at[v[k].accepted], x) && EPOCH(value_at[v[k].accepted]) == EPOCH(n[x].known))
#endif

inline granted_by(k, x)
{
    v[k].age = 0;
    v[k].granted = EPOCH(n[x].known) * 2 + x;
    v[k].counts = v[k].counts | 1 << x;
    printf("region %d: granted by a voter at ballot %d, epoch %d\n", x, v[k].accepted, EPOCH(n[x].known))
}

/* A new attempt, sent and granted by a first voter. What was granted to an earlier one is not counted. */
#define CAN_ASK(k, x) (COUNTS(k, x) && NAMES(n[x].known, x) && GRANTS(k, x))
#ifdef MERGE
#define CAN_RENEW(k, x) (CAN_ASK(k, x) && !(GRANTS(0, x) && GRANTS(1, x) && GRANTS(2, x)))
#else
#define CAN_RENEW(k, x) CAN_ASK(k, x)
#endif
inline renew(k, x)
{
#ifdef WEAKEN_NONCES
    n[x].attempt = 0;
    v[k].counts = v[k].counts & (3 - (1 << x));
#else
    forget_attempt(x);
#endif
    n[x].attempt = 1;
    granted_by(k, x)
}

/* A second voter makes the majority. The deadline counts from the sending; the element is set to what
 * is left, and the kernel ends it. To open at once and as long as may be is the worst a guard can do. */
#ifdef WEAKEN_DEADLINE_FROM_RECEIPT
#define LEFT(x) LEASE_TICKS
#else
#define LEFT(x) (LEASE_TICKS + 1 - n[x].attempt)
#endif
#ifdef WEAKEN_COUNT_MESSAGES
#define IS_NEW(k, x) 1
#else
#define IS_NEW(k, x) (!BIT(v[k].counts, x))
#endif
#ifdef WEAKEN_NONCES
#define OTHERS(k, x) (BIT(v[0].counts, x) + BIT(v[1].counts, x) + BIT(v[2].counts, x) - BIT(v[k].counts, x) > 0)
#define CAN_WIN(k, x) (n[x].attempt != 0 && (IS_NEW(k, x) && GRANTS(k, x) || OTHERS(k, x)))
#else
#define CAN_WIN(k, x) (n[x].attempt != 0 && COUNTS(k, x) && IS_NEW(k, x) && GRANTS(k, x))
#endif
#define CAN_HOLD(k, m, x) (CAN_ASK(k, x) && GRANTS(m, x))
inline win(k, x)
{
    granted_by(k, x);
    if
    :: LEFT(x) > n[x].open -> n[x].open = LEFT(x)
    :: else
    fi;
    forget_attempt(x);
    printf("region %d has its lease and is open for %d ticks\n", x, n[x].open)
}

/* Asked for, granted by two and won at one instant. */
inline hold(k, m, x)
{
    renew(k, x);
    win(m, x)
}

/* The outgoing guard, shut and confirmed, gives its lease back: only of an epoch that it knows ended. */
#ifdef WEAKEN_RELEASE_EARLY
#define MAY_RELEASE(x) (n[x].known != 0 && GUARD(n[x].known) == x)
#else
#define MAY_RELEASE(x) (PHASE(n[x].known) == BEGUN && GUARD(n[x].known) == x)
#endif
#define CAN_RELEASE(x) (MAY_RELEASE(x) && !BIT(n[x].released, GUARD_EPOCH(n[x].known)))
inline release(x)
{
#ifndef WEAKEN_RELEASE_UNFENCED
    n[x].open = 0;
#endif
    forget_attempt(x);
    n[x].released = n[x].released | 1 << GUARD_EPOCH(n[x].known);
    printf("region %d is shut and gives epoch %d back\n", x, GUARD_EPOCH(n[x].known))
}

#ifdef WEAKEN_RELEASE_ANY_EPOCH
#define GAVE_BACK(x, epoch) (n[x].released != 0)
#else
#define GAVE_BACK(x, epoch) BIT(n[x].released, epoch)
#endif
#define CAN_CLEAR(k) (v[k].granted != 0 && GAVE_BACK(v[k].granted & 1, v[k].granted >> 1))
inline clear(k)
{
    v[k].age = LEASE_TICKS;
    printf("a voter hears that its grant was given back\n")
}

/* ---- the register: policy/quorum/acceptor.c, learner.c, proposer.c ---- */

/* A majority at one same ballot. */
#if defined(WEAKEN_ACCEPTED)
#define LOOKS_CHOSEN(b) (ACCEPTED_BY(b) >= 1)
#elif defined(WEAKEN_CONTENT)
#define HAS(k, b) (BIT(v[k].ever, b) || value_at[v[k].accepted] == value_at[b])
#define LOOKS_CHOSEN(b) (HAS(0, b) + HAS(1, b) + HAS(2, b) >= 2)
#else
#define LOOKS_CHOSEN(b) CHOSEN(b)
#endif
#ifdef CHANGE
#define LEARNS(x, b) (n[x].set == 0 && CHOSEN_UNDER_0(b) || n[x].set == 1 && CHOSEN_UNDER_1(b) || \
                      n[x].set == 2 && CHOSEN_UNDER_2(b))
#else
#define LEARNS(x, b) LOOKS_CHOSEN(b)
#endif
#define CAN_LEARN(x, b) \
    (b <= BALLOTS && value_at[b] != 0 && VERSION(value_at[b]) > VERSION(n[x].known) && LEARNS(x, b))
inline take_for_chosen(x, b)
{
    if
    :: EPOCH(value_at[b]) != EPOCH(n[x].known) -> forget_attempt(x)
    :: else
    fi;
    n[x].known = value_at[b];
    untidy = true;
    printf("node %d takes ballot %d for chosen: version %d, epoch %d, phase %d, guard %d\n", x, b,
           VERSION(n[x].known), EPOCH(n[x].known), PHASE(n[x].known), GUARD(n[x].known))
}
inline learn(x, b)
{
#if !defined(WEAKEN_ACCEPTED) && !defined(WEAKEN_CONTENT)
    assert(CHOSEN(b)); /* accepted is not chosen */
#endif
    take_for_chosen(x, b);
    n[x].waited = 0;
    if
    :: n[x].phase != ACCEPTING -> n[x].wait = 0
    :: else
    fi
}

inline end_round(x)
{
    n[x].phase = IDLE; n[x].ballot = 0; n[x].report = 0; n[x].heard = 0;
#ifdef WEAKEN_WAIT_FROM_SENDING
    n[x].since = 0;
#endif
    untidy = true
}

/* Whatever became of the round before. */
#define CAN_START(x) (rounds < BALLOTS && n[x].known != 0)
inline start(x)
{
    if
    :: n[x].phase == ACCEPTING -> n[x].wait = 0
    :: else
    fi;
    end_round(x);
    rounds++;
    n[x].phase = PREPARING;
    n[x].ballot = rounds;
#ifdef CHANGE
    set_of[rounds] = n[x].set;
#endif
    printf("node %d starts a round, ballot %d\n", x, rounds)
}

#define CAN_PROMISE(k, x) (n[x].phase == PREPARING && COUNTS(k, x) && v[k].promised < n[x].ballot)
inline promise(k, x)
{
    v[k].promised = n[x].ballot;
#ifdef WEAKEN_AGE_FROM_PROMISE
    v[k].told = v[k].age;
#endif
    untidy = true;
    printf("a voter at ballot %d promises ballot %d\n", v[k].accepted, n[x].ballot)
}
/* (Of two, one that has accepted something: the other's promise might as well come second.) */
#define PROMISES_FIRST(k, x) (CAN_PROMISE(k, x) && n[x].report == 0 && v[k].accepted != 0)
inline promise_first(k, x)
{
    promise(k, x);
    n[x].report = v[k].accepted
}

/* Why a grant may be proposed: the outgoing guard gave its lease back, or it was waited out by a round
 * of this executor that put this very ledger forward. */
#define LEASE_IS_OVER(l, x) \
    (GAVE_BACK(GUARD(l), GUARD_EPOCH(l)) || n[x].waited && n[x].wait == 0)
#ifdef WEAKEN_TAKEOVER
#define PROVEN(l, x) (LEASE_IS_OVER(l, x) || !n[x].waited)
#else
#define PROVEN(l, x) LEASE_IS_OVER(l, x)
#endif

#define FREE_TO_BEGIN(l, x) \
    (PHASE(l) == BEGUN && TARGET(l) != x || PHASE(l) != BEGUN && GUARD(l) != x)
#ifdef WEAKEN_NAME_NONE
#define FREE_TO_GRANT(l, x) (PHASE(l) == SETTLED && GUARD(l) != x)
#else
#define FREE_TO_GRANT(l, x) (PHASE(l) == BEGUN && TARGET(l) == x && PROVEN(l, x))
#endif

/* The second promise makes the majority, and the newest value of the two decides: a goal of one's own
 * goes only on top of what is known chosen, anything else is put forward again. */
#define BEST(k, x) value_at[(v[k].accepted > n[x].report -> v[k].accepted : n[x].report)]
#define DECIDES(k, x) (CAN_PROMISE(k, x) && n[x].report != 0)
#ifdef WEAKEN_COMPARE_AND_SET
#define MAY_PROPOSE(k, x) DECIDES(k, x)
#else
#define MAY_PROPOSE(k, x) (DECIDES(k, x) && BEST(k, x) == n[x].known)
#endif

inline put_forward(k, x) /* the ledger in s */
{
    promise(k, x);
    value_at[n[x].ballot] = s;
    printf("node %d puts forward at ballot %d: version %d, epoch %d, phase %d, guard %d\n", x, n[x].ballot,
           VERSION(s), EPOCH(s), PHASE(s), GUARD(s))
}

inline propose(k, x)
{
    put_forward(k, x);
    end_round(x)
}

inline propose_and_wait(k, x)
{
    put_forward(k, x);
    n[x].phase = ACCEPTING;
    n[x].report = 0;
    n[x].waited = 0;
    n[x].wait = 0
}

#ifdef WEAKEN_PROMISE
#define KEEPS_PROMISE(k, b) 1
#else
#define KEEPS_PROMISE(k, b) (v[k].promised <= b)
#endif
#define CAN_ACCEPT_NOW(k, b) \
    (b <= BALLOTS && value_at[b] != 0 && v[k].accepted != b && !BIT(v[k].ever, b) && KEEPS_PROMISE(k, b) && \
     TAKES(k, b))
inline accept(k, b)
{
    v[k].promised = b;
    v[k].accepted = b;
    v[k].ever = v[k].ever | 1 << b;
#ifdef CHANGE
    v[k].under[v[k].set] = v[k].under[v[k].set] | 1 << b;
#endif
    untidy = true;
    printf("a voter accepts ballot %d\n", b);
    check_register()
}

/* ... and its reply arrives, with the age of its last grant as it is after accepting. */
#ifdef WEAKEN_AGE_FROM_PROMISE
#define AGE_TOLD(k) v[k].told
#else
#define AGE_TOLD(k) v[k].age
#endif
#ifdef WEAKEN_WAIT_FROM_SENDING
#define WAIT_BY(k, x) (WAIT_TICKS - AGE_TOLD(k) - n[x].since)
#else
#define WAIT_BY(k, x) (WAIT_TICKS - AGE_TOLD(k))
#endif
#define CAN_REPLY(k, x) (n[x].phase == ACCEPTING && COUNTS(k, x) && CAN_ACCEPT_NOW(k, n[x].ballot))
inline reply(k, x)
{
    s = n[x].ballot;
    accept(k, s);
    if
    :: WAIT_BY(k, x) > n[x].wait -> n[x].wait = WAIT_BY(k, x)
    :: else
    fi;
    printf("node %d hears of it: %d ticks to wait\n", x, n[x].wait);
    if
    :: n[x].heard == 0 -> n[x].heard = 1
    :: else ->
        s = n[x].ballot;
        assert(CHOSEN(s));
        if
        :: VERSION(value_at[s]) >= VERSION(n[x].known) -> take_for_chosen(x, s); n[x].waited = 1
        :: else -> n[x].wait = 0
        fi;
        end_round(x)
    fi
}

/* ... and, now that it may, grants what it was asked for before. */
#define CAN_ACCEPT_AND_GRANT(k, b, x) \
    (n[x].attempt != 0 && IS_NEW(k, x) && CAN_ACCEPT_NOW(k, b) && !GRANTS(k, x) && NAMES(value_at[b], x) && \
     EPOCH(value_at[b]) == EPOCH(n[x].known))
inline accept_and_grant(k, b, x)
{
    accept(k, b);
    win(k, x)
}

/* ---- the voters: policy/quorum/voters.c, voter_register.c, service_voters_changed() ---- */

#ifdef CHANGE

/* A set may be chosen and heard of later, or never. */
#ifdef WEAKEN_CHANGE_ONE_SET
#define FIRST_STEP 2
#else
#define FIRST_STEP 1
#endif
inline change_begins()
{
    top = FIRST_STEP;
#ifdef WEAKEN_CHANGE_STORED
    left = WAIT_TICKS;
#endif
    printf("set %d of the voters is chosen\n", top)
}

/* On its disk. What it has accepted it says again, under the new set. */
inline voter_takes_set(k)
{
    v[k].set = top;
    v[k].under[top] = v[k].under[top] | (1 << v[k].accepted & 254);
    if
    :: !stored && v[0].set != 0 && v[1].set != 0 ->
        stored = true;
#if !defined(WEAKEN_CHANGE_WAIT) && !defined(WEAKEN_CHANGE_STORED)
        left = WAIT_TICKS
#endif
    :: else
    fi;
    printf("voter %d goes by set %d\n", k, top)
}

/* What was counted under the former one is dropped; what is known chosen stays so, and what was waited out over. */
inline node_takes_set(x)
{
    if
    :: n[x].phase == ACCEPTING -> n[x].wait = 0
    :: else
    fi;
    end_round(x);
    forget_attempt(x);
    n[x].set = top;
    printf("node %d goes by set %d\n", x, top)
}

/* (1) and (3) of voters.h: stored, and one full wait since. (2): what is known chosen is with a majority of both. */
#ifdef WEAKEN_CHANGE_STORED
#define IS_STORED true
#else
#define IS_STORED stored
#endif
#define HOLDS(x, b) (value_at[b] == n[x].known && CHOSEN_UNDER_1(b))
#ifdef WEAKEN_CHANGE_HELD
#define HELD(x) true
#else
#define HELD(x) (HOLDS(x, 1) || HOLDS(x, 2) || HOLDS(x, 3))
#endif
#define CAN_END(x) (top == 1 && n[x].set == 1 && IS_STORED && left == 0 && HELD(x))
inline change_ends(x)
{
    top = 2;
    printf("node %d sees that the change may end: set 2 is chosen\n", x)
}

#define OF_CHANGE \
    STEP(top == 0, change_begins()) \
    STEP(v[0].set < top, voter_takes_set(0)) \
    STEP(v[1].set < top, voter_takes_set(1)) \
    STEP(v[2].set < top, voter_takes_set(2)) \
    STEP(v[3].set < top, voter_takes_set(3)) \
    STEP(n[0].set < top, node_takes_set(0)) \
    STEP(n[1].set < top, node_takes_set(1)) \
    STEP(CAN_END(0), change_ends(0)) \
    STEP(CAN_END(1), change_ends(1))

#endif

/* ---- faults and time ---- */

inline restart_voter(k)
{
#ifdef WEAKEN_RESTART_AGE
    v[k].age = LEASE_TICKS;
#else
    v[k].age = 0;
#endif
    v[k].granted = 0;
#ifdef WEAKEN_PERSIST
    v[k].accepted = 1;
    v[k].promised = 1;
#endif
    restarts++;
    untidy = true;
    printf("a voter restarts\n")
}

/* Guard and executor, a process that loses its memory. The kernel's element stays. */
inline restart_node(x)
{
    forget_attempt(x);
    end_round(x);
    n[x].waited = 0;
    n[x].wait = 0;
    n[x].known = 0;
    restarts++;
    printf("node %d restarts\n", x)
}

inline tick_node(x)
{
    n[x].open = (n[x].open > 0 -> n[x].open - 1 : 0);
    n[x].wait = (n[x].wait > 0 -> n[x].wait - 1 : 0);
    if
    :: n[x].attempt == 0
    :: n[x].attempt == LEASE_TICKS -> forget_attempt(x)
    :: else -> n[x].attempt++
    fi;
#ifdef WEAKEN_WAIT_FROM_SENDING
    if
    :: n[x].phase == ACCEPTING && n[x].since < LEASE_TICKS -> n[x].since++
    :: else
    fi;
#endif
}
#define OLDER(k) v[k].age = (v[k].age < LEASE_TICKS -> v[k].age + 1 : LEASE_TICKS)
inline tick()
{
    tick_node(0); tick_node(1);
    OLDER(0); OLDER(1); OLDER(2);
#ifdef CHANGE
    OLDER(3);
    left = (left > 0 -> left - 1 : 0);
#endif
    printf("a tick\n")
}

/* ---- every step there is ---- */

#define STEP(condition, action) :: d_step { condition -> action }
#define IS_TARGET(x) (PHASE(n[x].known) == BEGUN && TARGET(n[x].known) == x)

#ifdef MERGE
#define OF_LEASE(k, m, x) \
    STEP(CAN_RENEW(k, x), renew(k, x)) \
    STEP(CAN_HOLD(k, m, x), hold(k, m, x)) \
    STEP(CAN_ACCEPT_AND_GRANT(k, 2, x), accept_and_grant(k, 2, x)) \
    STEP(CAN_ACCEPT_AND_GRANT(k, 3, x), accept_and_grant(k, 3, x)) \
    STEP(CAN_ACCEPT_AND_GRANT(k, 4, x), accept_and_grant(k, 4, x)) \
    STEP(CAN_ACCEPT_AND_GRANT(k, 5, x), accept_and_grant(k, 5, x)) \
    STEP(CAN_ACCEPT_AND_GRANT(k, 6, x), accept_and_grant(k, 6, x)) \
    STEP(CAN_ACCEPT_AND_GRANT(k, 7, x), accept_and_grant(k, 7, x))
#else
#define OF_LEASE(k, m, x) \
    STEP(CAN_RENEW(k, x), renew(k, x)) \
    STEP(CAN_WIN(k, x), win(k, x))
#endif

#define OF_VOTER_AND_NODE(k, m, x) \
    OF_LEASE(k, m, x) \
    STEP(PROMISES_FIRST(k, x), promise_first(k, x)) \
    STEP(DECIDES(k, x), s = BEST(k, x); propose(k, x)) \
    STEP(MAY_PROPOSE(k, x) && FREE_TO_BEGIN(n[x].known, x), \
         s = TO_BEGIN(n[x].known, x); propose_and_wait(k, x)) \
    STEP(MAY_PROPOSE(k, x) && IS_TARGET(x), s = TO_TAKEOVER(n[x].known); propose_and_wait(k, x)) \
    STEP(MAY_PROPOSE(k, x) && FREE_TO_GRANT(n[x].known, x), s = TO_GRANT(n[x].known, x); propose(k, x)) \
    STEP(MAY_PROPOSE(k, x) && MAY_ABORT(n[x].known), s = TO_ABORT(n[x].known); propose(k, x)) \
    STEP(MAY_PROPOSE(k, x) && PHASE(n[x].known) == GRANTED && GUARD(n[x].known) == x, \
         s = TO_FINISH(n[x].known); propose(k, x)) \
    STEP(CAN_REPLY(k, x), reply(k, x))

#define OF_VOTER(k, m) \
    OF_VOTER_AND_NODE(k, m, 0) \
    OF_VOTER_AND_NODE(k, m, 1) \
    STEP(CAN_CLEAR(k), clear(k)) \
    STEP(restarts < RESTARTS, restart_voter(k)) \
    STEP(CAN_ACCEPT_NOW(k, 2), accept(k, 2)) \
    STEP(CAN_ACCEPT_NOW(k, 3), accept(k, 3)) \
    STEP(CAN_ACCEPT_NOW(k, 4), accept(k, 4)) \
    STEP(CAN_ACCEPT_NOW(k, 5), accept(k, 5)) \
    STEP(CAN_ACCEPT_NOW(k, 6), accept(k, 6)) \
    STEP(CAN_ACCEPT_NOW(k, 7), accept(k, 7))

#define OF_NODE(x) \
    STEP(CAN_RELEASE(x), release(x)) \
    STEP(restarts < RESTARTS && n[x].known != 0, restart_node(x)) \
    STEP(CAN_START(x), start(x)) \
    STEP(CAN_LEARN(x, 1), learn(x, 1)) \
    STEP(CAN_LEARN(x, 2), learn(x, 2)) \
    STEP(CAN_LEARN(x, 3), learn(x, 3)) \
    STEP(CAN_LEARN(x, 4), learn(x, 4)) \
    STEP(CAN_LEARN(x, 5), learn(x, 5)) \
    STEP(CAN_LEARN(x, 6), learn(x, 6)) \
    STEP(CAN_LEARN(x, 7), learn(x, 7))

inline set_out()
{
    value_at[1] = FIRST;
    n[0].known = FIRST;
    n[1].known = FIRST;
    do
    :: i < 3 ->
        v[i].promised = 1;
        v[i].accepted = 1;
        v[i].ever = 2;
        v[i].age = LEASE_TICKS;
#ifdef CHANGE
        v[i].under[0] = 2;
#endif
        i++
    :: else -> break
    od;
#ifdef CHANGE
    v[3].age = LEASE_TICKS; /* it knows of no lease */
#endif
    i = 0
}

init {
    d_step { set_out() };
    do
    :: atomic {
        if
        STEP(true, tick())
        OF_NODE(0)
        OF_NODE(1)
        OF_VOTER(0, 1)
        OF_VOTER(1, 2)
        OF_VOTER(2, 0)
#ifdef CHANGE
        OF_VOTER(3, 0)
        OF_CHANGE
#endif
        fi;
        d_step {
            assert(n[0].open == 0 || n[1].open == 0); /* one region at most acknowledges */
            tidy_up()
        }
    }
    od
}
