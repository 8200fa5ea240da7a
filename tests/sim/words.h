/* words: what happens in a world as lines of prose, for the traces of scripts and seeds. */
#ifndef FAILOVERD_TESTS_WORDS_H
#define FAILOVERD_TESTS_WORDS_H

#include "tests/sim/world.h"

/* Writes what a note says. False: it is not worth a line in a trace. */
bool words_of_note(const struct world *world, const struct note *note, char *line, size_t size);

enum step_id words_step(const char *name);     /* STEP_COUNT: no such step */
enum gate_id words_gate(const char *name);     /* GATE_COUNT: no such gate */
enum act_kind words_act(const char *name);     /* ACT_KIND_COUNT: no such act */
const char *words_of_act(enum act_kind kind);
const char *words_mute(enum mute_reason reason);
const char *words_change(int64_t change); /* enum voter_change */
const char *words_answer(enum order_answer answer);

#endif
