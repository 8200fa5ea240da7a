/* Building text in a buffer of fixed size.
 *
 * The builder never overruns, always leaves a terminated string, and remembers whether something
 * did not fit, so that a sequence of appends needs one check at its end:
 *
 *     char buffer[256];
 *     struct text text = TEXT_OF(buffer);
 *     text_append(&text, "region ");
 *     text_appendf(&text, "%s at epoch %llu", region, epoch);
 *     if (text.cut)
 *         return fault_set(fault, "the description is longer than %zu", sizeof buffer);
 */
#ifndef FAILOVERD_BASE_TEXT_H
#define FAILOVERD_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "coordinator/base/fault.h"

struct text {
    char *data;      /* always terminated once text_init ran; owned by the caller */
    size_t capacity; /* bytes in data, the terminator included; at least 1 */
    size_t length;   /* bytes used, without the terminator */
    bool cut;        /* something did not fit; what is there is a prefix of what was meant */
};

/* For an array in scope. The array need not be initialised. */
#define TEXT_OF(array) text_over((array), sizeof(array))

/* A builder over `data`; `capacity` is at least 1. */
struct text text_over(char *data, size_t capacity);

/* Empties it and forgets `cut`. */
void text_clear(struct text *text);

void text_append(struct text *text, const char *string);
void text_append_bytes(struct text *text, const char *bytes, size_t count);
void text_append_char(struct text *text, char c);
void text_appendf(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void text_appendv(struct text *text, const char *format, va_list args);

/* Appends as the inside of a JSON string, without the quotes: control bytes, quote and backslash
 * escaped, bytes that are not UTF-8 replaced by U+FFFD. */
void text_append_json(struct text *text, const char *bytes, size_t count);

/* Appends with everything outside of [A-Za-z0-9-._~] as %XX (RFC 3986); '/' is kept on request. */
void text_append_uri(struct text *text, const char *string, bool keep_slash);

/* Copies `string` into `out`, cut to fit; true when it fitted whole. The only copy of strings that
 * the project needs: `if (!text_copy(name, sizeof name, input)) refuse`. */
bool text_copy(char *out, size_t size, const char *string);

/* Parses a whole decimal number without sign or spaces, at most `max`. */
bool text_parse_u64(const char *string, unsigned long long max, unsigned long long *out) CHECKED;

/* Same bytes? Takes a time that depends on the lengths only; for secrets. */
bool text_equal_secret(const char *a, const char *b);

#endif
