/* Saying a word: pause, resume, operation pause, operation resume, operation abort. Each has its outcome at once. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_WORD_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_WORD_H

#include "coordinator/operator/failoverctl_order.h"

/* `request` is stolen. EXIT_DONE only where a majority of voters knows of the word. */
enum exit_code ctl_word(const struct ctl_settings *settings, json_t *request);

/* The same for every service of the cluster, one after the other, with a line for each; of a resume those alone that
 * are paused. The exit code is the worst. */
enum exit_code ctl_word_to_all(const struct ctl_settings *settings, json_t *request);

#endif
