/* Rows of cells on libsmartcols: see failoverctl_cells.h. */
#include "coordinator/operator/failoverctl_cells.h"

#include <libsmartcols/libsmartcols.h>

#include "coordinator/base/clock.h"
#include "coordinator/status/status_text.h"

static int flags_of(int flags)
{
    return ((flags & CELLS_WRAP) != 0 ? SCOLS_FL_WRAP : 0) | ((flags & CELLS_RIGHT) != 0 ? SCOLS_FL_RIGHT : 0);
}

struct libscols_table *cells_table(const struct table_style *style, const struct cells_column *columns,
                                   size_t count)
{
    struct libscols_table *table = scols_new_table();
    if (table == NULL)
        return NULL;
    scols_table_set_stream(table, style->stream);
    (void)scols_table_enable_colors(table, style->color);
    if (style->width > 0) {
        (void)scols_table_set_termwidth(table, style->width);
        (void)scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
    }
    /* Cells go on below themselves where all of them together are too wide. */
    int narrow = style->width > 0 ? SCOLS_FL_WRAP : 0;
    for (size_t i = 0; i < count; i++)
        if (scols_table_new_column(table, columns[i].title, 0.1, flags_of(columns[i].flags) | narrow) == NULL) {
            scols_unref_table(table);
            return NULL;
        }
    return table;
}

struct libscols_line *cells_line(struct libscols_table *table)
{
    return table != NULL ? scols_table_new_line(table, NULL) : NULL;
}

void cells_set(struct libscols_line *line, size_t column, const char *text)
{
    if (line != NULL)
        (void)scols_line_set_data(line, column, text);
}

void cells_color(struct libscols_line *line, size_t column, const char *color)
{
    if (line != NULL && color != NULL)
        (void)scols_cell_set_color(scols_line_get_cell(line, column), color);
}

void cells_print(const struct table_style *style, struct libscols_table *table)
{
    if (table == NULL)
        return;
    fflush(style->stream);
    if (scols_table_get_nlines(table) > 0)
        (void)scols_print_table(table);
    scols_unref_table(table);
}

const char *cells_paint(const struct table_style *style, const char *color)
{
    return style->color ? color : "";
}

const char *cells_duration(char *out, size_t size, const json_t *object, const char *key, double us_per_unit,
                           const char *otherwise)
{
    double value;
    if (!peek_real(object, key, &value) || value < 0 || value * us_per_unit > 1e17)
        return otherwise;
    return base_format_duration(out, size, (int64_t)(value * us_per_unit));
}
