/* One file on its way to a struct: read, scanned, parsed, and filled in by a table of options.
 *
 * A document lives while its file is being loaded. What it fills in lives in the arena. Whatever
 * is wrong becomes a problem with line and path, and reading goes on with the default, or with
 * nothing, in its place, so that one run finds all problems. The rules that follow (rules.h) must
 * therefore put up with NULL and 0.
 */
#ifndef FAILOVERD_CONFIG_READER_H
#define FAILOVERD_CONFIG_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "coordinator/config/arena.h"
#include "coordinator/config/config.h"
#include "coordinator/config/options.h"
#include "coordinator/config/positions.h"

struct document {
    const char *file; /* its name, for messages */
    char *text;
    size_t size;
    struct positions *positions;
    json_t *root;
    struct config_arena *arena;
    struct config_problems *problems;
    size_t errors_before; /* in `problems`, when it was opened */
};

/* Reads and parses. False if there is nothing to fill from; the problem was added. Close it either
 * way. `path`, `arena` and `problems` outlive the document. */
bool document_open(struct document *document, const char *path, struct config_arena *arena,
                   struct config_problems *problems) CHECKED;
void document_close(struct document *document);

/* Fills the zeroed struct at `base` as `table` says. False only when memory ran out: then the rules
 * must not run. What else is wrong is in the problems. */
bool document_fill(struct document *document, const struct option_table *table, void *base) CHECKED;

/* Opens the file of a loaded config once more, for the lines of problems that are found later.
 * Never fails: without the file the problems have no lines. Close it as any other. */
void document_reopen(struct document *document, const char *path, struct config_problems *problems);

/* No error was added since it was opened. */
bool document_is_good(const struct document *document);

/* Adds a problem at `path`, with the line of that or of what is nearest to it. */
void document_error(struct document *document, const char *path, const char *format, ...) PRINTF_LIKE(3, 4);
void document_warn(struct document *document, const char *path, const char *format, ...) PRINTF_LIKE(3, 4);

/* A path put together in place: document_error(d, PATH("$.services.%s", name), ...). */
#define DOCUMENT_PATH_MAX 256
struct document_path {
    char text[DOCUMENT_PATH_MAX];
};
const char *document_path(struct document_path *path, const char *format, ...) PRINTF_LIKE(2, 3);
#define PATH(...) document_path(&(struct document_path){ "" }, __VA_ARGS__)

/* Adds a problem that belongs to no place in a document. */
void problems_add(struct config_problems *problems, enum config_severity severity, const char *file, size_t line,
                  const char *path, const char *text);
void problems_addf(struct config_problems *problems, enum config_severity severity, const char *file,
                   const char *path, const char *format, ...) PRINTF_LIKE(5, 6);

#endif
