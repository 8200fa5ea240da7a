/* verbs: the sentences that a script may use, and the state of its play. */
#ifndef FAILOVERD_TESTS_SCENARIO_VERBS_H
#define FAILOVERD_TESTS_SCENARIO_VERBS_H

#include "tests/scenario/script.h"
#include "tests/sim/words.h"
#include "tests/sim/world.h"

#define PLAY_WORD_MAX 64

struct play {
    const char *path;
    unsigned line_number;
    char each[PLAY_WORD_MAX];
    bool verbose, failed;
    struct world_options options;
    struct world *world;
    world_listener *listener;
    bool started;
    int64_t start_us;
    char trace[SCRIPT_TEXT_MAX / 2];
    size_t trace_length;
    /* what was noted since the start, and of an operation since the last order that may begin one */
    uint32_t gates_shut;                 /* bit per gate */
    uint32_t began, aborted, done, taken, stopped, voted_down, lost, abstained;
    uint32_t steps_started;              /* bit per step */
    uint32_t proofs;                     /* bit per enum fence_proof */
    int64_t ruling;                      /* last enum dns_ruling that stopped a change; -1 */
    uint64_t shut_acts[POLICY_REGIONS_MAX]; /* fences that closed, by region */
    uint64_t proposal;                   /* the one that was seen or answered last */
    uint64_t mark;                       /* the one that a person reconciled last */
    bool unanswered;                     /* a node noted that nobody answered in time */
    bool cut, half;                      /* a notice had no room for all words; ...and ended within a character */
    uint32_t left_cut_off;               /* bit per region: an operation was left without undoing its remote hook */
    bool withdrawn;                      /* a node noted that a proposal is gone without its operation */
    uint32_t ahead, stuck;               /* bit per region: its standby was ahead, or could not follow */
};

void verbs_defaults(struct play *play);
void verbs_play(struct play *play, const char *sentence);

/* Both in script.c and verbs.c respectively. */
void play_fail(struct play *play, const char *format, ...) __attribute__((format(printf, 2, 3)));
void play_remember(struct play *play, const struct host *host, const struct note *note);

#endif
