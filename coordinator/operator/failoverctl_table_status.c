/* Status for people: the services one after the other, then what concerns the node. See failoverctl_table.h. */
#include "coordinator/operator/failoverctl_table.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/operator/failoverctl_cells.h"
#include "coordinator/operator/failoverctl_runbook.h"
#include "coordinator/status/status_text.h"

static const char *state_color(const char *state)
{
    if (strcmp(state, "ok") == 0)
        return GREEN;
    return strcmp(state, "failing") == 0 || strcmp(state, "no_writer") == 0 ||
                   strcmp(state, "no_quorum") == 0 || strcmp(state, "glass_broken") == 0
               ? RED
               : YELLOW;
}

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
    text_appendf(text, ", %s ago", cells_duration(age, sizeof age, database, "age_ms", 1000, "?"));
}

static void lag_cell(struct text *text, const json_t *region)
{
    const json_t *lag = json_object_get(region, "lag");
    if (!json_is_object(lag))
        text_append(text, "-");
    else if (!status_text_loss(text, lag))
        text_append(text, "not known");
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
    const char *lease = cells_duration(left, sizeof left, guard, "lease_left_ms", 1000, NULL);
    if (lease != NULL)
        text_appendf(text, ", lease %s", lease);
}

static void regions_table(const struct table_style *style, const json_t *regions)
{
    static const struct cells_column columns[] = {
        { "REGION", 0 }, { "ROLE", 0 }, { "VERDICTS", 0 }, { "DATABASE", 0 }, { "LAG", 0 },
        { "GUARD", 0 },
    };
    struct libscols_table *table = cells_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *region;
    json_array_foreach(regions, index, region) {
        char cell[CELL_MAX];
        struct text text = TEXT_OF(cell);
        const char *color = NULL;
        struct libscols_line *line = cells_line(table);
        cells_set(line, 0, peek_str(region, "name", "?"));
        cells_set(line, 1, peek_str(region, "role", "?"));
        verdict_cell(&text, region, &color);
        cells_set(line, 2, cell);
        cells_color(line, 2, color);
        text_clear(&text);
        database_cell(&text, region);
        cells_set(line, 3, cell);
        text_clear(&text);
        lag_cell(&text, region);
        cells_set(line, 4, cell);
        text_clear(&text);
        guard_cell(&text, region);
        cells_set(line, 5, cell);
    }
    cells_print(style, table);
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
                    cells_duration(age, sizeof age, verdict, "age_ms", 1000, "?"));
        }
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
    static const struct cells_column columns[] = {
        { "CHECK", 0 }, { "REGION", 0 }, { "TYPE", 0 }, { "VERDICT", 0 }, { "LAST", 0 },
        { "AGE", 0 }, { "DETAIL", CELLS_WRAP },
    };
    struct libscols_table *table = cells_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *check;
    json_array_foreach(checks, index, check) {
        char age[CLOCK_DURATION_TEXT_MAX];
        struct libscols_line *line = cells_line(table);
        cells_set(line, 0, peek_str(check, "name", "?"));
        cells_set(line, 1, peek_str(check, "region", "?"));
        cells_set(line, 2, peek_str(check, "type", "?"));
        cells_set(line, 3, peek_str(check, "verdict", "?"));
        cells_set(line, 4, peek_str(check, "last", "-"));
        cells_set(line, 5, cells_duration(age, sizeof age, check, "last_age_ms", 1000, "-"));
        cells_set(line, 6, peek_str(check, "detail", ""));
    }
    fputs("\n  This node's checks:\n", style->stream);
    cells_print(style, table);
}

/* One line where something waits for somebody: the list is operation show's. */
static void print_runbook(const struct table_style *style, const json_t *service)
{
    char line[1024];
    struct text text = TEXT_OF(line);
    if (runbook_open(json_object_get(service, "runbook"), &text))
        fprintf(style->stream, "  %s%s%s\n", cells_paint(style, YELLOW), line, cells_paint(style, RESET));
}

static void print_service(const struct table_style *style, const json_t *service)
{
    const char *state = peek_str(service, "state", "?");
    const json_t *lease = json_object_get(service, "lease");
    const json_t *operation = json_object_get(service, "operation");
    char left[CLOCK_DURATION_TEXT_MAX];
    int64_t epoch;
    fprintf(style->stream, "%s%s%s  %s%s%s  writer %s", cells_paint(style, BOLD),
            peek_str(service, "name", "?"), cells_paint(style, RESET), cells_paint(style, state_color(state)),
            state, cells_paint(style, RESET), peek_str(service, "writer", "none"));
    if (peek_int(service, "epoch", &epoch))
        fprintf(style->stream, "  epoch %" PRId64, epoch);
    if (json_is_object(lease))
        fprintf(style->stream, "  lease %s left with %s, fence %s",
                cells_duration(left, sizeof left, lease, "left_ms", 1000, "not known"),
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
        fprintf(style->stream, "  %s%s%s\n", cells_paint(style, BOLD), line, cells_paint(style, RESET));
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
    static const struct cells_column columns[] = {
        { "PEER", 0 }, { "REGION", 0 }, { "VOTES", 0 }, { "HEARD", 0 }, { "OUT", 0 }, { "IN", 0 },
        { "ERROR", CELLS_WRAP },
    };
    struct libscols_table *table = cells_table(style, columns, sizeof columns / sizeof columns[0]);
    size_t index;
    const json_t *peer;
    json_array_foreach(peers, index, peer) {
        char heard[CLOCK_DURATION_TEXT_MAX];
        const json_t *voting = json_object_get(peer, "voting");
        struct libscols_line *line = cells_line(table);
        cells_set(line, 0, peek_str(peer, "node", "?"));
        cells_set(line, 1, peek_str(peer, "region", "?"));
        cells_set(line, 2, json_is_true(voting) ? "yes" : json_is_false(voting) ? "no" : "?");
        cells_set(line, 3, cells_duration(heard, sizeof heard, peer, "heard_ms", 1000, "never"));
        cells_set(line, 4, peek_str(peer, "out", "-"));
        cells_set(line, 5, peek_str(peer, "in", "-"));
        cells_set(line, 6, peek_str(peer, "error", ""));
    }
    fputs("\n", style->stream);
    cells_print(style, table);
}

/* What waits for somebody to take care of it. */
static void print_calls(const struct table_style *style, const json_t *notify)
{
    size_t index;
    const json_t *incident;
    json_array_foreach(json_object_get(notify, "incidents"), index, incident)
        if (peek_yes(incident, "needs_person") && peek_str(incident, "acknowledged_by", NULL) == NULL)
            fprintf(style->stream, "%sneeds a person%s %s. Nobody has said that they take care: failoverctl ack %s\n",
                    cells_paint(style, RED), cells_paint(style, RESET), peek_str(incident, "text", "?"),
                    peek_str(incident, "id", "?"));
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
        fprintf(style->stream, "%swarning%s %s%s%s\n", cells_paint(style, YELLOW), cells_paint(style, RESET),
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
