/* A DNS response on the wire to a list of records, for resolver.c. Nothing in the bytes is trusted: every length
 * is checked, compression pointers only lead backwards, and what does not fit is dropped and said.
 */
#ifndef FAILOVERD_BASE_DNS_MESSAGE_H
#define FAILOVERD_BASE_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/resolver.h"

/* Fills rcode, authoritative, records, record_count and more of `answer` from the header and the answer
 * section. Returns false when the message is malformed. */
bool dns_message_parse(const uint8_t *message, size_t length, struct resolve_answer *answer) CHECKED;

#endif
