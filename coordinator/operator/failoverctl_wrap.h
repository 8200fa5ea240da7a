/* What is printed for people, broken at blanks where the terminal is too narrow for a line.
 *
 * Only on a terminal: into a file or a pipe every line stays whole, for grep and for pasting. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_WRAP_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_WRAP_H

#include <stddef.h>
#include <stdio.h>

/* A stream, by lines, whose lines go on to `out` broken to `columns` (at least 1). A line of which a part was flushed
 * goes on as it is: questions, and what has to stay in one piece. `out` stays the caller's, and open for as long. NULL
 * where memory runs out. */
FILE *wrap_open(FILE *out, size_t columns);

/* From here on `*standard`, which is stdout or stderr, is such a stream, if `fd`, its own, is a terminal. Nothing was
 * printed to it yet. Neither fileno() nor what it was before is to be asked of it afterwards. */
void wrap_terminal(FILE **standard, int fd);

#endif
