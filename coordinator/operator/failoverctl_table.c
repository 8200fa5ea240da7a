/* How failoverctl shows things to people: see failoverctl_table.h. */
#include "coordinator/operator/failoverctl_table.h"

#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/operator/failoverctl_runbook.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status_text.h"

#define CELL_MAX 512
#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define RESET "\033[0m"

bool table_color_wanted(FILE *stream, bool off)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (off || (no_color != NULL && no_color[0] != '\0'))
        return false;
    return isatty(fileno(stream)) == 1 && term != NULL && strcmp(term, "dumb") != 0;
}

/* ---- cells --------------------------------------------------------------------------------- */

struct column {
    const char *title;
    int flags;
};

static struct libscols_table *new_table(const struct table_style *style, const struct column *columns,
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
        if (scols_table_new_column(table, columns[i].title, 0.1, columns[i].flags | narrow) == NULL) {
            scols_unref_table(table);
            return NULL;
        }
    return table;
}

/* Also NULL tables and lines, so that running out of memory costs the table and no more. */
static void set_cell(struct libscols_line *line, size_t column, const char *text)
{
    if (line != NULL)
        (void)scols_line_set_data(line, column, text);
}

static void set_color(struct libscols_line *line, size_t column, const char *color)
{
    if (line != NULL && color != NULL)
        (void)scols_cell_set_color(scols_line_get_cell(line, column), color);
}

static struct libscols_line *new_line(struct libscols_table *table)
{
    return table != NULL ? scols_table_new_line(table, NULL) : NULL;
}

static void print_table(const struct table_style *style, struct libscols_table *table)
{
    if (table == NULL)
        return;
    fflush(style->stream);
    if (scols_table_get_nlines(table) > 0) {
        (void)scols_print_table(table);
    }
    scols_unref_table(table);
}

static const char *paint(const struct table_style *style, const char *color)
{
    return style->color ? color : "";
}

static const char *state_color(const char *state)
{
    if (strcmp(state, "ok") == 0)
        return GREEN;
    return strcmp(state, "failing") == 0 || strcmp(state, "no_writer") == 0 ||
                   strcmp(state, "no_quorum") == 0 || strcmp(state, "glass_broken") == 0
               ? RED
               : YELLOW;
}

static const char *duration_of(char *out, size_t size, const json_t *object, const char *key,
                               double us_per_unit, const char *otherwise)
{
    double value;
    if (!peek_real(object, key, &value) || value < 0 || value * us_per_unit > 1e17)
        return otherwise;
    return base_format_duration(out, size, (int64_t)(value * us_per_unit));
}

const char *table_ago(char out[TABLE_AGO_MAX], size_t size, const json_t *object, const char *key_ms)
{
    char age[CLOCK_DURATION_TEXT_MAX];
    const char *known = duration_of(age, sizeof age, object, key_ms, 1000, NULL);
    if (known == NULL)
        return "at a time that is not known";
    (void)snprintf(out, size, "%s ago", known);
    return out;
}

/* ---- status -------------------------------------------------------------------------------- */

/* A witness serves nothing, so there is nothing of it to be judged. */
static bool is_witness(const json_t *region)
{
    return strcmp(peek_str(region, "role", ""), "witness") == 0;
}

static void verdict_cell(struct text *text, const json_t *region, const char **color)
{
    const json_t *verdicts = json_object_get(region, "verdicts");
    size_t index;
    size_t healthy = 0;
    bool failed = false;
    const json_t *verdict;
    json_array_foreach(verdicts, index, verdict) {
        const char *word = peek_str(verdict, "verdict", "unheard");
        healthy += strcmp(word, "healthy") == 0;
        failed = failed || strcmp(word, "failed") == 0;
    }
    size_t count = json_array_size(verdicts);
    if (is_witness(region)) {
        *color = NULL;
        text_append(text, "-");
        return;
    }
    *color = healthy == count ? "green" : failed ? "red" : "yellow";
    if (healthy == count && count > 0) {
        text_appendf(text, "healthy (all %zu)", count);
        return;
    }
    json_array_foreach(verdicts, index, verdict)
        text_appendf(text, "%s%s:%s", index > 0 ? " " : "", peek_str(verdict, "observer", "?"),
                     peek_str(verdict, "verdict", "unheard"));
}

