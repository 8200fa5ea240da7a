/* Where lines of text are broken, so that they fit a terminal. Lines are [at, end), without their line feed.
 *
 * A column is what one Latin letter takes; colours ("ESC [ digits m") take none. What is no UTF-8 and other control
 * characters take one. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_FIT_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

size_t fit_width(const char *at, const char *end);

/* The end of the row that begins at `at`: no more than `columns` (at least one character), broken at a blank if there
 * is one, and not within a command to paste ("failoverctl pause shop --reason x"), which goes to a row of its own. A
 * word, or a command, that is longer than a row is broken where the row ends, or with `whole` left in one piece, over
 * the edge: a terminal breaks it itself then, and it is copied as one. */
const char *fit_row_end(const char *at, const char *end, size_t columns, bool whole);

/* Where the next row begins: behind the blanks that it was broken at. */
const char *fit_next(const char *at, const char *end);

/* How far the rows after a line's first are indented: less than `columns` unless that is 0. */
size_t fit_indent(const char *at, const char *end, size_t columns);

/* The row as far as it takes no more than `columns`, '?' for what is no UTF-8 and for control characters but
 * colours. */
void fit_put(FILE *out, const char *at, const char *end, size_t columns);

#endif
