/* Reading and playing one script: see script.h. A line is a sentence; its words are matched by
 * position, and a sentence that nobody understands fails the script. */
#include "tests/scenario/script.h"

#include "tests/scenario/verbs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_MARK "trace:"

void play_fail(struct play *p, const char *format, ...)
{
    if (p->failed)
        return;
    p->failed = true;
    printf("%s:%u: ", p->path, p->line_number);
    if (p->each[0] != '\0')
        printf("(%s) ", p->each);
    va_list args;
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    printf("\n");
}

static void add_line(struct play *p, const char *text)
{
    size_t length = strlen(text);
    if (p->trace_length + length + 2 > sizeof p->trace)
        return;
    memcpy(p->trace + p->trace_length, text, length);
    p->trace_length += length;
    p->trace[p->trace_length++] = '\n';
    p->trace[p->trace_length] = '\0';
}

/* Everything that is noted, from the end of the warm-up on. */
static void listen(void *arg, const struct world *w, const struct host *h, const struct note *note,
                   const char *words)
{
    struct play *p = arg;
    char said[SCRIPT_LINE_MAX / 2], line[SCRIPT_LINE_MAX];
    if (note != NULL && p->started)
        play_remember(p, h, note);
    if (note != NULL && !words_of_note(w, note, said, sizeof said))
        return;
    if (note == NULL)
        (void)snprintf(said, sizeof said, "%s", words);
    (void)snprintf(line, sizeof line, "  %7.2fs  %s%s%s", (double)(w->now_us - p->start_us) / 1e6,
                   h != NULL ? h->name : "", h != NULL ? ": " : "", said);
    if (p->verbose)
        puts(line);
    if (p->started)
        add_line(p, line);
}

/* `$each` stands for the word of this round. */
static void substitute(const struct play *p, const char *from, char *to, size_t size)
{
    size_t n = 0;
    while (*from != '\0' && n + 1 < size) {
        if (strncmp(from, "$each", 5) == 0) {
            int put = snprintf(to + n, size - n, "%s", p->each);
            n += (size_t)put;
            from += 5;
            continue;
        }
        to[n++] = *from++;
    }
    to[n < size ? n : size - 1] = '\0';
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t")] == '\0' || line[0] == '#';
}

/* Plays the sentences up to the trace. `text` is not changed. */
static void play_lines(struct play *p, const char *text)
{
    char line[SCRIPT_LINE_MAX], sentence[SCRIPT_LINE_MAX];
    p->line_number = 0;
    while (*text != '\0' && !p->failed) {
        size_t length = strcspn(text, "\n");
        p->line_number++;
        if (length >= sizeof line) {
            play_fail(p, "this line is too long");
            return;
        }
        memcpy(line, text, length);
        line[length] = '\0';
        text += length + (text[length] == '\n');
        if (strcmp(line, TRACE_MARK) == 0)
            return;
        if (is_blank(line) || strncmp(line, "for each ", 9) == 0)
            continue;
        substitute(p, line, sentence, sizeof sentence);
        verbs_play(p, sentence);
        if (p->world != NULL && world_broken(p->world) != NULL)
            play_fail(p, "broken at %.2fs: %s", (double)(p->world->now_us - p->start_us) / 1e6,
                      world_broken(p->world));
    }
}

static const char *trace_of(const char *text)
{
    const char *at = strncmp(text, TRACE_MARK "\n", 7) == 0 ? text : strstr(text, "\n" TRACE_MARK);
    if (at == NULL)
        return NULL;
    at = strchr(at + 1, '\n');
    return at != NULL ? at + 1 : "";
}

static void show_difference(struct play *p, const char *expected)
{
    const char *got = p->trace;
    unsigned line = 1;
    while (*expected != '\0' && *expected == *got) {
        line += *expected == '\n';
        expected++;
        got++;
    }
    while (got > p->trace && got[-1] != '\n') {
        got--;
        expected--;
    }
    play_fail(p, "the trace differs at its line %u:\n  expected %.*s\n  got      %.*s", line,
              (int)strcspn(expected, "\n"), expected, (int)strcspn(got, "\n"), got);
}

static bool rewrite_trace(const char *path, const char *text, const char *trace_text,
                          const char *got)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    size_t head = (size_t)(trace_text - text);
    bool ok = fwrite(text, 1, head, file) == head && fputs(got, file) >= 0;
    return fclose(file) == 0 && ok;
}

static bool play_once(const char *path, const char *text, const char *each, bool rewrite,
                      bool verbose)
{
    struct play *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    p->path = path;
    p->verbose = verbose;
    p->listener = listen;
    (void)snprintf(p->each, sizeof p->each, "%s", each);
    verbs_defaults(p);
    play_lines(p, text);
    const char *expected = trace_of(text);
    if (!p->failed && p->world == NULL)
        play_fail(p, "nothing was played");
    if (!p->failed && expected != NULL && rewrite) {
        if (!rewrite_trace(path, text, expected, p->trace))
            play_fail(p, "cannot be written");
    } else if (!p->failed && expected != NULL && strcmp(expected, p->trace) != 0) {
        show_difference(p, expected);
    }
    bool ok = !p->failed;
    world_free(p->world);
    free(p);
    return ok;
}

static char *read_all(const char *path)
{
    static char text[SCRIPT_TEXT_MAX];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    size_t length = fread(text, 1, sizeof text - 1, file);
    bool whole = feof(file) != 0;
    (void)fclose(file);
    text[length] = '\0';
    return whole ? text : NULL;
}

struct script_result script_play(const char *path, bool rewrite, bool verbose)
{
    struct script_result result = { 0, 0 };
    char *text = read_all(path);
    if (text == NULL) {
        printf("%s: cannot be read\n", path);
        result.failed++;
        return result;
    }
    char each[SCRIPT_LINE_MAX] = "";
    const char *list = strncmp(text, "for each ", 9) == 0 ? text : strstr(text, "\nfor each ");
    if (list != NULL) {
        list += strcspn(list, "f");
        (void)snprintf(each, sizeof each, "%.*s", (int)strcspn(list + 9, "\n"), list + 9);
    }
    if (each[0] == '\0') {
        bool ok = play_once(path, text, "", rewrite, verbose);
        result.passed += ok;
        result.failed += !ok;
        return result;
    }
    char *rest = each;
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        if (*word == '\0')
            continue;
        bool ok = play_once(path, text, word, false, verbose);
        result.passed += ok;
        result.failed += !ok;
    }
    return result;
}