static void database_cell(struct text *text, const json_t *region)
{
    const json_t *database = json_object_get(region, "database");
    char age[CLOCK_DURATION_TEXT_MAX];
    if (!json_is_object(database)) {
        text_append(text, is_witness(region) ? "-" : "not seen");
        return;
    }
    text_appendf(text, "%s %s", peek_str(database, "role", "?"), peek_str(database, "lsn", "?"));
    int64_t timeline;
    if (peek_int(database, "timeline", &timeline))
        text_appendf(text, " tl %" PRId64, timeline);
    if (json_is_false(json_object_get(database, "streaming")))
        text_append(text, peek_yes(database, "frozen") ? ", frozen" : ", NOT STREAMING");
    if (json_is_false(json_object_get(database, "writes")))
        text_append(text, ", NO WRITES");
    text_appendf(text, ", %s ago", duration_of(age, sizeof age, database, "age_ms", 1000, "?"));
}

static void lag_cell(struct text *text, const json_t *region)
{
    const json_t *lag = json_object_get(region, "lag");
    char bytes[NAME_BYTES_MAX];
    char time[CLOCK_DURATION_TEXT_MAX];
    int64_t value;
    if (!json_is_object(lag))
        text_append(text, "-");
    else if (!peek_int(lag, "bytes", &value))
        text_append(text, "not known");
    else
        text_appendf(text, "%s, %s", format_bytes(bytes, sizeof bytes, value),
                     duration_of(time, sizeof time, lag, "seconds", 1e6, "?"));
}

static void guard_cell(struct text *text, const json_t *region)
{
    const json_t *guard = json_object_get(region, "guard");
    char left[CLOCK_DURATION_TEXT_MAX];
    if (!json_is_object(guard)) {
        text_append(text, is_witness(region) ? "-" : "not heard");
        return;
    }
    text_appendf(text, "%s: %s%s", peek_str(guard, "node", "?"), peek_str(guard, "fence", "?"),
                 peek_yes(guard, "kernel") ? " (kernel)" : "");
    if (!peek_yes(guard, "ready"))
        text_append(text, ", NOT READY");
    const char *lease = duration_of(left, sizeof left, guard, "lease_left_ms", 1000, NULL);
    if (lease != NULL)
        text_appendf(text, ", lease %s", lease);
}

static void regions_table(const struct table_style *style, const json_t *regions)
{
    static const struct column columns[] = { { "REGION", 0 },   { "ROLE", 0 }, { "VERDICTS", 0 },
                                             { "DATABASE", 0 }, { "LAG", 0 },  { "GUARD", 0 } };
    struct libscols_table *table = new_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *region;
    json_array_foreach(regions, index, region) {
        char cell[CELL_MAX];
        struct text text = TEXT_OF(cell);
        const char *color = NULL;
        struct libscols_line *line = new_line(table);
        set_cell(line, 0, peek_str(region, "name", "?"));
        set_cell(line, 1, peek_str(region, "role", "?"));
        verdict_cell(&text, region, &color);
        set_cell(line, 2, cell);
        set_color(line, 2, color);
        text_clear(&text);
        database_cell(&text, region);
        set_cell(line, 3, cell);
        text_clear(&text);
        lag_cell(&text, region);
        set_cell(line, 4, cell);
        text_clear(&text);
        guard_cell(&text, region);
        set_cell(line, 5, cell);
    }
    print_table(style, table);
}

/* Why each observer says something other than healthy. */
static void print_reasons(const struct table_style *style, const json_t *regions)
{
    size_t index;
    size_t inner;
    const json_t *region;
    const json_t *verdict;
    json_array_foreach(regions, index, region)
        json_array_foreach(json_object_get(region, "verdicts"), inner, verdict) {
            const char *word = peek_str(verdict, "verdict", NULL);
            char age[CLOCK_DURATION_TEXT_MAX];
            if (word == NULL || strcmp(word, "healthy") == 0 || is_witness(region))
                continue;
            fprintf(style->stream, "  %s says that %s is %s: %s (%s ago)\n",
                    peek_str(verdict, "observer", "?"), peek_str(region, "name", "?"), word,
                    peek_str(verdict, "text", "?"),
                    duration_of(age, sizeof age, verdict, "age_ms", 1000, "?"));
        }
}

