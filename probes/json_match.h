/* Is there, at a JSON pointer (RFC 6901) into a document, the value that is wanted? */
#ifndef FAILOVERD_PROBES_JSON_MATCH_H
#define FAILOVERD_PROBES_JSON_MATCH_H

#include <jansson.h>
#include <stdbool.h>

#include "coordinator/base/fault.h"

#define JSON_POINTER_MAX 1024

/* Is it a JSON pointer: "" or tokens that each begin with '/', '~' only as "~0" or "~1"? */
bool json_pointer_check(const char *pointer, struct fault *fault) CHECKED;

/* The value that a checked pointer leads to, owned by `document`; NULL when it leads nowhere. */
const json_t *json_pointer_find(const json_t *document, const char *pointer);

/* As json_equal, but 3 and 3.0 are the same number. */
bool json_match_equal(const json_t *a, const json_t *b);

#endif
