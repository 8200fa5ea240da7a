/* The fence TXT's text: "failoverd v1 service=shop epoch=7 operation=00c0ffee00c0ffee".
 *
 * The parser is strict: one space between words, this order, decimal epoch from 1 without leading zeros,
 * sixteen lower-case hexadecimal digits. Anything else is foreign, and foreign is never overwritten
 * automatically.
 */
#ifndef FAILOVERD_DNS_FENCE_TEXT_H
#define FAILOVERD_DNS_FENCE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/provider.h"

#define FENCE_TEXT_MAX 160

/* Writes the bare text (no quotes); false when the service's name isn't one we can write:
 * 1 to 64 of [a-z0-9-]. */
bool fence_text_write(char *out, size_t size, const char *service, uint64_t epoch, uint64_t operation);

/* Parses the bare text into service, epoch and operation; false when it is not exactly ours. */
bool fence_text_parse(const char *text, char service[DNS_SERVICE_MAX], uint64_t *epoch,
                      uint64_t *operation);

/* Undoes the presentation form of a TXT value: "\"a\" \"b\"" gives "ab", with \" \\ and \ooo. False when it
 * is malformed or does not fit. */
bool fence_text_unquote(const char *value, char *out, size_t size);

/* Sets state, service, epoch and operation of `fence` from its values as read; `service` is whose
 * fence it should be: another service's is foreign. */
void fence_text_classify(struct dns_fence *fence, const char *service);

#endif
