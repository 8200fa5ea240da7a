/* Faults as sentences: see fault.h. */
#include "tests/sim/fault.h"
#include "tests/sim/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct speaker {
    const struct fault *fault;
    const struct world_options *options;
    char one[48], other[48];
    char *words;
    size_t size;
};

static void say(struct speaker *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct speaker *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(s->words, s->size, format, args);
    va_end(args);
    size_t put = n < 0 ? 0 : (size_t)n < s->size ? (size_t)n : s->size - 1;
    s->words += put;
    s->size -= put;
}

static const char *region_words(const struct world_options *o, uint8_t who, char *to, size_t size)
{
    switch (who) {
    case PART_WRITER: (void)snprintf(to, size, "the writer's region"); break;
    case PART_TARGET: (void)snprintf(to, size, "the target region"); break;
    case PART_OTHER: (void)snprintf(to, size, "the uninvolved region"); break;
    case PART_GUARD: (void)snprintf(to, size, "the guard's region"); break;
    case PART_EXECUTOR: (void)snprintf(to, size, "the executor's region"); break;
    case PART_FORMER: (void)snprintf(to, size, "the outgoing guard's region"); break;
    default:
        (void)snprintf(to, size, "%s", who < o->region_count ? o->region_name[who] : "?");
        break;
    }
    return to;
}

static void host_name(const struct world_options *o, uint8_t who, char *to, size_t size)
{
    region_id region_of[POLICY_NODES_MAX];
    uint8_t count = fault_hosts(o, region_of), round = 1;
    if (who >= count) {
        (void)snprintf(to, size, "?");
        return;
    }
    for (uint8_t n = 0; n < who; n++)
        round = (uint8_t)(round + (region_of[n] == region_of[who]));
    if (round == 1)
        (void)snprintf(to, size, "%.31s", o->region_name[region_of[who]]);
    else
        (void)snprintf(to, size, "%.24s/%u", o->region_name[region_of[who]], (unsigned)round);
}

static const char *host_words(const struct world_options *o, uint8_t who, char *to, size_t size)
{
    switch (who) {
    case PART_WRITER: (void)snprintf(to, size, "the first coordinator where the writer is"); break;
    case PART_TARGET: (void)snprintf(to, size, "the target's first coordinator"); break;
    case PART_OTHER: (void)snprintf(to, size, "an uninvolved coordinator"); break;
    case PART_GUARD: (void)snprintf(to, size, "the writer's guard"); break;
    case PART_EXECUTOR: (void)snprintf(to, size, "the executor"); break;
    case PART_FORMER: (void)snprintf(to, size, "the outgoing guard"); break;
    case PART_ANY: (void)snprintf(to, size, "anyone"); break;
    default:
        (void)snprintf(to, size, "coordinator ");
        host_name(o, who, to + strlen(to), size - strlen(to));
        break;
    }
    return to;
}

static const char *region_one(struct speaker *s)
{
    return region_words(s->options, s->fault->one, s->one, sizeof s->one);
}

static const char *region_other(struct speaker *s)
{
    return region_words(s->options, s->fault->other, s->other, sizeof s->other);
}

static const char *host_one(struct speaker *s)
{
    return host_words(s->options, s->fault->one, s->one, sizeof s->one);
}

static const char *host_other(struct speaker *s)
{
    return host_words(s->options, s->fault->other, s->other, sizeof s->other);
}

static void say_set(struct speaker *s)
{
    char name[WORLD_NAME_MAX];
    for (uint8_t n = 0; n < POLICY_NODES_MAX; n++) {
        if ((s->fault->bits >> n & 1u) == 0)
            continue;
        host_name(s->options, n, name, sizeof name);
        say(s, " %s", name);
    }
}

static void say_word(struct speaker *s)
{
    const struct fault *f = s->fault;
    switch ((int)f->value) {
    case ORDER_PAUSE:
        say(s, "a person at %s pauses the service for %us (0: until resumed)", host_one(s), (unsigned)f->bits);
        break;
    case ORDER_RESUME: say(s, "a person at %s resumes the service", host_one(s)); break;
    case ORDER_HOLD: say(s, "a person at %s holds the operation", host_one(s)); break;
    case ORDER_GO: say(s, "a person at %s lets the operation go on", host_one(s)); break;
    default: say(s, "a person at %s sends the operation back", host_one(s)); break;
    }
}

static void say_order(struct speaker *s)
{
    const struct fault *f = s->fault;
    bool planned = f->kind == HIT_SWITCHOVER || f->kind == HIT_SCHEDULED;
    say(s, "a person at %s orders %s to %s", host_one(s), planned ? "switchover" : "failover",
        region_other(s));
    const char *between = " skipping ";
    for (int g = 0; g < GATE_COUNT; g++) {
        if ((f->bits >> g & 1u) == 0)
            continue;
        say(s, "%s%s", between, gate_name((enum gate_id)g));
        between = ", ";
    }
    if (f->value >= 0)
        say(s, ", accepting to lose %lld bytes", (long long)f->value);
    if (f->time_us > 0)
        say(s, ", accepting to lose %llds", (long long)(f->time_us / US_PER_S));
}

