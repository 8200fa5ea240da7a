/* One config's memory: many small pieces, all freed at once.
 *
 * The boundary: hands out zeroed memory and copies of texts; knows nothing of what is in them.
 * Running out of memory is reported as NULL, never by an abort.
 */
#ifndef FAILOVERD_CONFIG_ARENA_H
#define FAILOVERD_CONFIG_ARENA_H

#include <stddef.h>

struct config_arena;

/* NULL when there is no memory. */
struct config_arena *arena_new(void);

/* NULL is allowed. */
void arena_free(struct config_arena *arena);

/* Zeroed and aligned for anything; `size` 0 gives a valid pointer. NULL when there is no memory. */
void *arena_take(struct config_arena *arena, size_t size);

/* A terminated copy. NULL when there is no memory. */
char *arena_copy(struct config_arena *arena, const char *text);

#endif
