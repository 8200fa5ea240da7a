/* A snapshot's JSON as plain lines, most important first: for logs, and as the head of what
 * failoverctl prints.
 *
 * Reads JSON that may have come from anywhere: what is missing or of another type is left out.
 */
#ifndef FAILOVERD_STATUS_STATUS_TEXT_H
#define FAILOVERD_STATUS_STATUS_TEXT_H

#include <jansson.h>

#include "coordinator/base/text.h"

/* The whole: node, each service with its head, regions and operation, then the warnings. */
void status_text(struct text *text, const json_t *status);

/* Who has a vote, by which version of the set, who does not use it and why, and a change under way. Nothing where the
 * status does not tell. */
void status_text_voters(struct text *text, const json_t *voters);

/* "shop  ok  writer us-east-1  epoch 7": the first line of a service, then headline, outlook and,
 * if there is one, the operation, each a line of its own. */
void status_text_service(struct text *text, const json_t *service);

/* "us-east-1 → us-west-2, step 3 of 13 fence, 420ms in it, ..." without a line end. */
void status_text_operation(struct text *text, const json_t *operation);
/* How much of a failback's traffic is home, or is to be; nothing of other operations, and before the database is. */
void status_text_shift(struct text *text, const json_t *operation);

/* What a person said that a running operation is to do; nothing where it just goes on. */
void status_text_wish(struct text *text, const json_t *operation);

/* "nothing", "4 KiB (43s)": a loss or a lag as status has it; false, and nothing appended, where it is not known. */
bool status_text_loss(struct text *text, const json_t *loss);

/* Reading JSON of unknown shape: the value's text, or `otherwise` if it is missing, of another type
 * or holds control characters. */
const char *peek_str(const json_t *object, const char *key, const char *otherwise);
/* Whether it is there and an integer. */
bool peek_int(const json_t *object, const char *key, int64_t *out);
bool peek_real(const json_t *object, const char *key, double *out);
/* true only if it is there and true. */
bool peek_yes(const json_t *object, const char *key);

#endif
