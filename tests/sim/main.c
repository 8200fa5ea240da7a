/* sim: plays seeds. See README.md for how to use it; farm.c plays many at once. */
#include "tests/sim/farm.h"
#include "tests/sim/trace.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOBS_MAX 64

enum { OPT_SEED = 256, OPT_SEEDS, OPT_FIRST, OPT_JOBS, OPT_MINUTES, OPT_STOP, OPT_HASH, OPT_PROFILE,
       OPT_NO_SHRINK, OPT_TWICE, OPT_SMALL, OPT_FALSIFY };

static const struct option long_options[] = {
    { "seed", required_argument, NULL, OPT_SEED },       { "seeds", required_argument, NULL, OPT_SEEDS },
    { "first", required_argument, NULL, OPT_FIRST },     { "jobs", required_argument, NULL, OPT_JOBS },
    { "minutes", required_argument, NULL, OPT_MINUTES }, { "stop", no_argument, NULL, OPT_STOP },
    { "hash", no_argument, NULL, OPT_HASH },             { "profile", required_argument, NULL, OPT_PROFILE },
    { "no-shrink", no_argument, NULL, OPT_NO_SHRINK },   { "twice", no_argument, NULL, OPT_TWICE },
    { "small", no_argument, NULL, OPT_SMALL },           { "falsify", no_argument, NULL, OPT_FALSIFY },
    { NULL, 0, NULL, 0 },
};

static int usage(void)
{
    (void)fprintf(stderr,
        "sim [--seeds N] [--first S] [--jobs J] [--minutes M] [--stop] [--no-shrink] [--twice]\n"
        "    plays seeds S, S+1, ... (from 1): N of them (10000), or as many as go into M minutes\n"
        "sim --seed S [-v] [--small]    plays one seed; -v: tells what happens; --small: with as few of its\n"
        "    faults as break it\n"
        "sim --hash --seed S  prints one number for all that happened\n"
        "--profile NAME: general, calm, beyond, disks, network, duel, return, glass (else the seed draws it)\n"
        "--falsify: tries the core's own rules on each chosen value, made wrong in one thing at a time\n"
        "exit code 0: all promises kept; 3: one was broken; 1: the simulator itself failed; 2: usage\n");
    return FARM_USAGE;
}

static bool number(const char *text, uint64_t low, uint64_t high, uint64_t *to)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < low || value > high)
        return false;
    *to = value;
    return true;
}

/* Plays it untold, and leaves the fewest faults that break it. */
static void make_small(struct mix *mix)
{
    static struct tally tally;
    struct ending ending;
    run_mix(mix, &ending, &tally, NULL, NULL);
    if (ending.invariant != INVARIANT_NONE)
        (void)shrink_mix(mix, &ending, SHRINK_RUNS_MAX);
}

static int play_one(const struct farm *farm, uint64_t seed, bool verbose, bool small)
{
    static struct mix mix;
    static struct tally tally;
    static struct ending ending;
    char words[1024];
    mix_draw(&mix, seed, farm->profile);
    mix.options.falsify = farm->falsify;
    if (small)
        make_small(&mix);
    mix_words(&mix, words, sizeof words);
    printf("seed %llu: %s\n", (unsigned long long)seed, words);
    trace_faults(&mix);
    run_mix(&mix, &ending, &tally, verbose ? trace_print : NULL, NULL);
    printf("played %.0f s, %llu events: ", (double)tally.simulated_us / 1e6, (unsigned long long)tally.events);
    if (ending.invariant == INVARIANT_NONE) {
        printf("all promises kept\n");
        return FARM_WELL;
    }
    if (ending.excused) {
        printf("at %.3fs broken as expected, by %s: %s: %s\n", (double)ending.at_us / 1e6,
               farm_beyond_words(ending.beyond), invariant_name(ending.invariant), ending.text);
        return FARM_WELL;
    }
    printf("broken at %.3fs\n", (double)ending.at_us / 1e6);
    uint16_t count = mix.fault_count;
    unsigned runs = farm->no_shrink ? 0 : shrink_mix(&mix, &ending, SHRINK_RUNS_MAX);
    farm_show_break(farm, &mix, &ending, count, runs);
    return FARM_BROKEN;
}

static int hash_one(const struct farm *farm, uint64_t seed)
{
    printf("%016llx\n", (unsigned long long)farm_hash(farm, seed));
    return FARM_WELL;
}

int main(int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct farm farm = { .first = 1, .seeds = 10000, .profile = PROFILE_COUNT,
                         .jobs = cores > 0 && cores <= JOBS_MAX ? (unsigned)cores : 1 };
    bool one = false, verbose = false, hash = false, small = false, well = true;
    uint64_t seed = 0, value;
    for (int o; (o = getopt_long(argc, argv, "v", long_options, NULL)) != -1;) {
        switch (o) {
        case 'v': verbose = true; break;
        case OPT_SEED: one = well = number(optarg, 0, UINT64_MAX, &seed) && well; break;
        case OPT_SEEDS: well = number(optarg, 1, UINT64_MAX / 4, &farm.seeds) && well; break;
        case OPT_FIRST: well = number(optarg, 0, UINT64_MAX / 4, &farm.first) && well; break;
        case OPT_JOBS:
            well = number(optarg, 1, JOBS_MAX, &value) && well;
            farm.jobs = well ? (unsigned)value : 1;
            break;
        case OPT_MINUTES: well = number(optarg, 1, 60 * 24 * 30, &farm.minutes) && well; break;
        case OPT_STOP: farm.stop = true; break;
        case OPT_HASH: hash = true; break;
        case OPT_NO_SHRINK: farm.no_shrink = true; break;
        case OPT_TWICE: farm.twice = true; break;
        case OPT_SMALL: small = true; break;
        case OPT_FALSIFY: farm.falsify = true; break;
        case OPT_PROFILE:
            farm.profile = profile_find(optarg);
            well = farm.profile != PROFILE_COUNT && well;
            break;
        default: return usage();
        }
    }
    if (!well || optind != argc || (hash && !one) || ((verbose || small) && !one))
        return usage();
    /* A world's big arrays are mostly never touched: fresh pages are zero, memory used before is not. */
    (void)mallopt(M_MMAP_THRESHOLD, 512 * 1024);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (hash)
        return hash_one(&farm, seed);
    return one ? play_one(&farm, seed, verbose, small) : farm_run(&farm);
}
