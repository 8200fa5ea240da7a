/* The texts that stand for something: durations, sizes, addresses, names.
 *
 * Each function says whether a text is one, and if not, what would be. The boundary: no JSON, no
 * files, no name lookup; only the text itself is judged.
 */
#ifndef FAILOVERD_CONFIG_VALUES_H
#define FAILOVERD_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"

#define US_PER_SECOND INT64_C(1000000)

/* "10s", "500ms", "5m", "2h", "1d", "20us": a whole number and its unit, never negative. */
bool value_duration(const char *text, int64_t *out_us, struct fault *fault) CHECKED;

/* "16MiB", "512KiB", "3GiB", "1TiB", "100B". */
bool value_size(const char *text, int64_t *out_bytes, struct fault *fault) CHECKED;

/* The other way round, in the largest unit that is exact. */
void value_duration_text(int64_t us, char *text, size_t size);
void value_size_text(int64_t bytes, char *text, size_t size);

/* 1 to 63 of [a-z0-9-], with a letter or digit at both ends. */
bool value_name(const char *text, struct fault *fault) CHECKED;

/* An IPv4 or IPv6 address, without brackets or port. `family` may be NULL; else AF_INET or AF_INET6. */
bool value_ip(const char *text, int *family, struct fault *fault) CHECKED;

/* A host name or an IP address. */
bool value_host(const char *text, struct fault *fault) CHECKED;

/* A name in the DNS: labels of letters, digits, '-' and '_'; a first label "*" is allowed. */
bool value_dns_name(const char *text, struct fault *fault) CHECKED;

/* "host:port", "192.0.2.1:port" or "[2001:db8::1]:port". */
bool value_endpoint(const char *text, struct fault *fault) CHECKED;

/* As above, and the host is an IP address. */
bool value_ip_endpoint(const char *text, struct fault *fault) CHECKED;

/* http:// or https://, a host, an optional port and path; no user, password or fragment. */
bool value_url(const char *text, struct fault *fault) CHECKED;

/* An absolute path without "." or ".." segments. */
bool value_file(const char *text, struct fault *fault) CHECKED;

/* "200" or "200-299", both within 100..599. */
bool value_status_range(const char *text, int *low, int *high, struct fault *fault) CHECKED;

/* "" or "/a/b", with ~0 and ~1 for '~' and '/'. */
bool value_json_pointer(const char *text, struct fault *fault) CHECKED;

/* "root", "user:NAME" or "group:NAME". */
bool value_principal(const char *text, struct fault *fault) CHECKED;

/* A Route 53 hosted zone id: capital letters and digits, at most 32. */
bool value_zone_id(const char *text, struct fault *fault) CHECKED;

/* How many changes (insert, delete, replace, swap neighbours) lead from one to the other. */
size_t value_distance(const char *a, const char *b);

/* The nearest of `names`, if it is near enough to be a slip of the keys; else NULL. */
const char *value_nearest(const char *wrong, const char *const *names, size_t count);

#endif
