/* Rows of cells on libsmartcols: see failoverctl_cells.h. */
#include "coordinator/operator/failoverctl_cells.h"

#include <libsmartcols/libsmartcols.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/operator/failoverctl_fit.h"
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
    for (size_t i = 0; i < count; i++)
        if (scols_table_new_column(table, columns[i].title, 0.1, flags_of(columns[i].flags)) == NULL) {
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

/* ---- a table that is too wide -------------------------------------------------------------------- */

static size_t width_of(const char *text)
{
    return text != NULL ? fit_width(text, text + strlen(text)) : 0;
}

static const char *title_of(struct libscols_column *column)
{
    const char *title = scols_cell_get_data(scols_column_get_header(column));
    return title != NULL ? title : "";
}

static size_t column_width(struct libscols_table *table, size_t index)
{
    size_t widest = width_of(title_of(scols_table_get_column(table, index)));
    for (size_t i = 0; i < scols_table_get_nlines(table); i++) {
        size_t width = width_of(scols_cell_get_data(scols_line_get_cell(scols_table_get_line(table, i), index)));
        widest = width > widest ? width : widest;
    }
    return widest;
}

/* Columns that are shown, with a blank between two of them. */
static bool too_wide(struct libscols_table *table, size_t most)
{
    size_t total = 0;
    for (size_t i = 0; i < scols_table_get_ncols(table); i++)
        if (!scols_column_is_hidden(scols_table_get_column(table, i)))
            total += column_width(table, i) + (total > 0);
    return total > most;
}

/* All sentences in one go, so that all tables of a kind look alike; else the widest column, of several the last. False:
 * only the first is left. */
static bool hide_more(struct libscols_table *table)
{
    size_t widest = 0;
    size_t width = 0;
    bool hidden = false;
    for (size_t i = 1; i < scols_table_get_ncols(table); i++) {
        struct libscols_column *column = scols_table_get_column(table, i);
        if (scols_column_is_hidden(column))
            continue;
        if (scols_column_is_wrap(column)) {
            (void)scols_column_set_flags(column, scols_column_get_flags(column) | SCOLS_FL_HIDDEN);
            hidden = true;
        } else if (column_width(table, i) >= width) {
            widest = i;
            width = column_width(table, i);
        }
    }
    if (hidden || widest == 0)
        return hidden;
    struct libscols_column *column = scols_table_get_column(table, widest);
    return scols_column_set_flags(column, scols_column_get_flags(column) | SCOLS_FL_HIDDEN) == 0;
}

/* "    guard: usw2-a: open", a sentence without its title. */
static void print_below(const struct table_style *style, struct libscols_table *table, size_t index)
{
    for (size_t i = 1; i < scols_table_get_ncols(table); i++) {
        struct libscols_column *column = scols_table_get_column(table, i);
        const char *text = scols_cell_get_data(scols_line_get_cell(scols_table_get_line(table, index), i));
        if (!scols_column_is_hidden(column) || text == NULL || text[0] == '\0' || strcmp(text, "-") == 0)
            continue;
        fputs("    ", style->stream);
        if (!scols_column_is_wrap(column)) {
            for (const char *at = title_of(column); *at != '\0'; at++)
                fputc(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at, style->stream);
            fputs(": ", style->stream);
        }
        fit_put(style->stream, text, text + strlen(text), SIZE_MAX);
        fputc('\n', style->stream);
    }
}

/* Each line of what the others give, and below it what did not fit. */
static void print_with_below(const struct table_style *style, struct libscols_table *table)
{
    char *text = NULL;
    if (scols_print_table_to_string(table, &text) != 0 || text == NULL)
        return;
    const char *at = text;
    for (size_t row = 0; *at != '\0'; row++) {
        size_t length = strcspn(at, "\n");
        (void)fwrite(at, 1, length, style->stream);
        fputc('\n', style->stream);
        if (row > 0 && row <= scols_table_get_nlines(table))
            print_below(style, table, row - 1);
        at += length + (at[length] == '\n');
    }
    free(text);
}

void cells_print(const struct table_style *style, struct libscols_table *table)
{
    if (table == NULL)
        return;
    fflush(style->stream);
    bool narrow = false;
    while (style->width > 0 && too_wide(table, style->width) && hide_more(table))
        narrow = true;
    if (style->width > 0) { /* else libsmartcols takes the width of stdout, which may be another */
        (void)scols_table_set_termwidth(table, style->width);
        (void)scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
    }
    if (scols_table_get_nlines(table) > 0 && narrow)
        print_with_below(style, table);
    else if (scols_table_get_nlines(table) > 0)
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
