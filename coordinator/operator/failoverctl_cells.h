/* What tables are made of: rows of cells, colours, durations. For failoverctl_table*.c alone.
 *
 * The only room of libsmartcols: its types have no more than their names here. Where memory runs out a
 * table or a line is NULL; each function takes that too, so that it costs the table and no more. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_CELLS_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_CELLS_H

#include <jansson.h>
#include <stddef.h>

#include "coordinator/operator/failoverctl_table.h"

#define CELL_MAX 512
#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define RESET "\033[0m"

struct libscols_table;
struct libscols_line;

enum {
    CELLS_WRAP = 1,  /* a sentence: stands below its row where the table is too wide */
    CELLS_RIGHT = 2, /* numbers */
};

struct cells_column {
    const char *title;
    int flags; /* CELLS_; 0: none */
};

struct libscols_table *cells_table(const struct table_style *style, const struct cells_column *columns,
                                   size_t count);
/* The next line, all its cells empty. */
struct libscols_line *cells_line(struct libscols_table *table);
void cells_set(struct libscols_line *line, size_t column, const char *text);
/* The name of a colour as libsmartcols has it ("green"); NULL: none. */
void cells_color(struct libscols_line *line, size_t column, const char *color);
/* Prints what has lines, and ends `table`. Where it is wider than style->width, columns stand below their row until the
 * others fit: sentences first, then the widest; never the first column. */
void cells_print(const struct table_style *style, struct libscols_table *table);

/* `color` (RED), or nothing where there are no colours. */
const char *cells_paint(const struct table_style *style, const char *color);
/* "1.9s", in `out` where it is known; else `otherwise`. */
const char *cells_duration(char *out, size_t size, const json_t *object, const char *key, double us_per_unit,
                           const char *otherwise);

#endif
