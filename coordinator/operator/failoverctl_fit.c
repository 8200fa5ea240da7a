/* Where lines are broken: see failoverctl_fit.h. */
#include "coordinator/operator/failoverctl_fit.h"

#include <stdint.h>
#include <string.h>
#include <wchar.h>

#define WIDE_FROM 0x1100 /* below it no character takes two columns */
#define INDENT_MOST_SHARE 4 /* a continued line is indented by at most this part of the width ... */
#define GAP_MOST_SHARE 3    /* ... and where it has a second column, which is a name and its text, by this one */
#define INDENT 2
#define BARE_WORDS 3        /* of a command without options: "failoverctl wait ID" */

/* Bytes of the colour sequence ("ESC [ digits ; m") at `at`; 0: it is none. */
static size_t colour_at(const char *at, const char *end)
{
    if (end - at < 3 || at[0] != '\033' || at[1] != '[')
        return 0;
    const char *last = at + 2;
    while (last < end && ((*last >= '0' && *last <= '9') || *last == ';'))
        last++;
    return last < end && *last == 'm' ? (size_t)(last - at) + 1 : 0;
}

/* Bytes of the UTF-8 character at `at`, 0 if it is none; *code is which. */
static size_t character_at(const char *at, const char *end, uint32_t *code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = (unsigned char)at[0];
    size_t size = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : (first & 0xf0u) == 0xe0 ? 3
                  : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    if (size == 0 || (size_t)(end - at) < size)
        return 0;
    *code = size == 1 ? first : first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)at[i] & 0xc0u) != 0x80)
            return 0;
        *code = *code << 6 | ((unsigned char)at[i] & 0x3fu);
    }
    return *code >= least[size] && *code <= 0x10ffff ? size : 0;
}

static size_t columns_of(uint32_t code)
{
    int width = wcwidth((wchar_t)code);
    if (width >= 0)
        return (size_t)width;
    return code >= WIDE_FROM ? 2 : 1; /* a locale that does not know it: rather too much */
}

/* One character or colour: its bytes in *bytes, whether it can be shown as it is in *plain, its columns returned. */
static size_t piece_at(const char *at, const char *end, size_t *bytes, bool *plain)
{
    uint32_t code = 0;
    *plain = true;
    *bytes = colour_at(at, end);
    if (*bytes > 0)
        return 0;
    *bytes = character_at(at, end, &code);
    if (*bytes == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
        *bytes = *bytes > 0 ? *bytes : 1;
        *plain = false;
        return 1;
    }
    return columns_of(code);
}

size_t fit_width(const char *at, const char *end)
{
    size_t used = 0;
    while (at < end) {
        size_t bytes;
        bool plain;
        used += piece_at(at, end, &bytes, &plain);
        at += bytes;
    }
    return used;
}

/* ---- commands to paste ------------------------------------------------------------------------- */

static const char *word_end(const char *at, const char *end)
{
    while (at < end && *at != ' ')
        at++;
    return at;
}

/* "..." stands for words of the person's own; else a word with a stop at its end ends the command. */
static bool ends_command(const char *word, const char *end)
{
    if (end - word >= 3 && memcmp(end - 3, "...", 3) == 0)
        return false;
    return strchr(".,;:)", end[-1]) != NULL;
}

/* The end of the command that begins at `word`; NULL: none does. */
static const char *command_end(const char *word, const char *end)
{
    static const char name[] = "failoverctl";
    word += *word == '(';
    const char *stop = word_end(word, end);
    if ((size_t)(stop - word) != sizeof name - 1 || memcmp(word, name, sizeof name - 1) != 0)
        return NULL;
    const char *bare = stop; /* as far as it goes where no option follows */
    bool options = false;
    for (size_t words = 1; end - stop > 1 && stop[1] != ' ' && stop[1] != '('; words++) {
        const char *next = stop + 1;
        stop = word_end(next, end);
        options = options || (stop - next > 2 && memcmp(next, "--", 2) == 0);
        bare = words < BARE_WORDS ? stop : bare;
        if (ends_command(next, stop))
            break;
    }
    return options ? stop : bare;
}

/* The command that begins in the row from `at` to `stop` and ends beyond it, its end in *command_stop; NULL: none. */
static const char *command_across(const char *at, const char *stop, const char *end, const char **command_stop)
{
    for (const char *word = fit_next(at, stop); word < stop; word = fit_next(word_end(word, stop), stop)) {
        *command_stop = command_end(word, end);
        if (*command_stop != NULL && *command_stop > stop)
            return word;
    }
    return NULL;
}

/* ---- rows -------------------------------------------------------------------------------------- */

static const char *broken_at_blank(const char *at, const char *end, size_t columns)
{
    const char *blank = NULL;
    bool seen = false;
    size_t used = 0;
    while (at < end) {
        size_t bytes;
        bool plain;
        size_t width = piece_at(at, end, &bytes, &plain);
        if (used + width > columns && used > 0)
            return blank != NULL && *at != ' ' ? blank : at;
        if (*at == ' ' && seen)
            blank = at;
        seen = seen || *at != ' ';
        used += width;
        at += bytes;
    }
    return end;
}

const char *fit_row_end(const char *at, const char *end, size_t columns, bool whole)
{
    const char *stop = broken_at_blank(at, end, columns);
    const char *word = word_end(fit_next(at, end), end);
    if (whole && stop < word)
        stop = word; /* nothing but one word, or its beginning */
    const char *command_stop = NULL;
    const char *command = command_across(at, stop, end, &command_stop);
    if (command == NULL)
        return stop;
    if (command == fit_next(at, end))
        return whole ? command_stop : stop;
    while (command[-1] == ' ')
        command--;
    return command;
}

const char *fit_next(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    return at;
}

/* Under the second column, where the line has one: "  --reason TEXT  why", "  begin      no run yet  the ledger ...". */
static size_t second_column(const char *at, const char *end, size_t columns)
{
    const char *word = fit_next(at, end);
    for (const char *gap = word; gap + 2 < end; gap++)
        if (gap[0] == ' ' && gap[1] == ' ') {
            size_t column = fit_width(at, fit_next(gap, end));
            return column <= columns / GAP_MOST_SHARE ? column : 0;
        }
    return 0;
}

size_t fit_indent(const char *at, const char *end, size_t columns)
{
    size_t column = second_column(at, end, columns);
    size_t own = (size_t)(fit_next(at, end) - at);
    if (column > 0)
        return column;
    if (own + INDENT <= columns / INDENT_MOST_SHARE)
        return own + INDENT;
    return own <= columns / GAP_MOST_SHARE ? own : 0; /* in a second column already */
}

void fit_put(FILE *out, const char *at, const char *end, size_t columns)
{
    while (at < end) {
        size_t bytes;
        bool plain;
        size_t width = piece_at(at, end, &bytes, &plain);
        if (width > columns)
            return; /* a terminal narrower than one character */
        if (plain)
            (void)fwrite(at, 1, bytes, out);
        else
            fputc('?', out);
        columns -= width;
        at += bytes;
    }
}
