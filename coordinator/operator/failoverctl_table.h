/* How failoverctl shows things to people. Drawn in failoverctl_cells.c, which knows libsmartcols.
 *
 * What is shown came over a socket: whatever is missing or of another type shows as "?" or not at all,
 * and nothing with control characters reaches the terminal. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_TABLE_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table_style {
    FILE *stream;
    bool color;
    bool verbose;
    size_t width; /* of what is drawn; 0: as wide as it gets */
};

/* Colour on a terminal, unless NO_COLOR is set and not empty, TERM is dumb, or `off`. */
bool table_color_wanted(FILE *stream, bool off);

void table_status(const struct table_style *style, const json_t *status);
void table_dry_run(const struct table_style *style, const json_t *plan);
/* "240ms ago"; "at a time that is not known" where that is not there. */
#define TABLE_AGO_MAX 64
const char *table_ago(char out[TABLE_AGO_MAX], size_t size, const json_t *object, const char *key_ms);

/* The gates of one candidate, and each voter's word, as status and explain have them. */
void table_gates(const struct table_style *style, const json_t *gates);
void table_votes(const struct table_style *style, const json_t *votes);
/* The phases of one round, as probe has them. */
void table_phases(const struct table_style *style, const json_t *phases);
/* What is going on, and whether people can be told. */
void table_incidents(const struct table_style *style, const json_t *notify);
/* An answer that is a text. */
void table_words(const struct table_style *style, const json_t *answer);
void table_audit(const struct table_style *style, const json_t *audit);
/* A checklist, as status and dry runs have it. */
void table_runbook(const struct table_style *style, const json_t *runbook);
void table_voters(const struct table_style *style, const json_t *voters);
void table_history(const struct table_style *style, const json_t *history);
/* One of its operations. */
void table_operation(const struct table_style *style, const json_t *operation);

#endif
