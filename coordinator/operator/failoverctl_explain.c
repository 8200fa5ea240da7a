/* failoverctl explain: see failoverctl_explain.h.
 *
 * The answer first (why, and what would make it act), then what it rests on: votes, gates of each candidate region,
 * loss, fence, commits. The sentences are the daemon's; this file only puts them in order. */
#include "coordinator/operator/failoverctl_explain.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/status/status_text.h"

#define BOLD "\033[1m"
#define YELLOW "\033[33m"
#define RESET "\033[0m"
#define LINE_MAX_BYTES 4096 /* of one item of a list of sentences */

static const char *paint(const struct table_style *style, const char *color)
{
    return style->color ? color : "";
}

static void title(const struct table_style *style, const char *words)
{
    fprintf(style->stream, "\n%s%s%s\n", paint(style, BOLD), words, paint(style, RESET));
}

/* An array of sentences, each on a line of its own; an item that is none is passed over. */
static size_t print_sentences(const struct table_style *style, const json_t *list)
{
    size_t index;
    const json_t *item;
    size_t printed = 0;
    json_array_foreach(list, index, item) {
        json_t *box = json_pack("{s:O}", "text", item);
        const char *text = peek_str(box, "text", NULL);
        if (text != NULL && strlen(text) < LINE_MAX_BYTES && fprintf(style->stream, "  - %s\n", text) > 0)
            printed++;
        json_decref(box);
    }
    return printed;
}

static void print_pause(const struct table_style *style, const json_t *pause)
{
    if (!json_is_object(pause))
        return;
    fprintf(style->stream, "  paused %s%s, by %s: %s\n",
            peek_str(pause, "until", NULL) != NULL ? "until " : "until somebody resumes it",
            peek_str(pause, "until", ""), peek_str(pause, "by", "?"), peek_str(pause, "why", "?"));
}

static void print_head(const struct table_style *style, const json_t *explain)
{
    int64_t epoch;
    fprintf(style->stream, "%s%s%s  %s  writer %s", paint(style, BOLD), peek_str(explain, "service", "?"),
            paint(style, RESET), peek_str(explain, "state", "?"), peek_str(explain, "writer", "not known"));
    if (peek_int(explain, "epoch", &epoch))
        fprintf(style->stream, "  epoch %" PRId64, epoch);
    fprintf(style->stream, "  mode %s%s\n", peek_str(explain, "mode", "?"),
            peek_yes(explain, "paused") ? "  PAUSED" : "");
    print_pause(style, json_object_get(explain, "pause"));
    if (peek_str(explain, "headline", NULL) != NULL)
        fprintf(style->stream, "  %s\n", peek_str(explain, "headline", "?"));
    fprintf(style->stream, "\n%s%s%s\n", paint(style, BOLD),
            peek_str(explain, "why", "Why it does or does not act was not told."), paint(style, RESET));
    title(style, "What would make it act:");
    if (print_sentences(style, json_object_get(explain, "would_act")) == 0)
        fputs("  nothing was told\n", style->stream);
}

static void print_votes(const struct table_style *style, const json_t *votes)
{
    int64_t failed, needed, missing;
    fprintf(style->stream, "\n%sVotes against %s:%s ", paint(style, BOLD), peek_str(votes, "region", "(not known)"),
            paint(style, RESET));
    if (peek_int(votes, "failed", &failed) && peek_int(votes, "needed", &needed) &&
        peek_int(votes, "missing", &missing))
        fprintf(style->stream, "%" PRId64 " of %" PRId64 " needed, %" PRId64 " missing\n", failed, needed, missing);
    else
        fputs("not known\n", style->stream);
    table_votes(style, json_object_get(votes, "list"));
}

static void print_candidate(const struct table_style *style, const json_t *candidate)
{
    size_t shut = json_array_size(json_object_get(candidate, "shut"));
    fprintf(style->stream, "\n%sFailover to %s:%s ", paint(style, BOLD), peek_str(candidate, "region", "?"),
            paint(style, RESET));
    if (peek_yes(candidate, "gates_open"))
        fputs("every gate is open\n", style->stream);
    else if (shut > 0)
        fprintf(style->stream, "%zu gate%s shut\n", shut, shut == 1 ? " is" : "s are");
    else
        fputs("which gates are shut is not known\n", style->stream);
    fprintf(style->stream, "  %s\n",
            peek_str(json_object_get(candidate, "loss"), "text", "What it would lose is not known."));
    table_gates(style, json_object_get(candidate, "gates"));
}

static void print_fence(const struct table_style *style, const json_t *fence)
{
    const json_t *guard = json_object_get(fence, "guard");
    char ago[TABLE_AGO_MAX];
    title(style, "The writer's fence:");
    fprintf(style->stream, "  %s.\n  %s\n", peek_str(fence, "text", "What it is is not known"),
            peek_str(fence, "proof_text", "What would prove it is not known."));
    if (!json_is_object(guard)) {
        fputs("  Its guard has not been heard of.\n", style->stream);
        return;
    }
    fprintf(style->stream, "  Its guard %s, heard %s, said: %s%s.\n", peek_str(guard, "node", "?"),
            table_ago(ago, sizeof ago, guard, "heard_ms"), peek_str(guard, "fence_text", "?"),
            peek_yes(guard, "ready") ? "" : "; it can't work the fence");
}

static void print_commits(const struct table_style *style, const json_t *commits)
{
    fprintf(style->stream, "\n%s\n", peek_str(commits, "text", "Whether commits hang is not known."));
    (void)print_sentences(style, json_object_get(commits, "reasons"));
}

static void print_warnings(const struct table_style *style, const json_t *warnings)
{
    size_t index;
    bool first = true;
    const json_t *warning;
    json_array_foreach(warnings, index, warning) {
        const char *code = peek_str(warning, "code", "");
        if (strncmp(code, "commit", strlen("commit")) == 0) /* told above */
            continue;
        fprintf(style->stream, "%s%swarning%s %s\n", first ? "\n" : "", paint(style, YELLOW), paint(style, RESET),
                peek_str(warning, "text", "?"));
        first = false;
    }
}

void explain_print(const struct table_style *style, const json_t *explain)
{
    size_t index;
    const json_t *candidate;
    const json_t *candidates = json_object_get(explain, "candidates");
    print_head(style, explain);
    print_votes(style, json_object_get(explain, "votes"));
    json_array_foreach(candidates, index, candidate)
        print_candidate(style, candidate);
    if (json_array_size(candidates) == 0)
        fputs("\nNo region is known that could take over; what a failover would lose is not known.\n", style->stream);
    print_fence(style, json_object_get(explain, "fence"));
    print_commits(style, json_object_get(explain, "commits"));
    print_warnings(style, json_object_get(explain, "warnings"));
    fprintf(style->stream, "\nas seen by %s\n", peek_str(explain, "node", "?"));
}