void table_gates(const struct table_style *style, const json_t *gates)
{
    static const struct column columns[] = { { "GATE", 0 },  { "STATE", 0 },    { "VALUE", 0 },
                                             { "LIMIT", 0 }, { "AGE", 0 },      { "OBSERVER", 0 },
                                             { "WHAT IT SAYS", SCOLS_FL_WRAP } };
    struct libscols_table *table = new_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *gate;
    json_array_foreach(gates, index, gate) {
        char age[CLOCK_DURATION_TEXT_MAX];
        int64_t ms;
        bool open = peek_yes(gate, "open");
        bool skipped = peek_yes(gate, "skipped");
        struct libscols_line *line = new_line(table);
        set_cell(line, 0, peek_str(gate, "name", "?"));
        set_cell(line, 1, open ? "open" : skipped ? "skipped" : "SHUT");
        set_color(line, 1, open ? "green" : skipped ? "yellow" : "red");
        set_cell(line, 2, peek_str(gate, "value_text", "?"));
        set_cell(line, 3, peek_str(gate, "limit_text", "?"));
        set_cell(line, 4, peek_int(gate, "age_ms", &ms) && ms == 0
                              ? "now" : duration_of(age, sizeof age, gate, "age_ms", 1000, "-"));
        set_cell(line, 5, peek_str(gate, "observer", "-"));
        set_cell(line, 6, peek_str(gate, "text", "?"));
    }
    print_table(style, table);
}

void table_votes(const struct table_style *style, const json_t *votes)
{
    static const struct column columns[] = { { "VOTER", 0 }, { "REGION", 0 }, { "SAYS", 0 },           { "SINCE", 0 },
                                             { "HEARD", 0 }, { "COUNTS", 0 }, { "WHY", SCOLS_FL_WRAP } };
    struct libscols_table *table = new_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *vote;
    json_array_foreach(votes, index, vote) {
        char since[CLOCK_DURATION_TEXT_MAX];
        char age[CLOCK_DURATION_TEXT_MAX];
        const char *word = peek_str(vote, "verdict", "nothing");
        struct libscols_line *line = new_line(table);
        set_cell(line, 0, peek_str(vote, "voter", "?"));
        set_cell(line, 1, peek_str(vote, "region", "?"));
        set_cell(line, 2, word);
        set_color(line, 2, strcmp(word, "healthy") == 0 ? "green" : strcmp(word, "failed") == 0 ? "red" : "yellow");
        set_cell(line, 3, duration_of(since, sizeof since, vote, "standing_ms", 1000, "-"));
        set_cell(line, 4, duration_of(age, sizeof age, vote, "age_ms", 1000, "never"));
        set_cell(line, 5, peek_yes(vote, "counts") ? "yes" : "no");
        set_cell(line, 6, peek_str(vote, "text", "?"));
    }
    print_table(style, table);
}

static void print_gates(const struct table_style *style, const json_t *service)
{
    size_t index;
    const json_t *region;
    json_array_foreach(json_object_get(service, "regions"), index, region) {
        const json_t *gates = json_object_get(region, "gates");
        if (json_array_size(gates) == 0)
            continue;
        fprintf(style->stream, "\n  Gates of a failover to %s now:\n", peek_str(region, "name", "?"));
        table_gates(style, gates);
    }
}

static void print_dns(const struct table_style *style, const json_t *service)
{
    const json_t *dns = json_object_get(service, "dns");
    int64_t epoch;
    if (!json_is_object(dns))
        return;
    fputs("  DNS: ", style->stream);
    if (peek_int(dns, "epoch_insync", &epoch) && epoch > 0)
        fprintf(style->stream, "in force for epoch %" PRId64 "%s", epoch,
                json_is_false(json_object_get(dns, "current")) ? ", which is not the ledger's" : "");
    else
        fputs("not changed by failoverd yet", style->stream);
    if (peek_str(dns, "act", NULL) != NULL)
        fprintf(style->stream, "; last act %s %s%s%s", peek_str(dns, "act", "?"),
                peek_str(dns, "act_outcome", "?"),
                peek_str(dns, "detail", "")[0] != '\0' ? ": " : "", peek_str(dns, "detail", ""));
    fputs("\n", style->stream);
}

static void print_checks(const struct table_style *style, const json_t *checks)
{
    static const struct column columns[] = { { "CHECK", 0 }, { "REGION", 0 }, { "TYPE", 0 },
                                             { "VERDICT", 0 }, { "LAST", 0 }, { "AGE", 0 },
                                             { "DETAIL", 0 } };
    struct libscols_table *table = new_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *check;
    json_array_foreach(checks, index, check) {
        char age[CLOCK_DURATION_TEXT_MAX];
        struct libscols_line *line = new_line(table);
        set_cell(line, 0, peek_str(check, "name", "?"));
        set_cell(line, 1, peek_str(check, "region", "?"));
        set_cell(line, 2, peek_str(check, "type", "?"));
        set_cell(line, 3, peek_str(check, "verdict", "?"));
        set_cell(line, 4, peek_str(check, "last", "-"));
        set_cell(line, 5, duration_of(age, sizeof age, check, "last_age_ms", 1000, "-"));
        set_cell(line, 6, peek_str(check, "detail", ""));
    }
    fputs("\n  This node's checks:\n", style->stream);
    print_table(style, table);
}