static const char *const write_words[] = {
    [DISK_WELL] = "is done", [DISK_TORN] = "is torn by a crash", [DISK_LOST] = "is said to be done and lost",
    [DISK_MISDIRECTED] = "goes over both slots", [DISK_REFUSES] = "is refused",
};

static const char *const act_goes[] = {
    [FAULT_NONE] = "goes well", [FAULT_FAIL] = "fails", [FAULT_LOST_REPLY] = "loses its reply",
    [FAULT_RETRY] = "is throttled", [FAULT_HANG] = "hangs", [FAULT_LATE] = "is done late",
};

static const char *const mark_words[] = {
    [DNS_MARK_ABSENT] = "removed", [DNS_MARK_OURS] = "put back", [DNS_MARK_FOREIGN] = "replaced by another",
};

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

static void say_process(struct speaker *s)
{
    const struct fault *f = s->fault;
    switch ((int)f->kind) {
    case HIT_CRASH: say(s, "%s is killed%s", host_one(s), f->bits & 1u ? " after writing" : ""); break;
    case HIT_CRASH_PERSIST:
        say(s, "%s is killed %s its write number %lld from now", host_one(s),
            f->bits & 1u ? "after" : "before", (long long)f->value);
        break;
    case HIT_CRASH_STEP:
        say(s, "who starts step %s is killed%s", step_name((enum step_id)f->value),
            f->bits & 1u ? " after writing" : "");
        break;
    case HIT_RESTART_SET:
        say(s, "coordinators down at once:");
        say_set(s);
        break;
    case HIT_PAUSE: say(s, "%s stands still", host_one(s)); break;
    case HIT_PAUSE_STEP:
        say(s, "%s stands still in the midst of its event number %lld from now", host_one(s),
            (long long)f->value);
        break;
    case HIT_MACHINE:
        say(s, "the machine of %s stands still for %.1fs and does not know it", host_one(s),
            seconds(f->value));
        break;
    case HIT_OBSERVER: say(s, "the probes of %s see nothing, by its own fault", host_one(s)); break;
    case HIT_GUARD: say(s, "the guard of %s breaks", host_one(s)); break;
    case HIT_SETTING:
        say(s, "%s restarts with a lease of %.1fs in its file", host_one(s), seconds(f->value));
        break;
    default: break;
    }
}

static void say_machine(struct speaker *s)
{
    const struct fault *f = s->fault;
    switch ((int)f->kind) {
    case HIT_NEW_STORE: say(s, "a person makes a new store at %s", host_one(s)); break;
    case HIT_VOTER:
        say(s, "a person at %s orders voter %s %s", host_one(s), words_change(s->fault->value), host_other(s));
        break;
    case HIT_WIPE: say(s, "%s loses its store", host_one(s)); break;
    case HIT_ROLL_BACK: say(s, "the store of %s will go back to how it is now", host_one(s)); break;
    case HIT_WRITE: say(s, "the next write of %s %s", host_one(s), write_words[f->value]); break;
    case HIT_DISK_FAILS: say(s, "the disk of %s refuses", host_one(s)); break;
    case HIT_DISK_SLOW: say(s, "a write of %s takes %.2fs", host_one(s), seconds(f->value)); break;
    case HIT_RATE: say(s, "the clock of %s is off by %lld ppm", host_one(s), (long long)f->value); break;
    case HIT_RATE_BEYOND:
        say(s, "the clock of %s is off by %lld ppm, beyond the bound", host_one(s), (long long)f->value);
        break;
    case HIT_CALENDAR: say(s, "the calendar of %s steps by %.1fs", host_one(s), seconds(f->value)); break;
    default: break;
    }
}

static void say_network(struct speaker *s)
{
    const struct fault *f = s->fault;
    switch ((int)f->kind) {
    case HIT_CUT: say(s, "%s and %s are cut", region_one(s), region_other(s)); break;
    case HIT_CUT_ONE_WAY: say(s, "the way from %s to %s is cut", region_one(s), region_other(s)); break;
    case HIT_ISOLATE: say(s, "%s is isolated", region_one(s)); break;
    case HIT_ISOLATE_ONE_WAY:
        say(s, "%s %s", region_one(s), f->bits & 1u ? "hears nobody" : "is heard by nobody");
        break;
    case HIT_LINK: say(s, "the link from %s to %s is cut", host_one(s), host_other(s)); break;
    case HIT_CLOG:
        say(s, "the way from %s to %s is clogged for %.1fs", region_one(s), region_other(s),
            seconds(f->value));
        break;
    case HIT_CLOG_HOST:
        say(s, "all ways %s %s are clogged for %.1fs", f->bits & 1u ? "to" : "from", host_one(s),
            seconds(f->value));
        break;
    case HIT_LOSS: say(s, "%lld of 1000 messages are lost", (long long)f->value); break;
    case HIT_DUPLICATES:
        say(s, "%lld of 1000 messages come twice, the second up to %.1fs %s", (long long)f->value,
            f->bits / 1e3, f->other != 0 ? "after the end of this" : "later");
        break;
    case HIT_LATE:
        say(s, "%lld of 1000 messages are late by up to %.1fs", (long long)f->value, f->bits / 1e3);
        break;
    case HIT_LIES: say(s, "a lie comes with %lld of 1000 messages", (long long)f->value); break;
    default: break;
    }
}

