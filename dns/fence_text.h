/* The fence TXT's text: "failoverd v1 service=shop epoch=7 operation=00c0ffee00c0ffee", and while traffic moves by and
 * by " share=50 version=42" behind it. Without that all of it is at the writer's region.
 *
 * The parser is strict: one space between words, this order, decimal numbers without leading zeros (epoch and version
 * from 1, share to 100), sixteen lower-case hexadecimal digits. Anything else is foreign, and foreign is never
 * overwritten automatically.
 */
#ifndef FAILOVERD_DNS_FENCE_TEXT_H
#define FAILOVERD_DNS_FENCE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/provider.h"

#define FENCE_TEXT_MAX 200

/* Writes the bare text (no quotes); false when the service's name isn't one we can write (1 to 64 of
 * [a-z0-9-]), or the stamp says what no text can: a part of the traffic without a version. */
bool fence_text_write(char *out, size_t size, const char *service, const struct dns_stamp *stamp);

/* Parses the bare text into service and stamp; false when it is not exactly ours. */
bool fence_text_parse(const char *text, char service[DNS_SERVICE_MAX], struct dns_stamp *stamp);

/* Undoes the presentation form of a TXT value: "\"a\" \"b\"" gives "ab", with \" \\ and \ooo. False when it
 * is malformed or does not fit. */
bool fence_text_unquote(const char *value, char *out, size_t size);

/* Sets state, service and stamp of `fence` from its values as read; `service` is whose
 * fence it should be: another service's is foreign. */
void fence_text_classify(struct dns_fence *fence, const char *service);

#endif