/* One line where something waits for somebody: the list is operation show's. */
static void print_runbook(const struct table_style *style, const json_t *service)
{
    char line[1024];
    struct text text = TEXT_OF(line);
    if (runbook_open(json_object_get(service, "runbook"), &text))
        fprintf(style->stream, "  %s%s%s\n", paint(style, YELLOW), line, paint(style, RESET));
}

static void print_service(const struct table_style *style, const json_t *service)
{
    const char *state = peek_str(service, "state", "?");
    const json_t *lease = json_object_get(service, "lease");
    const json_t *operation = json_object_get(service, "operation");
    char left[CLOCK_DURATION_TEXT_MAX];
    int64_t epoch;
    fprintf(style->stream, "%s%s%s  %s%s%s  writer %s", paint(style, BOLD),
            peek_str(service, "name", "?"), paint(style, RESET), paint(style, state_color(state)),
            state, paint(style, RESET), peek_str(service, "writer", "none"));
    if (peek_int(service, "epoch", &epoch))
        fprintf(style->stream, "  epoch %" PRId64, epoch);
    if (json_is_object(lease))
        fprintf(style->stream, "  lease %s left with %s, fence %s",
                duration_of(left, sizeof left, lease, "left_ms", 1000, "not known"),
                peek_str(lease, "held_by", "nobody"), peek_str(lease, "fence", "?"));
    fprintf(style->stream, "\n  %s\n  %s\n", peek_str(service, "headline", "?"),
            peek_str(service, "outlook", "?"));
    const json_t *proposal = json_object_get(service, "proposal");
    if (json_is_object(proposal) && strcmp(state, "failing") != 0) /* else the outlook says it */
        fprintf(style->stream, "  %s.\n", peek_str(proposal, "text", "?"));
    const json_t *loss = json_object_get(service, "quorum_loss");
    if (json_is_false(json_object_get(loss, "lost"))) /* else the outlook says it */
        fprintf(style->stream, "  %s\n", peek_str(loss, "text", "?"));
    const json_t *fence = json_object_get(service, "fence");
    if (style->verbose && json_is_string(json_object_get(fence, "text")))
        fprintf(style->stream, "  The fence is %s.\n", peek_str(fence, "text", "?"));
    if (json_is_object(operation)) {
        char line[1024];
        struct text text = TEXT_OF(line);
        status_text_operation(&text, operation);
        fprintf(style->stream, "  %s%s%s\n", paint(style, BOLD), line, paint(style, RESET));
    }
    print_runbook(style, service);
    fputs("\n", style->stream);
    regions_table(style, json_object_get(service, "regions"));
    print_reasons(style, json_object_get(service, "regions"));
    print_dns(style, service);
    if (style->verbose || (strcmp(state, "ok") != 0 && !json_is_object(operation)))
        print_gates(style, service);
    if (style->verbose)
        print_checks(style, json_object_get(service, "checks"));
}

static void print_peers(const struct table_style *style, const json_t *peers)
{
    static const struct column columns[] = { { "PEER", 0 },  { "REGION", 0 }, { "VOTES", 0 },
                                             { "HEARD", 0 }, { "OUT", 0 },    { "IN", 0 },
                                             { "ERROR", 0 } };
    struct libscols_table *table = new_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *peer;
    json_array_foreach(peers, index, peer) {
        char heard[CLOCK_DURATION_TEXT_MAX];
        const json_t *voting = json_object_get(peer, "voting");
        struct libscols_line *line = new_line(table);
        set_cell(line, 0, peek_str(peer, "node", "?"));
        set_cell(line, 1, peek_str(peer, "region", "?"));
        set_cell(line, 2, json_is_true(voting) ? "yes" : json_is_false(voting) ? "no" : "?");
        set_cell(line, 3, duration_of(heard, sizeof heard, peer, "heard_ms", 1000, "never"));
        set_cell(line, 4, peek_str(peer, "out", "-"));
        set_cell(line, 5, peek_str(peer, "in", "-"));
        set_cell(line, 6, peek_str(peer, "error", ""));
    }
    fputs("\n", style->stream);
    print_table(style, table);
}

