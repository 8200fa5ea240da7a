/* Between the files of the verbs: a sentence matched against a pattern, and the tables of what may be
 * said. `%` in a pattern stands for one word, anything else for itself. */
#ifndef FAILOVERD_TESTS_SCENARIO_VERBS_MATCH_H
#define FAILOVERD_TESTS_SCENARIO_VERBS_MATCH_H

#include "tests/scenario/verbs.h"

#define WORDS_MAX 24

struct match {
    struct play *play;
    char word[WORDS_MAX][PLAY_WORD_MAX]; /* what stood for each % */
    unsigned count;
};

typedef void verb(struct match *m);

struct row {
    const char *pattern;
    verb *run;
};

struct condition {
    const char *pattern;
    bool (*holds)(struct match *m);
};

extern const struct row given_rows[];          /* verbs_given.c; ended by a NULL pattern */
extern const struct row when_rows[];           /* verbs_when.c */
extern const struct condition expect_rows[];   /* verbs_expect.c */

bool match_take_word(const char **text, char *word);
bool match_sentence(struct match *m, const char *pattern, const char *sentence);

/* The i-th word as what it has to be; otherwise the play fails and something harmless is given. */
int64_t match_number(struct match *m, unsigned i);
int64_t match_duration(struct match *m, unsigned i);
region_id match_region(struct match *m, unsigned i);
struct host *match_host(struct match *m, unsigned i);
struct world *match_world(struct match *m);
/* The one service of a script. */
struct world_service *match_service(struct match *m);

#endif
