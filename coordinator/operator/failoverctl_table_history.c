/* Operations for people: how each went, and the checklist of one. See failoverctl_table.h. */
#include "coordinator/operator/failoverctl_table.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/operator/failoverctl_cells.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status_text.h"

static void print_abort(const struct table_style *style, const json_t *aborted)
{
    const char *gate = peek_str(aborted, "gate", "none");
    bool gated = strcmp(gate, "none") != 0;
    fprintf(style->stream, "  went back at step %s%s%s: %s\n", peek_str(aborted, "step", "?"), gated ? ", gate " : "",
            gated ? gate : "", peek_str(aborted, "text", "the old writer is named again"));
}

void table_operation(const struct table_style *style, const json_t *operation)
{
    static const struct cells_column columns[] = {
        { "STEP", 0 }, { "BEGAN", 0 }, { "TOOK", CELLS_RIGHT }, { "RETRIES", CELLS_RIGHT },
        { "LAST TROUBLE", 0 },
    };
    struct libscols_table *table = cells_table(style, columns, sizeof columns / sizeof columns[0]);
    char amount[CELL_MAX];
    struct text loss = TEXT_OF(amount);
    char time[CLOCK_DURATION_TEXT_MAX];
    const char *outcome = peek_str(operation, "outcome", "?");
    const json_t *aborted = json_object_get(operation, "aborted");
    int64_t number;
    size_t index;
    const json_t *item;
    const char *took = cells_duration(time, sizeof time, operation, "total_ms", 1000, NULL);
    fprintf(style->stream, "%s%s%s  %s %s  %s -> %s  %s%s%s%s%s\n", cells_paint(style, BOLD),
            peek_str(operation, "id", "?"), cells_paint(style, RESET), peek_str(operation, "service", "?"),
            peek_str(operation, "kind", "?"), peek_str(operation, "from", "?"),
            peek_str(operation, "to", "?"),
            cells_paint(style, strcmp(outcome, "done") == 0 ? GREEN : YELLOW), outcome,
            cells_paint(style, RESET), took != NULL ? " in " : "", took != NULL ? took : "");
    fprintf(style->stream, "  begun %s by %s%s%s\n", peek_str(operation, "begun", "?"),
            peek_yes(operation, "automatic") ? "failoverd itself" : peek_str(operation, "who", "a person"),
            peek_str(operation, "why", NULL) != NULL ? ": " : "", peek_str(operation, "why", ""));
    if (json_is_number(json_object_get(operation, "stopped_ms")))
        fprintf(style->stream, "  no client could write for %s\n",
                cells_duration(time, sizeof time, operation, "stopped_ms", 1000, "?"));
    if (status_text_loss(&loss, json_object_get(operation, "loss")))
        fprintf(style->stream, "  estimated loss: %s\n", amount);
    if (peek_str(operation, "proof_text", NULL) != NULL)
        fprintf(style->stream, "  %s\n", peek_str(operation, "proof_text", ""));
    if (json_is_object(aborted))
        print_abort(style, aborted);
    if (json_array_size(json_object_get(operation, "steps")) == 0 && peek_str(operation, "executor", NULL) != NULL)
        fprintf(style->stream, "  carried out by %s: failoverctl history there has its steps and their times\n",
                peek_str(operation, "executor", "?"));
    json_array_foreach(json_object_get(operation, "gates"), index, item)
        fprintf(style->stream, "  before: %s\n", peek_str(item, "text", "?"));
    json_array_foreach(json_object_get(operation, "steps"), index, item) {
        char retries[24] = "";
        struct libscols_line *line = cells_line(table);
        if (peek_int(item, "retries", &number) && number > 0)
            (void)snprintf(retries, sizeof retries, "%" PRId64, number);
        cells_set(line, 0, peek_str(item, "name", "?"));
        cells_set(line, 1, peek_str(item, "began", "?"));
        cells_set(line, 2, cells_duration(time, sizeof time, item, "took_ms", 1000, "-"));
        cells_set(line, 3, retries);
        cells_set(line, 4, peek_str(item, "detail", ""));
    }
    cells_print(style, table);
}

void table_history(const struct table_style *style, const json_t *history)
{
    size_t index;
    const json_t *operation;
    const json_t *operations = json_object_get(history, "operations");
    if (json_array_size(operations) == 0)
        fputs("no operation is known to this node\n", style->stream);
    json_array_foreach(operations, index, operation) {
        if (index > 0)
            fputs("\n", style->stream);
        table_operation(style, operation);
    }
    json_array_foreach(json_object_get(history, "lost_writes"), index, operation) {
        fputs(index == 0 ? "\nOld primaries that came back:\n" : "", style->stream);
        fprintf(style->stream, "  %s  %s: %s\n", peek_str(operation, "time", "?"), peek_str(operation, "service", "?"),
                peek_str(operation, "text", "?"));
    }
}

/* How an item stands, and in which colour. */
static const char *runbook_mark(const json_t *item, const char **color)
{
    const char *state = peek_str(item, "state", "?");
    const char *answer = peek_str(item, "answer", "");
    bool open = strcmp(state, "open") == 0;
    *color = strcmp(state, "done") == 0 ? "green" : !open ? NULL : strcmp(answer, "no") == 0 ? "red" : "yellow";
    return strcmp(state, "done") == 0      ? "[x]"
           : !open                         ? "[-]"
           : strcmp(answer, "no") == 0     ? "[!]"
           : strcmp(answer, "unknown") == 0 ? "[?]"
                                           : "[ ]";
}

static void runbook_evidence(struct text *text, const json_t *item)
{
    char age[CLOCK_DURATION_TEXT_MAX];
    double ms;
    text_append(text, peek_str(item, "evidence", ""));
    if (peek_real(item, "age_ms", &ms) && ms > 0)
        text_appendf(text, " (%s ago)", cells_duration(age, sizeof age, item, "age_ms", 1000, "?"));
}

void table_runbook(const struct table_style *style, const json_t *runbook)
{
    static const struct cells_column columns[] = {
        { "", 0 }, { "WHEN", 0 }, { "ITEM", 0 }, { "WHO CHECKS", 0 }, { "WHAT", CELLS_WRAP },
        { "WHAT IT RESTS ON", CELLS_WRAP },
    };
    struct libscols_table *table = cells_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *item;
    json_array_foreach(json_object_get(runbook, "list"), index, item) {
        char evidence[CELL_MAX];
        struct text text = TEXT_OF(evidence);
        const char *color;
        struct libscols_line *line = cells_line(table);
        cells_set(line, 0, runbook_mark(item, &color));
        cells_color(line, 0, color);
        cells_set(line, 1, peek_str(item, "when", "?"));
        cells_set(line, 2, peek_str(item, "id", "?"));
        cells_set(line, 3, peek_str(item, "by", "?"));
        cells_set(line, 4, peek_str(item, "text", "?"));
        runbook_evidence(&text, item);
        cells_set(line, 5, evidence);
    }
    cells_print(style, table);
    fprintf(style->stream, "%s. Nothing waits for an open item.\n", peek_str(runbook, "text", "a runbook"));
    if (peek_str(runbook, "differs", NULL) != NULL)
        fprintf(style->stream, "%s%s.%s\n", cells_paint(style, YELLOW), peek_str(runbook, "differs", ""),
                cells_paint(style, RESET));
}
