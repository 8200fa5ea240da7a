/* A command line that is not what it should be: what is wrong with it, what would be right, and how the command is
 * used.
 *
 * All of it goes to stderr, and each function returns EXIT_USAGE. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_WRONG_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_WRONG_H

#include <getopt.h>
#include <stddef.h>

#include "coordinator/operator/commands.h"

/* `what`: the word that it is about; may be NULL. */
enum exit_code wrong_line(const char *text, const char *what);
/* The same with how it is used, where that is known; `name` may be the first word of several commands. */
enum exit_code wrong_use(const char *name, const char *text, const char *what);

/* No command at all. */
enum exit_code wrong_empty(void);
/* No such command; `words` follow the program's name and options, at least one. */
enum exit_code wrong_command(char *const *words, size_t count);
/* `--option value` of a command, which is NULL where it is not known. */
enum exit_code wrong_value(const struct command *command, const char *option, const char *value);
/* What getopt_long() does not know: `answer` is what it returned, '?' or ':', `value` its optopt, `word` the one that
 * it stands at. `options` ends as getopt's do. */
enum exit_code wrong_option(const struct option *options, int answer, int value, const char *word);
/* An option that is another command's. */
enum exit_code wrong_place(const struct command *command, const char *option);
/* The request lacks `key`, which the command needs. */
enum exit_code wrong_without(const struct command *command, const char *key);

#endif
