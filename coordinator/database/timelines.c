/* Histories of timelines: see timelines.h. */
#include "coordinator/database/timelines.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/base/text.h"

#define LSN_HALF_DIGITS 8
#define LINE_SHOWN_MAX 60

/* ---- positions ----------------------------------------------------------------------------- */

/* 1 to 8 hexadecimal digits; *at is moved behind them. */
static bool take_half(const char **at, uint64_t *half)
{
    static const char digits[] = "0123456789ABCDEFabcdef";
    size_t count = strspn(*at, digits);
    if (count == 0 || count > LSN_HALF_DIGITS)
        return false;
    *half = 0;
    for (size_t i = 0; i < count; i++) {
        size_t digit = (size_t)(strchr(digits, (*at)[i]) - digits);
        *half = *half << 4 | (digit < 16 ? digit : digit - 6);
    }
    *at += count;
    return true;
}

static bool take_lsn(const char **at, uint64_t *lsn)
{
    uint64_t high, low;
    if (!take_half(at, &high) || **at != '/')
        return false;
    ++*at;
    if (!take_half(at, &low))
        return false;
    *lsn = high << 32 | low;
    return true;
}

bool timeline_lsn_parse(const char *text, uint64_t *lsn)
{
    return take_lsn(&text, lsn) && *text == '\0';
}

const char *timeline_lsn_text(char out[TIMELINE_LSN_TEXT_MAX], uint64_t lsn)
{
    (void)snprintf(out, TIMELINE_LSN_TEXT_MAX, "%" PRIX64 "/%" PRIX64, lsn >> 32, lsn & UINT32_MAX);
    return out;
}

/* ---- the file ------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static const char *skip_blanks(const char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

/* A whole number of at most 32 bits without sign. */
static bool take_timeline(const char **at, uint32_t *out)
{
    uint64_t value = 0;
    const char *from = *at;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        value = value * 10 + (uint64_t)(**at - '0');
        if (value > UINT32_MAX)
            return false;
    }
    *out = (uint32_t)value;
    return *at != from && value > 0;
}

/* "timeline TAB position TAB reason"; the reason is anything up to the line's end. */
static bool take_line(const char *line, struct timeline_past *past)
{
    if (!take_timeline(&line, &past->timeline) || !is_blank(*line))
        return false;
    line = skip_blanks(line);
    return take_lsn(&line, &past->end_lsn) && (is_blank(*line) || *line == '\n' || *line == '\0');
}

static bool add_line(struct timelines *out, size_t number, const char *line, struct fault *fault)
{
    struct timeline_past past;
    if (!take_line(line, &past))
        return fault_set(fault, "line %zu (\"%.*s\") is not \"timeline position reason\"", number,
                         (int)strnlen(line, strcspn(line, "\n") < LINE_SHOWN_MAX ? strcspn(line, "\n") : LINE_SHOWN_MAX),
                         line);
    if (out->count == TIMELINES_MAX)
        return fault_set(fault, "it has more than %d lines", TIMELINES_MAX);
    const struct timeline_past *last = out->count > 0 ? &out->past[out->count - 1] : NULL;
    if (last != NULL && past.timeline <= last->timeline)
        return fault_set(fault, "line %zu: timeline %" PRIu32 " comes after %" PRIu32, number, past.timeline,
                         last->timeline);
    if (past.timeline >= out->current)
        return fault_set(fault, "line %zu: timeline %" PRIu32 " can't be an ancestor of %" PRIu32, number, past.timeline,
                         out->current);
    if (past.end_lsn == 0 || (last != NULL && past.end_lsn < last->end_lsn))
        return fault_set(fault, "line %zu: its position goes back", number);
    out->past[out->count++] = past;
    return true;
}

static bool parse_lines(const char *text, struct timelines *out, struct fault *fault)
{
    size_t number = 0;
    while (*text != '\0') {
        const char *line = skip_blanks(text);
        number++;
        if (*line != '\0' && *line != '\n' && *line != '#' && !add_line(out, number, line, fault))
            return false;
        text += strcspn(text, "\n");
        text += *text == '\n' ? 1 : 0;
    }
    if (out->count == 0 && out->current != 1)
        return fault_set(fault, "it names no timeline");
    return true;
}

bool timelines_parse(const char *text, uint32_t current, struct timelines *out, struct fault *fault)
{
    *out = (struct timelines){ .current = current };
    bool good = current == 0 ? fault_set(fault, "there is no timeline 0")
                : strnlen(text, TIMELINES_TEXT_MAX) == TIMELINES_TEXT_MAX
                    ? fault_set(fault, "it is longer than %d bytes", TIMELINES_TEXT_MAX - 1)
                    : parse_lines(text, out, fault);
    if (good)
        return true;
    *out = (struct timelines){ .current = 0 };
    return fault_wrap(fault, "history of timeline %" PRIu32, current);
}

/* ---- where two part ------------------------------------------------------------------------ */

static uint32_t timeline_at(const struct timelines *t, size_t i)
{
    return i < t->count ? t->past[i].timeline : t->current;
}

static uint64_t begin_at(const struct timelines *t, size_t i)
{
    return i > 0 ? t->past[i - 1].end_lsn : 0;
}

/* The current one has no end. */
static uint64_t end_at(const struct timelines *t, size_t i)
{
    return i < t->count ? t->past[i].end_lsn : UINT64_MAX;
}

struct timelines_fork timelines_compare(const struct timelines *ours, const struct timelines *theirs)
{
    size_t shared = 0;
    while (shared <= ours->count && shared <= theirs->count &&
           timeline_at(ours, shared) == timeline_at(theirs, shared) &&
           begin_at(ours, shared) == begin_at(theirs, shared))
        shared++;
    if (shared == 0 || ours->current == 0 || theirs->current == 0)
        return (struct timelines_fork){ .relation = TIMELINES_UNRELATED };
    uint64_t our_end = end_at(ours, shared - 1);
    uint64_t their_end = end_at(theirs, shared - 1);
    struct timelines_fork fork = { .relation = TIMELINES_DIVERGED, .timeline = timeline_at(ours, shared - 1),
                                   .lsn = our_end < their_end ? our_end : their_end };
    if (our_end == UINT64_MAX && their_end == UINT64_MAX)
        fork = (struct timelines_fork){ TIMELINES_SAME, fork.timeline, 0 };
    else if (our_end == UINT64_MAX)
        fork.relation = TIMELINES_LEFT;
    return fork;
}

struct timelines_fork timelines_find(uint32_t ours, const struct timelines *theirs)
{
    if (ours != 0 && ours == theirs->current)
        return (struct timelines_fork){ TIMELINES_SAME, ours, 0 };
    for (size_t i = 0; i < theirs->count; i++)
        if (theirs->past[i].timeline == ours)
            return (struct timelines_fork){ TIMELINES_LEFT, ours, theirs->past[i].end_lsn };
    bool known = ours != 0 && theirs->current != 0;
    return (struct timelines_fork){ .relation = known ? TIMELINES_DIVERGED : TIMELINES_UNRELATED };
}
