/* The tables that more than one answer has, and the small ones: see failoverctl_table.h. */
#include "coordinator/operator/failoverctl_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/operator/failoverctl_cells.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status_text.h"

bool table_color_wanted(FILE *stream, bool off)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (off || (no_color != NULL && no_color[0] != '\0'))
        return false;
    return isatty(fileno(stream)) == 1 && term != NULL && strcmp(term, "dumb") != 0;
}

const char *table_ago(char out[TABLE_AGO_MAX], size_t size, const json_t *object, const char *key_ms)
{
    char age[CLOCK_DURATION_TEXT_MAX];
    const char *known = cells_duration(age, sizeof age, object, key_ms, 1000, NULL);
    if (known == NULL)
        return "at a time that is not known";
    (void)snprintf(out, size, "%s ago", known);
    return out;
}

void table_gates(const struct table_style *style, const json_t *gates)
{
    static const struct cells_column columns[] = {
        { "GATE", 0 }, { "STATE", 0 }, { "VALUE", 0 }, { "LIMIT", 0 }, { "AGE", 0 },
        { "OBSERVER", 0 }, { "WHAT IT SAYS", CELLS_WRAP },
    };
    struct libscols_table *table = cells_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *gate;
    json_array_foreach(gates, index, gate) {
        char age[CLOCK_DURATION_TEXT_MAX];
        int64_t ms;
        bool open = peek_yes(gate, "open");
        bool skipped = peek_yes(gate, "skipped");
        struct libscols_line *line = cells_line(table);
        cells_set(line, 0, peek_str(gate, "name", "?"));
        cells_set(line, 1, open ? "open" : skipped ? "skipped" : "SHUT");
        cells_color(line, 1, open ? "green" : skipped ? "yellow" : "red");
        cells_set(line, 2, peek_str(gate, "value_text", "?"));
        cells_set(line, 3, peek_str(gate, "limit_text", "?"));
        cells_set(line, 4, peek_int(gate, "age_ms", &ms) && ms == 0
                              ? "now" : cells_duration(age, sizeof age, gate, "age_ms", 1000, "-"));
        cells_set(line, 5, peek_str(gate, "observer", "-"));
        cells_set(line, 6, peek_str(gate, "text", "?"));
    }
    cells_print(style, table);
}

void table_votes(const struct table_style *style, const json_t *votes)
{
    static const struct cells_column columns[] = {
        { "VOTER", 0 }, { "REGION", 0 }, { "SAYS", 0 }, { "SINCE", 0 }, { "HEARD", 0 },
        { "COUNTS", 0 }, { "WHY", CELLS_WRAP },
    };
    struct libscols_table *table = cells_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *vote;
    json_array_foreach(votes, index, vote) {
        char since[CLOCK_DURATION_TEXT_MAX];
        char age[CLOCK_DURATION_TEXT_MAX];
        const char *word = peek_str(vote, "verdict", "nothing");
        struct libscols_line *line = cells_line(table);
        cells_set(line, 0, peek_str(vote, "voter", "?"));
        cells_set(line, 1, peek_str(vote, "region", "?"));
        cells_set(line, 2, word);
        cells_color(line, 2, strcmp(word, "healthy") == 0 ? "green" : strcmp(word, "failed") == 0 ? "red" : "yellow");
        cells_set(line, 3, cells_duration(since, sizeof since, vote, "standing_ms", 1000, "-"));
        cells_set(line, 4, cells_duration(age, sizeof age, vote, "age_ms", 1000, "never"));
        cells_set(line, 5, peek_yes(vote, "counts") ? "yes" : "no");
        cells_set(line, 6, peek_str(vote, "text", "?"));
    }
    cells_print(style, table);
}

void table_phases(const struct table_style *style, const json_t *phases)
{
    static const struct cells_column columns[] = { { "PHASE", 0 }, { "TOOK", CELLS_RIGHT } };
    struct libscols_table *table = cells_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *phase;
    json_array_foreach(phases, index, phase) {
        char took[32] = "-";
        double ms;
        struct libscols_line *line = cells_line(table);
        if (peek_real(phase, "ms", &ms) && ms >= 0 && ms < 1e9)
            (void)snprintf(took, sizeof took, "%.2f ms", ms);
        cells_set(line, 0, peek_str(phase, "text", "?"));
        cells_set(line, 1, took);
    }
    cells_print(style, table);
}

void table_voters(const struct table_style *style, const json_t *voters)
{
    static const struct cells_column columns[] = {
        { "NODE", 0 }, { "REGION", 0 }, { "VOTES", 0 }, { "WHY NOT", CELLS_WRAP },
    };
    struct libscols_table *table = cells_table(style, columns, sizeof columns / sizeof columns[0]);
    const json_t *change = json_object_get(voters, "change");
    int64_t version = 0, needed = 0;
    size_t index;
    const json_t *voter;
    (void)peek_int(voters, "version", &version);
    (void)peek_int(voters, "needed", &needed);
    json_array_foreach(json_object_get(voters, "voters"), index, voter) {
        struct libscols_line *line = cells_line(table);
        bool votes = peek_yes(voter, "voting");
        cells_set(line, 0, peek_str(voter, "node", "?"));
        cells_set(line, 1, peek_str(voter, "region", "?"));
        cells_set(line, 2, votes ? "yes" : "no");
        cells_color(line, 2, votes ? "green" : "red");
        cells_set(line, 3, peek_str(voter, "why", ""));
    }
    fprintf(style->stream, "version %" PRId64 " of the voters; %" PRId64 " of them are a majority%s\n", version, needed,
            peek_yes(voters, "quorum") ? "" : ", and fewer vote now");
    cells_print(style, table);
    json_array_foreach(json_object_get(voters, "voters"), index, voter)
        if (peek_str(voter, "todo", "")[0] != '\0')
            fprintf(style->stream, "%s: %s\n", peek_str(voter, "node", "?"), peek_str(voter, "todo", ""));
    if (json_is_object(change))
        fprintf(style->stream, "under way: %s %s; both sets count until it is over. Waiting: %s\n",
                peek_str(change, "kind", "?"), peek_str(change, "node", "?"), peek_str(change, "waits_for", "?"));
}

void table_words(const struct table_style *style, const json_t *answer)
{
    fprintf(style->stream, "%s\n", peek_str(answer, "text", "done"));
}
