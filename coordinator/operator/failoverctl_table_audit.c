/* The audit trail for people. See failoverctl_table.h. */
#include "coordinator/operator/failoverctl_table.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/operator/failoverctl_cells.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status_text.h"

/* Only names that we know: the file may be anybody's. */
static const char *gate_word(const json_t *gate)
{
    enum gate_id id;
    return json_is_string(gate) && name_find_gate(json_string_value(gate), &id) ? gate_name(id) : "?";
}

/* What was asked, or what came of it, in one cell. */
static void audit_cell(struct text *text, const json_t *line)
{
    size_t index;
    int64_t asked;
    const json_t *gate;
    const json_t *gates = json_object_get(line, "skipped_gates");
    const char *to = peek_str(json_object_get(line, "arguments"), "to", NULL);
    text_append(text, peek_str(line, "command", ""));
    const char *item = peek_str(json_object_get(line, "arguments"), "item", NULL);
    if (to != NULL)
        text_appendf(text, " to %s", to);
    if (item != NULL)
        text_appendf(text, " %s %s", peek_str(json_object_get(line, "arguments"), "operation", "?"), item);
    json_array_foreach(gates, index, gate)
        text_appendf(text, "%s%s", index == 0 ? ", skipping " : " ", gate_word(gate));
    if (peek_int(line, "asked", &asked))
        text_appendf(text, " (%" PRId64 ")", asked);
}

void table_audit(const struct table_style *style, const json_t *audit)
{
    static const struct cells_column columns[] = {
        { "NUMBER", CELLS_RIGHT }, { "TIME", 0 }, { "EVENT", 0 }, { "WHO", 0 }, { "SERVICE", 0 },
        { "COMMAND", 0 }, { "OUTCOME", 0 }, { "REASON", 0 },
    };
    struct libscols_table *table = cells_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *entry;
    json_array_foreach(json_object_get(audit, "lines"), index, entry) {
        char number[24] = "?";
        char who[CELL_MAX] = "";
        char asked[CELL_MAX];
        struct text name = TEXT_OF(who);
        struct text command = TEXT_OF(asked);
        struct libscols_line *line = cells_line(table);
        int64_t value;
        if (peek_int(entry, "seq", &value))
            (void)snprintf(number, sizeof number, "%" PRId64, value);
        if (peek_int(entry, "uid", &value))
            text_appendf(&name, "%s (%" PRId64 ") on %s", peek_str(entry, "user", "?"), value,
                         peek_str(entry, "from", "?"));
        audit_cell(&command, entry);
        cells_set(line, 0, number);
        cells_set(line, 1, peek_str(entry, "time", "?"));
        cells_set(line, 2, peek_str(entry, "event", "?"));
        cells_set(line, 3, who);
        cells_set(line, 4, peek_str(entry, "service", ""));
        cells_set(line, 5, asked);
        cells_set(line, 6, peek_str(entry, "outcome", ""));
        cells_set(line, 7, peek_str(entry, "reason", ""));
    }
    if (json_array_size(json_object_get(audit, "lines")) == 0)
        fprintf(style->stream, "%s has no line\n", peek_str(audit, "file", "the audit trail"));
    cells_print(style, table);
    if (!peek_yes(audit, "whole"))
        fprintf(style->stream, "%sThe chain is broken: failoverctl audit verify says where.%s\n",
                cells_paint(style, RED), cells_paint(style, RESET));
}
