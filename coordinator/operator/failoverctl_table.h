/* How failoverctl shows things to people. The only file beside its .c that knows libsmartcols.
 *
 * What is shown came over a socket: whatever is missing or of another type shows as "?" or not at all,
 * and nothing with control characters reaches the terminal. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_TABLE_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct table_style {
    FILE *stream;
    bool color;
    bool verbose;
};

/* Colour on a terminal, unless NO_COLOR is set and not empty, TERM is dumb, or `off`. */
bool table_color_wanted(FILE *stream, bool off);

void table_status(const struct table_style *style, const json_t *status);
void table_dry_run(const struct table_style *style, const json_t *plan);
void table_audit(const struct table_style *style, const json_t *audit);
void table_history(const struct table_style *style, const json_t *history);

#endif