/* What waits for somebody to take care of it. */
static void print_calls(const struct table_style *style, const json_t *notify)
{
    size_t index;
    const json_t *incident;
    json_array_foreach(json_object_get(notify, "incidents"), index, incident)
        if (peek_yes(incident, "needs_person") && peek_str(incident, "acknowledged_by", NULL) == NULL)
            fprintf(style->stream, "%sneeds a person%s %s. Nobody has said that they take care: failoverctl ack %s\n", paint(style, RED),
                    paint(style, RESET), peek_str(incident, "text", "?"), peek_str(incident, "id", "?"));
}

void table_status(const struct table_style *style, const json_t *status)
{
    size_t index;
    const json_t *service;
    const json_t *warning;
    const json_t *mute = json_object_get(status, "mute");
    json_array_foreach(json_object_get(status, "services"), index, service) {
        if (index > 0)
            fputs("\n", style->stream);
        print_service(style, service);
    }
    const json_t *warnings = json_object_get(status, "warnings");
    if (json_array_size(warnings) > 0)
        fputs("\n", style->stream);
    json_array_foreach(warnings, index, warning)
        fprintf(style->stream, "%swarning%s %s%s%s\n", paint(style, YELLOW), paint(style, RESET),
                peek_str(warning, "service", ""),
                peek_str(warning, "service", NULL) != NULL ? ": " : "",
                peek_str(warning, "text", "?"));
    char words[2048];
    struct text voters = TEXT_OF(words);
    text_append(&voters, "");
    status_text_voters(&voters, json_object_get(status, "voters"));
    fprintf(style->stream, "%s%s", voters.length > 0 ? "\n" : "", words);
    print_calls(style, json_object_get(status, "notify"));
    fprintf(style->stream, "\nseen by %s in %s (cluster %s, failoverd %s)%s%s\n",
            peek_str(status, "node", "?"), peek_str(status, "region", "?"),
            peek_str(status, "cluster", "?"), peek_str(status, "version", "?"),
            json_is_object(mute) ? ", which does not vote: " : "",
            json_is_object(mute) ? peek_str(mute, "text", "?") : "");
    if (style->verbose)
        print_peers(style, json_object_get(status, "peers"));
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
        text_appendf(text, " (%s ago)", duration_of(age, sizeof age, item, "age_ms", 1000, "?"));
}

void table_runbook(const struct table_style *style, const json_t *runbook)
{
    static const struct column columns[] = { { "", 0 },          { "WHEN", 0 },    { "ITEM", 0 },
                                             { "WHO CHECKS", 0 }, { "WHAT", SCOLS_FL_WRAP }, { "WHAT IT RESTS ON", SCOLS_FL_WRAP } };
    struct libscols_table *table = new_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *item;
    json_array_foreach(json_object_get(runbook, "list"), index, item) {
        char evidence[CELL_MAX];
        struct text text = TEXT_OF(evidence);
        const char *color;
        struct libscols_line *line = new_line(table);
        set_cell(line, 0, runbook_mark(item, &color));
        set_color(line, 0, color);
        set_cell(line, 1, peek_str(item, "when", "?"));
        set_cell(line, 2, peek_str(item, "id", "?"));
        set_cell(line, 3, peek_str(item, "by", "?"));
        set_cell(line, 4, peek_str(item, "text", "?"));
        runbook_evidence(&text, item);
        set_cell(line, 5, evidence);
    }
    print_table(style, table);
    fprintf(style->stream, "%s. Nothing waits for an open item.\n", peek_str(runbook, "text", "a runbook"));
    if (peek_str(runbook, "differs", NULL) != NULL)
        fprintf(style->stream, "%s%s.%s\n", paint(style, YELLOW), peek_str(runbook, "differs", ""), paint(style, RESET));
}

static void print_dry_loss(const struct table_style *style, const json_t *plan)
{
    char bytes[NAME_BYTES_MAX];
    char time[CLOCK_DURATION_TEXT_MAX];
    char age[CLOCK_DURATION_TEXT_MAX];
    int64_t number;
    const char *kind = peek_str(plan, "kind", "");
    bool planned = strcmp(kind, "switchover") == 0 || strcmp(kind, "failback") == 0;
    const json_t *lag = json_object_get(plan, planned ? "lag" : "loss");
    const char *to = peek_str(plan, "to", "?");
    if (planned)
        fprintf(style->stream, "It would lose nothing: once %s is fenced it waits until %s has all of it, or goes "
                               "back.\n", peek_str(plan, "from", "?"), to);
    if (!peek_int(lag, "bytes", &number)) {
        if (planned)
            fprintf(style->stream, "How far %s is behind is not known.\n", to);
        else
            fputs("What it would lose is not known.\n", style->stream);
        return;
    }
    if (planned)
        fprintf(style->stream, "%s is behind by", to);
    else
        fputs("It would lose", style->stream);
    fprintf(style->stream, " %s (%s), by what was known %s ago.\n", format_bytes(bytes, sizeof bytes, number),
            duration_of(time, sizeof time, lag, "seconds", 1e6, "?"),
            duration_of(age, sizeof age, lag, "age_seconds", 1e6, "?"));
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
                duration_of(time, sizeof time, step, "took_ms", 1000, "no run yet"), peek_str(step, "text", ""));
    }
    if (no_way_back != NULL)
        fprintf(style->stream, "Going back: %s.\n", no_way_back);
}

