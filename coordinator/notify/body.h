/* What goes out for a notice: the webhook's JSON, or the plain object.
 *
 * What a notice says may be anybody's words (a probe's, a server's), so it is put in as data: JSON escapes it, control
 * characters become spaces, and for Slack its own marks are escaped, so that no server can page @here. The template is
 * the operator's and stands as it is. Pure; no I/O; any thread.
 */
#ifndef FAILOVERD_NOTIFY_BODY_H
#define FAILOVERD_NOTIFY_BODY_H

#include <stddef.h>

#include "coordinator/notify/notice.h"

#define BODY_MESSAGE_MAX 3000

/* The body for a channel of that kind, terminated; free() it. `secret` is PagerDuty's routing key (it is in the body:
 * wipe that), else NULL. NULL only without memory. */
char *body_make(const struct channel_config *channel, const struct notice *notice, const char *secret, size_t *length);

/* The template, or the usual sentence, filled in; cut where it does not fit. */
void body_message(char *out, size_t size, const struct channel_config *channel, const struct notice *notice);

#endif
