/* Requests in the shape that a version 4 signature needs; the signing itself is curl's (fetch.h).
 *
 * The signature covers the path and the query as they are on the wire only if they already are in canonical form:
 * the query sorted by name and RFC 3986-encoded, the path of plain characters. Both are made
 * and checked here, so that a name with a space or a `*` can't turn into a refused request.
 */
#ifndef FAILOVERD_DNS_SIGV4_H
#define FAILOVERD_DNS_SIGV4_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/text.h"

#define SIGV4_PARAMETERS_MAX 16

struct sigv4_parameter {
    const char *name;
    const char *value; /* NULL counts as "" */
};

/* Only [A-Za-z0-9/.-], starting with '/', no empty, "." or ".." part. */
bool sigv4_path_ok(const char *path);

/* Appends endpoint + path + "?" + sorted, encoded parameters. `endpoint` is scheme and host without
 * a final '/'. False with the fault set when the path isn't plain, there are too many parameters or it does not fit. */
bool sigv4_url(struct text *url, const char *endpoint, const char *path,
               const struct sigv4_parameter *parameters, size_t count, struct fault *fault) CHECKED;

#endif