static void print_estimate(const struct table_style *style, const json_t *plan)
{
    char open[CLOCK_DURATION_TEXT_MAX];
    char total[CLOCK_DURATION_TEXT_MAX];
    const json_t *estimate = json_object_get(plan, "estimate");
    const char *until = duration_of(open, sizeof open, estimate, "until_open_ms", 1000, NULL);
    const char *whole = duration_of(total, sizeof total, estimate, "total_ms", 1000, NULL);
    if (until != NULL)
        fprintf(style->stream, "By past runs of this node writes go on about %s after it begins", until);
    else
        fputs("When writes go on is not known: this node has run none like it", style->stream);
    if (whole != NULL)
        fprintf(style->stream, "; it is over after about %s", whole);
    fputs(".\n", style->stream);
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
            paint(style, runs ? GREEN : RED), peek_str(plan, "text", "?"), paint(style, RESET));
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

/* ---- history ------------------------------------------------------------------------------- */

void table_operation(const struct table_style *style, const json_t *operation)
{
    static const struct column columns[] = { { "STEP", 0 }, { "BEGAN", 0 },
                                             { "TOOK", SCOLS_FL_RIGHT }, { "RETRIES", SCOLS_FL_RIGHT },
                                             { "LAST TROUBLE", 0 } };
    struct libscols_table *table = new_table(style, columns, sizeof columns / sizeof columns[0]);
    char bytes[NAME_BYTES_MAX];
    char time[CLOCK_DURATION_TEXT_MAX];
    const char *outcome = peek_str(operation, "outcome", "?");
    const json_t *loss = json_object_get(operation, "loss");
    const json_t *aborted = json_object_get(operation, "aborted");
    int64_t lost;
    size_t index;
    const json_t *item;
    fprintf(style->stream, "%s%s%s  %s %s  %s -> %s  %s%s%s in %s\n", paint(style, BOLD),
            peek_str(operation, "id", "?"), paint(style, RESET), peek_str(operation, "service", "?"),
            peek_str(operation, "kind", "?"), peek_str(operation, "from", "?"),
            peek_str(operation, "to", "?"),
            paint(style, strcmp(outcome, "done") == 0 ? GREEN : YELLOW), outcome,
            paint(style, RESET), duration_of(time, sizeof time, operation, "total_ms", 1000, "?"));
    fprintf(style->stream, "  begun %s by %s%s%s\n", peek_str(operation, "begun", "?"),
            peek_yes(operation, "automatic") ? "failoverd itself" : peek_str(operation, "who", "a person"),
            peek_str(operation, "why", NULL) != NULL ? ": " : "", peek_str(operation, "why", ""));
    if (json_is_number(json_object_get(operation, "stopped_ms")))
        fprintf(style->stream, "  no client could write for %s\n",
                duration_of(time, sizeof time, operation, "stopped_ms", 1000, "?"));
    if (peek_int(loss, "bytes", &lost))
        fprintf(style->stream, "  estimated loss %s, %s\n", format_bytes(bytes, sizeof bytes, lost),
                duration_of(time, sizeof time, loss, "seconds", 1e6, "?"));
    if (peek_str(operation, "proof_text", NULL) != NULL)
        fprintf(style->stream, "  %s\n", peek_str(operation, "proof_text", ""));
    if (json_is_object(aborted))
        fprintf(style->stream, "  went back at step %s, gate %s: %s\n", peek_str(aborted, "step", "?"),
                peek_str(aborted, "gate", "none"), peek_str(aborted, "text", "the old writer is named again"));
    json_array_foreach(json_object_get(operation, "gates"), index, item)
        fprintf(style->stream, "  before: %s\n", peek_str(item, "text", "?"));
    json_array_foreach(json_object_get(operation, "steps"), index, item) {
        char retries[24] = "";
        struct libscols_line *line = new_line(table);
        if (peek_int(item, "retries", &lost) && lost > 0)
            (void)snprintf(retries, sizeof retries, "%" PRId64, lost);
        set_cell(line, 0, peek_str(item, "name", "?"));
        set_cell(line, 1, peek_str(item, "began", "?"));
        set_cell(line, 2, duration_of(time, sizeof time, item, "took_ms", 1000, "-"));
        set_cell(line, 3, retries);
        set_cell(line, 4, peek_str(item, "detail", ""));
    }
    print_table(style, table);
}

