/* complete: what may come next on failoverctl's command line, for the shell that completes it.
 *
 * Purpose: `failoverctl complete WORD...` prints one candidate a line; the few lines of etc/bash-completion/failoverctl
 * call it. Everything comes from the help texts of the command table (options, what they take, what stands where) and
 * from the daemon's status (names, and the ids that the command can do something with), so there is no list here that
 * could fall behind.
 * Pure: the caller asks the daemon. Whatever the words are, nothing worse comes of it than no candidates.
 */
#ifndef FAILOVERD_OPERATOR_COMPLETE_H
#define FAILOVERD_OPERATOR_COMPLETE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What has been typed after the program's name; the last word, maybe empty, is the one to be completed. */
struct complete_line {
    const char *const *words;
    size_t count;
};

/* Whether something may come next that the status tells; then *socket_path becomes what --socket says, if it was
 * given. */
bool complete_needs_status(struct complete_line line, const char **socket_path);

/* Each candidate once, in a fixed order. `status` is the answer to the command of that name, or NULL; it may be
 * anything. `candidate` is lent for the call. */
typedef void complete_take(void *context, const char *candidate);
void complete_candidates(struct complete_line line, const json_t *status, complete_take *take, void *context);

#endif