static void say_outside(struct speaker *s)
{
    const struct fault *f = s->fault;
    switch ((int)f->kind) {
    case HIT_REGION_LOST: say(s, "%s is lost", region_one(s)); break;
    case HIT_DB_KILLED: say(s, "the database of %s is down", region_one(s)); break;
    case HIT_DB_FROZEN: say(s, "the database of %s is frozen", region_one(s)); break;
    case HIT_DB_PROMOTED: say(s, "a person promotes the database of %s by hand", region_one(s)); break;
    case HIT_ENDPOINTS: say(s, "the endpoints of %s fail", region_one(s)); break;
    case HIT_LAG: say(s, "replication lags %lld bytes", (long long)f->value); break;
    case HIT_ACT:
        say(s, "act %s of %s %s, %u times", words_of_act((enum act_kind)f->value), host_one(s),
            act_goes[f->other], f->bits);
        break;
    case HIT_ACT_SLOW:
        say(s, "act %s takes %.1fs", words_of_act((enum act_kind)f->other), seconds(f->value));
        break;
    case HIT_DNS_GONE: say(s, "DNS can't be reached"); break;
    case HIT_DNS_SLOW: say(s, "DNS takes %.1fs to be in sync", seconds(f->value)); break;
    case HIT_DNS_FORGETS: say(s, "DNS loses the last change of zone %u", f->zone); break;
    case HIT_DNS_MARK: say(s, "the mark in zone %u is %s", f->zone, mark_words[f->value]); break;
    case HIT_ORDER:
    case HIT_SWITCHOVER: say_order(s); break;
    case HIT_FAILBACK:
        say(s, "a person at %s orders failback in stages %x of %.1fs", host_one(s), f->bits, (double)f->value / 1e6);
        break;
    case HIT_TRAFFIC:
        say(s, "a person at %s says how the traffic goes on: order %d", host_one(s), (int)f->value);
        break;
    case HIT_WORD: say_word(s); break;
    case HIT_SCHEDULED:
        say_order(s);
        say(s, ", %llds later", (long long)s->fault->value);
        break;
    case HIT_ANSWER:
        say(s, "a person at %s %s what %s proposed", host_one(s), f->value == ORDER_APPROVE ? "approves" : "declines",
            f->bits != 0 ? "was" : "is");
        break;
    case HIT_ADOPT: say(s, "a person at %s orders adopt", host_one(s)); break;
    case HIT_TICK:
        say(s, "a person at %s ticks items %x%s", host_one(s), f->bits, f->value != 0 ? " of the last operation" : "");
        break;
    case HIT_REJOIN: say(s, "a person makes %s a standby again where that is right", region_one(s)); break;
    case HIT_GLASS:
        say(s, "a person breaks the glass for %s%s%s", region_one(s), f->bits & 2u ? " at its last coordinator" : "",
            f->bits & 1u ? ", whatever the others do" : "");
        break;
    case HIT_RECONCILE:
        say(s, "a person reconciles what is shown, keeping %s%s", region_other(s),
            f->bits & 1u ? ", whatever the marked database does" : "");
        break;
    case HIT_MEND: say(s, "all outages and cuts end early"); break;
    default: break;
    }
}

static const char *const after_words[AFTER_COUNT - STEP_COUNT] = {
    [AFTER_CONFIRM - STEP_COUNT] = "someone asks for fresh votes", [AFTER_BEGUN - STEP_COUNT] = "a begin is chosen",
    [AFTER_GRANTED - STEP_COUNT] = "a grant is chosen", [AFTER_ABORTED - STEP_COUNT] = "an operation goes back",
    [AFTER_DONE - STEP_COUNT] = "an operation is done", [AFTER_PROPOSED - STEP_COUNT] = "a failover is proposed",
};

static void say_when(struct speaker *s)
{
    const struct fault *f = s->fault;
    if (f->after == STEP_NONE)
        return;
    if (f->delay_us > 0)
        say(s, "%.3fs after ", seconds(f->delay_us));
    else
        say(s, "once ");
    if (f->after < STEP_COUNT)
        say(s, "step %s starts: ", step_name((enum step_id)f->after));
    else
        say(s, "%s: ", after_words[f->after - STEP_COUNT]);
}

void fault_words(const struct fault *f, const struct world_options *options, char *words, size_t size)
{
    struct speaker s = { .fault = f, .options = options, .words = words, .size = size };
    words[0] = '\0';
    say_when(&s);
    say_process(&s);
    say_machine(&s);
    say_network(&s);
    say_outside(&s);
    if (f->for_us > 0)
        say(&s, ", for %.1fs", seconds(f->for_us));
    if (options->service_count > 1)
        say(&s, " (service %u)", f->service);
}
