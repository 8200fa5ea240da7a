/* script: one text that reads as prose, played against a world.
 *
 *     # A region is lost and its standby takes over.
 *     given 3 regions us-east-1 (writer) us-west-2 (standby) eu-west-1 (witness), lease 2s
 *     when us-east-1 is killed
 *     within 30s writer us-west-2
 *     after 20s
 *     expect writer us-west-2, epoch 3, dns us-west-2, no operation
 *     trace:
 *       ...
 *
 * The verbs are in README.md. What follows `trace:` is what was noted, and can be rewritten.
 */
#ifndef FAILOVERD_TESTS_SCRIPT_H
#define FAILOVERD_TESTS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#define SCRIPT_LINE_MAX 512
#define SCRIPT_TEXT_MAX 262144

struct script_result {
    unsigned passed, failed;
};

/* Plays a script, once for each word of its `for each` line. Says on stdout what failed. */
struct script_result script_play(const char *path, bool rewrite, bool verbose);

#endif