/* ---- voters -------------------------------------------------------------------------------- */

void table_voters(const struct table_style *style, const json_t *voters)
{
    static const struct column columns[] = { { "NODE", 0 }, { "REGION", 0 }, { "VOTES", 0 }, { "WHY NOT", 0 } };
    struct libscols_table *table = new_table(style, columns, sizeof columns / sizeof columns[0]);
    const json_t *change = json_object_get(voters, "change");
    int64_t version = 0, needed = 0;
    size_t index;
    const json_t *voter;
    (void)peek_int(voters, "version", &version);
    (void)peek_int(voters, "needed", &needed);
    json_array_foreach(json_object_get(voters, "voters"), index, voter) {
        struct libscols_line *line = new_line(table);
        bool votes = peek_yes(voter, "voting");
        set_cell(line, 0, peek_str(voter, "node", "?"));
        set_cell(line, 1, peek_str(voter, "region", "?"));
        set_cell(line, 2, votes ? "yes" : "no");
        set_color(line, 2, votes ? "green" : "red");
        set_cell(line, 3, peek_str(voter, "why", ""));
    }
    fprintf(style->stream, "version %" PRId64 " of the voters; %" PRId64 " of them are a majority%s\n", version, needed,
            peek_yes(voters, "quorum") ? "" : ", and so many do not vote now");
    print_table(style, table);
    json_array_foreach(json_object_get(voters, "voters"), index, voter)
        if (peek_str(voter, "todo", "")[0] != '\0')
            fprintf(style->stream, "%s: %s\n", peek_str(voter, "node", "?"), peek_str(voter, "todo", ""));
    if (json_is_object(change))
        fprintf(style->stream, "under way: %s %s; both sets count until it is over. Waiting: %s\n",
                peek_str(change, "kind", "?"), peek_str(change, "node", "?"), peek_str(change, "waits_for", "?"));
}

/* ---- history ------------------------------------------------------------------------------- */

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

/* ---- probe --------------------------------------------------------------------------------- */

void table_phases(const struct table_style *style, const json_t *phases)
{
    static const struct column columns[] = { { "PHASE", 0 }, { "TOOK", SCOLS_FL_RIGHT } };
    struct libscols_table *table = new_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *phase;
    json_array_foreach(phases, index, phase) {
        char took[32] = "-";
        double ms;
        struct libscols_line *line = new_line(table);
        if (peek_real(phase, "ms", &ms) && ms >= 0 && ms < 1e9)
            (void)snprintf(took, sizeof took, "%.2f ms", ms);
        set_cell(line, 0, peek_str(phase, "text", "?"));
        set_cell(line, 1, took);
    }
    print_table(style, table);
}

/* ---- audit --------------------------------------------------------------------------------- */

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
    static const struct column columns[] = { { "NUMBER", SCOLS_FL_RIGHT }, { "TIME", 0 }, { "EVENT", 0 }, { "WHO", 0 },
                                             { "SERVICE", 0 }, { "COMMAND", 0 }, { "OUTCOME", 0 }, { "REASON", 0 } };
    struct libscols_table *table = new_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *entry;
    json_array_foreach(json_object_get(audit, "lines"), index, entry) {
        char number[24] = "?";
        char who[CELL_MAX] = "";
        char asked[CELL_MAX];
        struct text name = TEXT_OF(who);
        struct text command = TEXT_OF(asked);
        struct libscols_line *line = new_line(table);
        int64_t value;
        if (peek_int(entry, "seq", &value))
            (void)snprintf(number, sizeof number, "%" PRId64, value);
        if (peek_int(entry, "uid", &value))
            text_appendf(&name, "%s (%" PRId64 ") on %s", peek_str(entry, "user", "?"), value,
                         peek_str(entry, "from", "?"));
        audit_cell(&command, entry);
        set_cell(line, 0, number);
        set_cell(line, 1, peek_str(entry, "time", "?"));
        set_cell(line, 2, peek_str(entry, "event", "?"));
        set_cell(line, 3, who);
        set_cell(line, 4, peek_str(entry, "service", ""));
        set_cell(line, 5, asked);
        set_cell(line, 6, peek_str(entry, "outcome", ""));
        set_cell(line, 7, peek_str(entry, "reason", ""));
    }
    if (json_array_size(json_object_get(audit, "lines")) == 0)
        fprintf(style->stream, "%s has no line\n", peek_str(audit, "file", "the audit trail"));
    print_table(style, table);
    if (!peek_yes(audit, "whole"))
        fprintf(style->stream, "%sThe chain is broken: failoverctl audit verify says where.%s\n", paint(style, RED),
                paint(style, RESET));
}

