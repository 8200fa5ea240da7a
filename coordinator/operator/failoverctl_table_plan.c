/* A plan for people: what it would lose, what stands in its way, its steps. See failoverctl_table.h. */
#include "coordinator/operator/failoverctl_table.h"

#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/operator/failoverctl_cells.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status_text.h"

static void print_dry_loss(const struct table_style *style, const json_t *plan)
{
    char words[CELL_MAX];
    char age[CLOCK_DURATION_TEXT_MAX];
    struct text amount = TEXT_OF(words);
    const char *kind = peek_str(plan, "kind", "");
    bool planned = strcmp(kind, "switchover") == 0 || strcmp(kind, "failback") == 0;
    const json_t *lag = json_object_get(plan, planned ? "lag" : "loss");
    bool known = status_text_loss(&amount, lag);
    const char *to = peek_str(plan, "to", "?");
    if (planned)
        fprintf(style->stream, "It would lose nothing: once %s is fenced it waits until %s has all of it, or goes "
                               "back.\n", peek_str(plan, "from", "?"), to);
    if (planned && !known)
        fprintf(style->stream, "How far %s is behind is not known.\n", to);
    else if (planned)
        fprintf(style->stream, "%s lacks %s", to, words);
    else if (!known)
        fputs("What it would lose is not known.\n", style->stream);
    else
        fprintf(style->stream, "It would lose %s", words);
    if (known)
        fprintf(style->stream, ", by what was known %s ago.\n",
                cells_duration(age, sizeof age, lag, "age_seconds", 1e6, "?"));
}

/* "1.9s", or that there was none to go by. */
static void print_steps(const struct table_style *style, const json_t *plan)
{
    size_t index;
    const json_t *step;
    bool forward = false;
    char time[CLOCK_DURATION_TEXT_MAX];
    const char *no_way_back = peek_str(json_object_get(plan, "no_way_back"), "text", NULL);
    fputs("\nSteps, with the time each took before (* can't be undone):\n", style->stream);
    json_array_foreach(json_object_get(plan, "steps"), index, step) {
        char name[CELL_MAX];
        if (!forward && json_is_false(json_object_get(step, "way_back"))) {
            fputs("  ---- no way back from here on ----\n", style->stream);
            forward = true;
        }
        (void)snprintf(name, sizeof name, "%s%s", peek_str(step, "name", "?"),
                       peek_yes(step, "irreversible") ? "*" : "");
        fprintf(style->stream, "  %-10s %10s  %s\n", name,
                cells_duration(time, sizeof time, step, "took_ms", 1000, "no run yet"), peek_str(step, "text", ""));
    }
    if (no_way_back != NULL)
        fprintf(style->stream, "Going back: %s.\n", no_way_back);
}

static void print_estimate(const struct table_style *style, const json_t *plan)
{
    char open[CLOCK_DURATION_TEXT_MAX];
    char total[CLOCK_DURATION_TEXT_MAX];
    const json_t *estimate = json_object_get(plan, "estimate");
    const char *until = cells_duration(open, sizeof open, estimate, "until_open_ms", 1000, NULL);
    const char *whole = cells_duration(total, sizeof total, estimate, "total_ms", 1000, NULL);
    if (until != NULL)
        fprintf(style->stream, "By past runs of this node writes go on about %s after it begins", until);
    else
        fputs("When writes go on is not known: this node has run none like it", style->stream);
    if (whole != NULL)
        fprintf(style->stream, "; it is over after about %s", whole);
    fputs(".\n", style->stream);
    int64_t runs = 0;
    char seen[CLOCK_DURATION_TEXT_MAX];
    const char *by_ledger = cells_duration(seen, sizeof seen, estimate, "seen_total_ms", 1000, NULL);
    if (whole == NULL && by_ledger != NULL && peek_int(estimate, "seen_runs", &runs))
        fprintf(style->stream, "By the ledger, whoever carried it out, it was over after about %s (%lld seen from here).\n",
                by_ledger, (long long)runs);
}

static void print_failback(const struct table_style *style, const json_t *failback)
{
    const json_t *rejoin = json_object_get(failback, "rejoin");
    const json_t *ready = json_object_get(rejoin, "ready");
    if (!json_is_object(failback))
        return;
    fprintf(style->stream, "Part 1, rejoin: %s: %s.\n",
            json_is_true(ready)    ? "ready"
            : json_is_false(ready) ? "NOT READY"
                                   : "not known",
            peek_str(rejoin, "text", "nothing was told"));
    if (peek_str(rejoin, "command", NULL) != NULL)
        fprintf(style->stream, "  On %s: %s\n", peek_str(rejoin, "node", "the old primary's node"),
                peek_str(rejoin, "command", "?"));
    fprintf(style->stream, "Part 2, switchover to %s: %s.\n", peek_str(failback, "home", "?"),
            peek_yes(failback, "switchover_ready") ? "ready" : "NOT READY: see the gates");
    const json_t *traffic = json_object_get(failback, "traffic");
    const json_t *percent;
    size_t index;
    fputs("Part 3, traffic:", style->stream);
    json_array_foreach(json_object_get(traffic, "stages"), index, percent)
        fprintf(style->stream, "%s %lld %%", index > 0 ? "," : "", (long long)json_integer_value(percent));
    fprintf(style->stream, " at home: %s.\n", peek_str(traffic, "text", "nothing was told"));
}

void table_dry_run(const struct table_style *style, const json_t *plan)
{
    bool runs = peek_yes(plan, "would_run");
    fprintf(style->stream, "%s: %s -> %s%s: %s%s%s\n", peek_str(plan, "service", "?"),
            peek_str(plan, "from", "none"), peek_str(plan, "to", "?"), peek_yes(plan, "chosen") ? " (chosen)" : "",
            cells_paint(style, runs ? GREEN : RED), peek_str(plan, "text", "?"), cells_paint(style, RESET));
    if (json_is_object(json_object_get(plan, "proposal")))
        fprintf(style->stream, "%s.\n", peek_str(json_object_get(plan, "proposal"), "text", "?"));
    print_failback(style, json_object_get(plan, "failback"));
    print_dry_loss(style, plan);
    fputs("\n", style->stream);
    table_gates(style, json_object_get(plan, "gates"));
    if (peek_str(plan, "todo", NULL) != NULL)
        fprintf(style->stream, "%s\n", peek_str(plan, "todo", ""));
    print_steps(style, plan);
    print_estimate(style, plan);
    if (json_is_object(json_object_get(plan, "runbook"))) {
        fputs("\nRunbook, before it begins:\n", style->stream);
        table_runbook(style, json_object_get(plan, "runbook"));
    }
    if (peek_str(plan, "afterwards", NULL) != NULL)
        fprintf(style->stream, "Afterwards: %s\n", peek_str(plan, "afterwards", ""));
    if (peek_str(plan, "command", NULL) != NULL)
        fprintf(style->stream, "To do it: %s\n", peek_str(plan, "command", ""));
}
