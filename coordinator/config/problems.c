/* The list of problems: bounded, in the order of file, then line. See config.h and reader.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/config/reader.h"

/* Behind everything of the same file that doesn't stand later in it, or at the very end. */
static size_t place_for(const struct config_problems *problems, const char *file, size_t line)
{
    size_t i = problems->count;
    bool known = false;
    for (size_t j = 0; j < problems->count && !known; j++)
        known = strcmp(problems->items[j].file, file) == 0;
    if (!known)
        return i;
    while (i > 0 && (strcmp(problems->items[i - 1].file, file) != 0 || problems->items[i - 1].line > line))
        i--;
    if (i > 0)
        return i;
    while (strcmp(problems->items[i].file, file) != 0)
        i++;
    return i;
}

/* Room for one more, or false. */
static bool make_room(struct config_problems *problems)
{
    if (problems->count == CONFIG_MAX_PROBLEMS)
        return false;
    if (problems->items == NULL)
        problems->items = calloc(CONFIG_MAX_PROBLEMS, sizeof *problems->items);
    return problems->items != NULL;
}

void problems_add(struct config_problems *problems, enum config_severity severity, const char *file, size_t line,
                  const char *path, const char *text)
{
    if (severity == CONFIG_ERROR)
        problems->errors++;
    else
        problems->warnings++;
    if (!make_room(problems)) {
        problems->lost++;
        return;
    }
    struct config_problem problem = { .severity = severity, .line = line };
    (void)text_copy(problem.file, sizeof problem.file, file);
    (void)text_copy(problem.path, sizeof problem.path, path);
    (void)text_copy(problem.text, sizeof problem.text, text);
    size_t at = place_for(problems, problem.file, line);
    memmove(&problems->items[at + 1], &problems->items[at], (problems->count - at) * sizeof problem);
    problems->items[at] = problem;
    problems->count++;
}

void problems_addf(struct config_problems *problems, enum config_severity severity, const char *file,
                   const char *path, const char *format, ...)
{
    char buffer[sizeof problems->items->text];
    struct text text = TEXT_OF(buffer);
    va_list args;
    va_start(args, format);
    text_appendv(&text, format, args);
    va_end(args);
    problems_add(problems, severity, file, 0, path, buffer);
}

void config_problems_free(struct config_problems *problems)
{
    free(problems->items);
    *problems = (struct config_problems){ 0 };
}

void config_problem_text(const struct config_problem *problem, char *buffer, size_t size)
{
    struct text text = text_over(buffer, size);
    text_append(&text, problem->file);
    if (problem->line > 0)
        text_appendf(&text, ":%zu", problem->line);
    text_append(&text, ": ");
    if (problem->path[0] != '\0')
        text_appendf(&text, "%s: ", problem->path);
    text_append(&text, problem->text);
}

static void add_at(struct document *d, enum config_severity severity, const char *path, const char *format,
                   va_list args)
{
    char buffer[sizeof d->problems->items->text];
    struct text text = TEXT_OF(buffer);
    text_appendv(&text, format, args);
    size_t line = d->positions != NULL ? positions_line(d->positions, positions_find(d->positions, path)) : 0;
    problems_add(d->problems, severity, d->file, line, path, buffer);
}

void document_error(struct document *d, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_at(d, CONFIG_ERROR, path, format, args);
    va_end(args);
}

void document_warn(struct document *d, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_at(d, CONFIG_WARNING, path, format, args);
    va_end(args);
}

const char *document_path(struct document_path *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(path->text, sizeof path->text, format, args);
    va_end(args);
    return path->text;
}