/* ---- telling people -------------------------------------------------------------------------- */

static void incident_row(struct libscols_table *table, const json_t *incident)
{
    struct libscols_line *line = new_line(table);
    char age[CELL_MAX];
    char next[CELL_MAX];
    char words[CELL_MAX];
    struct text level = TEXT_OF(words);
    int64_t value = 0;
    bool person = peek_yes(incident, "needs_person");
    const char *by = peek_str(incident, "acknowledged_by", NULL);
    (void)peek_int(incident, "level", &value);
    text_appendf(&level, "%" PRId64, value);
    if (peek_int(incident, "next_level_ms", &value))
        text_appendf(&level, ", next in %s", duration_of(next, sizeof next, incident, "next_level_ms", 1000, "?"));
    set_cell(line, 0, peek_str(incident, "id", "?"));
    set_cell(line, 1, peek_str(incident, "event", "?"));
    set_cell(line, 2, peek_str(incident, "service", ""));
    set_cell(line, 3, duration_of(age, sizeof age, incident, "open_ms", 1000, "?"));
    set_cell(line, 4, words);
    set_cell(line, 5, by != NULL ? by : person ? "nobody" : "");
    set_cell(line, 6, peek_str(incident, "text", "?"));
    if (person && by == NULL)
        set_color(line, 5, "red");
}

static void channel_row(struct libscols_table *table, const json_t *channel)
{
    struct libscols_line *line = new_line(table);
    char number[24];
    char age[CELL_MAX];
    int64_t value;
    bool tried = peek_int(channel, "last_ms", &value);
    set_cell(line, 0, peek_str(channel, "name", "?"));
    set_cell(line, 1, peek_str(channel, "kind", "?"));
    static const char *const counts[] = { "level", "delivered", "waiting", "lost" };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        (void)snprintf(number, sizeof number, "%" PRId64, peek_int(channel, counts[i], &value) ? value : 0);
        set_cell(line, 2 + i, number);
    }
    set_cell(line, 6, tried ? duration_of(age, sizeof age, channel, "last_ms", 1000, "?") : "");
    set_cell(line, 7, tried ? peek_str(channel, "text", "") : "not used yet");
    if (peek_yes(channel, "failing"))
        set_color(line, 7, "red");
}

void table_incidents(const struct table_style *style, const json_t *notify)
{
    static const struct column incident_columns[] = { { "INCIDENT", 0 }, { "EVENT", 0 }, { "SERVICE", 0 }, { "OPEN FOR", 0 },
                                                      { "LEVEL", 0 }, { "TAKES CARE", 0 }, { "WHAT", SCOLS_FL_WRAP } };
    static const struct column channel_columns[] = { { "CHANNEL", 0 }, { "KIND", 0 }, { "LEVEL", SCOLS_FL_RIGHT },
                                                     { "TOLD", SCOLS_FL_RIGHT }, { "WAITING", SCOLS_FL_RIGHT },
                                                     { "LOST", SCOLS_FL_RIGHT }, { "LAST TRY AGO", 0 }, { "WHICH", 0 } };
    const json_t *incidents = json_object_get(notify, "incidents");
    const json_t *channels = json_object_get(notify, "channels");
    size_t index;
    const json_t *item;
    if (json_array_size(incidents) == 0) {
        fputs("no incident is open\n", style->stream);
    } else {
        struct libscols_table *table =
            new_table(style, incident_columns, sizeof incident_columns / sizeof incident_columns[0]);
        json_array_foreach(incidents, index, item)
            incident_row(table, item);
        print_table(style, table);
    }
    if (json_array_size(channels) == 0) {
        fputs("\nno channels: nobody is told anything (notify.channels of cluster.json)\n", style->stream);
        return;
    }
    fputc('\n', style->stream);
    struct libscols_table *table =
        new_table(style, channel_columns, sizeof channel_columns / sizeof channel_columns[0]);
    json_array_foreach(channels, index, item)
        channel_row(table, item);
    print_table(style, table);
}

void table_words(const struct table_style *style, const json_t *answer)
{
    fprintf(style->stream, "%s\n", peek_str(answer, "text", "done"));
}
