/* Many seeds at once: see farm.h. */
#include "tests/sim/farm.h"

#include "tests/sim/trace.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX 64
#define SEED_CPU_S 60           /* a seed takes some hundredths of that: longer, and it hangs */
#define SHRUNK_PER_WORKER 4     /* breaks of each invariant that are made small; the rest is only counted */
#define BREAKS_SHOWN 5 /* of each invariant */
#define PROGRESS_MS 500

enum told { TOLD_SEED, TOLD_DONE };

struct tale {
    enum told told;
    uint64_t seed;
    struct tally tally;       /* of this seed */
    struct ending ending;
    uint16_t count;           /* faults before shrinking */
    unsigned shrink_runs;
};

struct worker {
    pid_t pid;
    int fd;                   /* -1: done */
    unsigned number;
    uint64_t next;            /* seed that it is at */
    bool at_work;             /* within a seed */
};

struct harvest {
    const struct farm *farm;
    struct worker workers[WORKERS_MAX];
    unsigned working;
    struct tally sum;
    uint64_t broken, failed, by_invariant[INVARIANT_COUNT];
    uint64_t hash;
    struct timespec begun;
    bool stopped;
};

static double since(const struct timespec *then)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

static const char *commit(void)
{
    const char *from_outside = getenv("SIM_COMMIT");
    if (from_outside != NULL && from_outside[0] != '\0')
        return from_outside;
#ifdef SIM_COMMIT
    return SIM_COMMIT;
#else
    return "unknown";
#endif
}

const char *farm_beyond_words(const bool beyond[BEYOND_COUNT])
{
    static const char *const names[BEYOND_COUNT] = {
        [BEYOND_CLOCK] = "clock", [BEYOND_DISK] = "disk", [BEYOND_MACHINE] = "a machine that stood still",
        [BEYOND_RISK] = "accepted risk",
    };
    static char words[64];
    words[0] = '\0';
    for (int b = 0; b < BEYOND_COUNT; b++)
        if (beyond[b])
            (void)snprintf(words + strlen(words), sizeof words - strlen(words), "%s%s",
                           words[0] != '\0' ? ", " : "", names[b]);
    return words;
}

uint64_t farm_hash(const struct farm *farm, uint64_t seed)
{
    static struct mix mix;
    static struct tally tally;
    struct ending ending;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    mix_draw(&mix, seed, farm->profile);
    mix.options.falsify = farm->falsify;
    run_mix(&mix, &ending, &tally, trace_hash, &hash);
    return hash ^ ending.hash;
}

void farm_show_break(const struct farm *farm, const struct mix *mix, const struct ending *e, uint16_t count,
                     unsigned shrink_runs)
{
    char words[1024], profile[64] = "";
    mix_words(mix, words, sizeof words);
    if (farm->profile != PROFILE_COUNT)
        (void)snprintf(profile, sizeof profile, " --profile %s", profile_name(farm->profile));
    printf("\nseed: %llu\ncommit: %s\ninvariant: %s: %s\n", (unsigned long long)mix->seed, commit(),
           invariant_name(e->invariant), e->text);
    printf("at: %.3fs\n%s\n", (double)e->at_us / 1e6, words);
    printf("faults (%u of %u, after %u runs without some):\n", mix->fault_count, count, shrink_runs);
    trace_faults(mix);
    printf("replay: build/tests/simulator --seed %llu -v%s\n", (unsigned long long)mix->seed, profile);
}

/* ---- a worker ---- */

