/* A config turned back into JSON: what is in force, defaults filled in. For digests. */
#ifndef FAILOVERD_CONFIG_EFFECTIVE_H
#define FAILOVERD_CONFIG_EFFECTIVE_H

#include <jansson.h>

#include "coordinator/config/options.h"

/* The options under `pattern`, read from the struct at `base`. Durations and sizes are numbers,
 * names of files are left out. NULL when there is no memory; else the caller's to json_decref. */
json_t *effective_object(const struct option_table *table, const char *pattern, const void *base);

#endif
