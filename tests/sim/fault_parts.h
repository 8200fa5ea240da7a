/* Between the files of fault.c: a fault at work, and who it is about. */
#ifndef FAILOVERD_TESTS_FAULT_PARTS_H
#define FAILOVERD_TESTS_FAULT_PARTS_H

#include "tests/sim/fault.h"

struct strike {
    struct world *world;
    const struct fault *fault;
    struct fault_state *state;
};

/* Applies it; false: it made no sense now. The other undoes it; NULL: there is nothing to undo. */
typedef bool striker(struct strike *strike);
typedef void undoer(struct strike *strike);

struct fault_row {
    const char *name; /* NULL: the other table has it */
    striker *apply;
    undoer *undo;
    bool damages, hides;
};

extern const struct fault_row fault_inside_rows[HIT_COUNT];  /* processes, disks, clocks: fault_inside.c */
extern const struct fault_row fault_outside_rows[HIT_COUNT]; /* all else: fault_outside.c */

/* Who is meant, found out now and remembered for the undoing (fault_who.c). */
region_id strike_region(struct strike *strike);
region_id strike_other_region(struct strike *strike);
struct host *strike_host(struct strike *strike);
uint8_t strike_other_host(struct strike *strike);

/* Who it was. */
struct host *strike_victim(struct strike *strike);

#endif
