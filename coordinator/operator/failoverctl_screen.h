/* The terminal as one picture that is drawn over and over in its place.
 *
 * Between open and close the terminal shows its other screen, without cursor and without echo of keys; what was on
 * it before is back afterwards, on every way out: screen_close, exit(), a stop (Ctrl-Z) and the signals that end a
 * program (SIGINT and SIGTERM are failoverctl_client.h's: they end the loop, which closes). One screen in a process.
 */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_SCREEN_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "coordinator/base/fault.h"

struct screen_size {
    size_t columns; /* at least 1 */
    size_t rows;    /* at least 1 */
};

/* Stdout has to be a terminal. */
void screen_open(void);
/* Also when it is not open. */
void screen_close(void);

/* As it is now; 80 by 24 where the terminal doesn't know, or there is none. */
struct screen_size screen_size(void);
/* The same of the terminal that `fd` is open on. */
struct screen_size screen_size_of(int fd);

/* Whether it has to be drawn again since this was asked last: another size, or back from a stop. Carries a stop out
 * that was asked for, so it returns only when we are continued. */
bool screen_changed(void);

/* Draws the text as screen_fit makes it. False: the terminal does not take it. */
bool screen_show(const char *text, struct screen_size size) CHECKED;

/* The text as what a terminal of that size is sent, from its upper left corner: never wider (long lines go on below,
 * broken at blanks) and never higher (the last row then counts what is not shown). Colours of the text take no room;
 * other control characters and what is no UTF-8 become '?'. */
void screen_fit(FILE *out, const char *text, struct screen_size size);

#endif
