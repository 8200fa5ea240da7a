/* What went wrong, in words a person can act on.
 *
 * Every fallible function that can say more than "no" takes a `struct fault *` as its last
 * argument and returns bool: true means done, false means that the fault is filled in. A caller
 * that passes the failure on adds its own context in front with fault_wrap(), so the text reads
 * from the general to the particular: "cluster.json: line 12: $.voters[1]: duplicate name".
 *
 * A fault is plain storage owned by the caller; nothing has to be freed. Text that does not fit
 * is cut at the end, never overrun.
 */
#ifndef FAILOVERD_BASE_FAULT_H
#define FAILOVERD_BASE_FAULT_H

#include <stdbool.h>

#define FAULT_TEXT_MAX 1024

struct fault {
    char text[FAULT_TEXT_MAX];
};

#define CHECKED __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Sets the text. Always returns false, so that `return fault_set(...)` reads well.
 * `fault` may be NULL when the caller does not care why. */
bool fault_set(struct fault *fault, const char *format, ...) PRINTF_LIKE(2, 3);

/* Puts "context: " in front of the text. Always returns false. */
bool fault_wrap(struct fault *fault, const char *format, ...) PRINTF_LIKE(2, 3);

/* As fault_set, with ": " and the description of `error` (an errno value) appended. */
bool fault_errno(struct fault *fault, int error, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