static bool tell(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static void limit_time(int seconds)
{
    struct itimerval timer = { .it_value = { .tv_sec = seconds } };
    (void)setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

static bool is_break(const struct ending *e)
{
    return e->invariant != INVARIANT_NONE && !e->excused;
}

static void play_again(const struct farm *farm, struct tale *tale)
{
    uint64_t one = farm_hash(farm, tale->seed), other = farm_hash(farm, tale->seed);
    if (one == other || is_break(&tale->ending))
        return;
    tale->ending.invariant = INVARIANT_SANE;
    tale->ending.excused = false;
    (void)snprintf(tale->ending.text, sizeof tale->ending.text,
                   "the same seed gives two courses of events: %016llx and %016llx", (unsigned long long)one,
                   (unsigned long long)other);
}

/* Does not come back. */
static void work(const struct farm *farm, int fd, uint64_t seed, const struct timespec *begun)
{
    static struct mix mix;
    static struct tale tale;
    uint64_t end = farm->minutes > 0 ? UINT64_MAX : farm->first + farm->seeds;
    static unsigned shrunk[INVARIANT_COUNT];
    for (; seed < end; seed += farm->jobs) {
        if (farm->minutes > 0 && since(begun) > 60.0 * (double)farm->minutes)
            break;
        memset(&tale, 0, sizeof tale);
        tale.told = TOLD_SEED;
        tale.seed = seed;
        if (!tell(fd, &tale, sizeof tale))
            _exit(FARM_FAILED);
        limit_time(SEED_CPU_S);
        tale.told = TOLD_DONE;
        mix_draw(&mix, seed, farm->profile);
        mix.options.falsify = farm->falsify;
        run_mix(&mix, &tale.ending, &tale.tally, NULL, NULL);
        if (farm->twice)
            play_again(farm, &tale);
        limit_time(0);
        tale.count = mix.fault_count;
        bool broken = is_break(&tale.ending);
        if (broken && !farm->no_shrink && shrunk[tale.ending.invariant]++ < SHRUNK_PER_WORKER)
            tale.shrink_runs = shrink_mix(&mix, &tale.ending, SHRINK_RUNS_MAX);
        if (!tell(fd, &tale, sizeof tale) || (broken && !tell(fd, &mix, sizeof mix)))
            _exit(FARM_FAILED);
        if (broken && farm->stop)
            break;
    }
    exit(FARM_WELL); /* not _exit(): a build that counts writes its counters on the way out */
}

/* ---- who listens to them ---- */

static bool put_to_work(struct harvest *h, struct worker *w, uint64_t seed)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    (void)fflush(NULL);
    w->pid = fork();
    if (w->pid == 0) {
        (void)close(ends[0]);
        work(h->farm, ends[1], seed, &h->begun);
    }
    (void)close(ends[1]);
    w->fd = ends[0];
    w->next = seed;
    w->at_work = false;
    if (w->pid < 0) {
        (void)close(w->fd);
        w->fd = -1;
        return false;
    }
    h->working++;
    return true;
}

/* Workers write whole tales, so the rest of one that has begun is on its way. */
static bool hear(int fd, void *to, size_t size)
{
    char *at = to;
    while (size > 0) {
        ssize_t n = read(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static void count_break(struct harvest *h, const struct mix *mix, const struct tale *tale)
{
    h->broken++;
    h->by_invariant[tale->ending.invariant]++;
    if (h->by_invariant[tale->ending.invariant] <= BREAKS_SHOWN)
        farm_show_break(h->farm, mix, &tale->ending, tale->count, tale->shrink_runs);
    h->stopped = h->stopped || h->farm->stop;
}

static void died(struct harvest *h, struct worker *w, int number)
{
    bool hung = number == SIGVTALRM;
    printf("\nseed: %llu\ncommit: %s\ninvariant: %s: ", (unsigned long long)w->next, commit(),
           invariant_name(INVARIANT_SANE));
    if (hung)
        printf("it takes more than %d s of processor time: it hangs\n", SEED_CPU_S);
    else
        printf("the simulator was ended by signal %d (%s)\n", number, strsignal(number));
    printf("replay: build/tests/simulator --seed %llu -v\n", (unsigned long long)w->next);
    h->broken++;
    h->failed += !hung;
    h->by_invariant[INVARIANT_SANE]++;
    h->sum.seeds++;
    h->stopped = h->stopped || h->farm->stop;
}

/* It has closed its pipe: it is done, or it died at a seed, and another goes on behind that. */
static void leave(struct harvest *h, struct worker *w)
{
    int status = 0;
    (void)close(w->fd);
    w->fd = -1;
    h->working--;
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == FARM_WELL)
        return;
    if (h->stopped)
        return;
    if (WIFSIGNALED(status) && w->at_work) {
        died(h, w, WTERMSIG(status));
        uint64_t next = w->next + h->farm->jobs;
        if (!h->stopped && (h->farm->minutes > 0 || next < h->farm->first + h->farm->seeds) &&
            !put_to_work(h, w, next))
            h->failed++;
        return;
    }
    printf("worker %u failed\n", w->number);
    h->failed++;
}

static void listen_to(struct harvest *h, struct worker *w)
{
    static struct tale tale;
    static struct mix mix;
    if (!hear(w->fd, &tale, sizeof tale)) {
        leave(h, w);
        return;
    }
    w->next = tale.seed;
    w->at_work = tale.told == TOLD_SEED;
    if (tale.told == TOLD_SEED)
        return;
    tally_add(&h->sum, &tale.tally);
    h->hash ^= tale.ending.hash;
    if (is_break(&tale.ending) && hear(w->fd, &mix, sizeof mix))
        count_break(h, &mix, &tale);
}

static void end_all(struct harvest *h)
{
    for (unsigned i = 0; i < h->farm->jobs; i++)
        if (h->workers[i].fd >= 0)
            (void)kill(h->workers[i].pid, SIGKILL);
    for (unsigned i = 0; i < h->farm->jobs; i++)
        if (h->workers[i].fd >= 0)
            leave(h, &h->workers[i]);
}

static void show_progress(const struct harvest *h)
{
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%llu seeds, %.0f simulated hours, %llu broken, %.0f s ",
                      (unsigned long long)h->sum.seeds, (double)h->sum.simulated_us / 3.6e9,
                      (unsigned long long)h->broken, since(&h->begun));
}

/* ---- what it came to ---- */

static void show_faults(const struct tally *t)
{
    uint64_t all = 0;
    printf("\nfaults:");
    for (int k = 0; k < HIT_COUNT; k++) {
        printf("%s%-24s %9llu", k % 3 == 0 ? "\n  " : "  ", fault_name((enum fault_kind)k),
               (unsigned long long)t->faults[k]);
        all += t->faults[k];
    }
    printf("\n  %-24s %9llu\n", "together", (unsigned long long)all);
}

/* Of all workers, shrinking too. */
static double processor_s(void)
{
    struct rusage used;
    (void)getrusage(RUSAGE_CHILDREN, &used);
    double s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    return s > 0.001 ? s : 0.001;
}

static void show_sum(const struct harvest *h)
{
    const struct tally *t = &h->sum;
    double wall_s = since(&h->begun), hours = (double)t->simulated_us / 3.6e9;
    printf("\ncommit %s, seeds %llu to %llu, hash %016llx\n", commit(), (unsigned long long)h->farm->first,
           (unsigned long long)(h->farm->first + t->seeds - 1), (unsigned long long)h->hash);
    double cpu_s = processor_s();
    printf("%llu seeds, %.0f simulated hours, %.1f million events in %.1f s (%.1f s of processor time: "
           "%.0f simulated hours per minute of a core, %.0f times as fast as time passes)\n",
           (unsigned long long)t->seeds, hours, (double)t->events / 1e6, wall_s, cpu_s,
           hours / (cpu_s / 60.0), hours * 3600.0 / cpu_s);
    printf("profiles:");
    for (int p = 0; p < PROFILE_COUNT; p++)
        printf(" %s %llu", profile_name((enum profile)p), (unsigned long long)t->profiles[p]);
    show_faults(t);
    printf("\nfailovers finished %llu, gone back %llu, taken over %llu; promotions %llu, DNS changes %llu; "
           "leases lost %llu, abstentions %llu, sets of voters %llu\n", (unsigned long long)t->finished,
           (unsigned long long)t->aborted, (unsigned long long)t->taken, (unsigned long long)t->promotions,
           (unsigned long long)t->dns_changes, (unsigned long long)t->leases_lost,
           (unsigned long long)t->abstentions, (unsigned long long)t->sets);
    printf("people: %llu orders; once healed, mended %llu times and had to order %llu times because nobody "
           "served\n", (unsigned long long)t->orders, (unsigned long long)t->mended,
           (unsigned long long)t->rescued);
    printf("proposals seen %llu, approved once healed %llu\n", (unsigned long long)t->proposed,
           (unsigned long long)t->approved);
    printf("held to come to rest %llu (and not %llu, their disks gone), a region lost for good %llu\n",
           (unsigned long long)t->rested, (unsigned long long)t->not_held,
           (unsigned long long)t->lost_for_good);
    printf("broken as expected: clock beyond its bound %llu, disk %llu, machine that stood still %llu, accepted "
           "risk %llu\n", (unsigned long long)t->excused[BEYOND_CLOCK],
           (unsigned long long)t->excused[BEYOND_DISK], (unsigned long long)t->excused[BEYOND_MACHINE],
           (unsigned long long)t->excused[BEYOND_RISK]);
    for (int i = INVARIANT_NONE + 1; i < INVARIANT_COUNT; i++)
        if (h->by_invariant[i] > 0)
            printf("BROKEN %llu times: %s\n", (unsigned long long)h->by_invariant[i],
                   invariant_name((enum invariant)i));
    printf("%llu passed, %llu failed\n", (unsigned long long)(t->seeds - h->broken),
           (unsigned long long)h->broken);
}

int farm_run(const struct farm *farm)
{
    static struct harvest h;
    struct pollfd fds[WORKERS_MAX];
    h = (struct harvest){ .farm = farm };
    (void)clock_gettime(CLOCK_MONOTONIC, &h.begun);
    for (unsigned i = 0; i < farm->jobs && i < WORKERS_MAX; i++) {
        h.workers[i] = (struct worker){ .fd = -1, .number = i };
        if (!put_to_work(&h, &h.workers[i], farm->first + i))
            h.failed++;
    }
    while (h.working > 0 && !h.stopped) {
        for (unsigned i = 0; i < farm->jobs; i++)
            fds[i] = (struct pollfd){ .fd = h.workers[i].fd, .events = POLLIN };
        int ready = poll(fds, farm->jobs, PROGRESS_MS);
        for (unsigned i = 0; ready > 0 && i < farm->jobs; i++)
            if (fds[i].fd >= 0 && fds[i].revents != 0)
                listen_to(&h, &h.workers[i]);
        show_progress(&h);
    }
    end_all(&h);
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\n");
    show_sum(&h);
    return h.failed > 0 ? FARM_FAILED : h.broken > 0 ? FARM_BROKEN : FARM_WELL;
}
