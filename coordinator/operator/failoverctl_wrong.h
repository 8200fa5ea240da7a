/* A command line that is not what it should be: what is wrong with it, what would be right, and how the command is
 * used.
 *
 * It is said as any refusal is: on stderr, with --json as a document of the code "usage" on stdout. Each function
 * returns EXIT_USAGE. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_WRONG_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_WRONG_H

#include <getopt.h>
#include <stddef.h>

#include "coordinator/operator/commands.h"
#include "coordinator/operator/failoverctl_order.h"

/* `what`: the word that it is about; may be NULL. */
enum exit_code wrong_line(const struct ctl_settings *settings, const char *text, const char *what);
/* The same with how it is used, where that is known; `name` may be the first word of several commands. */
enum exit_code wrong_use(const struct ctl_settings *settings, const char *name, const char *text, const char *what);

/* No command at all. */
enum exit_code wrong_empty(const struct ctl_settings *settings);
/* No such command; `words` follow the program's name and options, at least one. */
enum exit_code wrong_command(const struct ctl_settings *settings, char *const *words, size_t count);
/* `--option value` of a command, which is NULL where it is not known. */
enum exit_code wrong_value(const struct ctl_settings *settings, const struct command *command, const char *option,
                           const char *value);
/* What getopt_long() does not know: `answer` is what it returned, '?' or ':', `value` its optopt, `word` the one that
 * it stands at. `options` ends as getopt's do. */
enum exit_code wrong_option(const struct ctl_settings *settings, const struct option *options, int answer, int value,
                            const char *word);
/* An option that is another command's. */
enum exit_code wrong_place(const struct ctl_settings *settings, const struct command *command, const char *option);
/* The request lacks `key`, which the command needs. */
enum exit_code wrong_without(const struct ctl_settings *settings, const struct command *command, const char *key);

#endif
