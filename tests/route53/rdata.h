/* One value of a record: from the API's text to the wire. */
#ifndef ROUTE53_EMULATOR_RDATA_H
#define ROUTE53_EMULATOR_RDATA_H

#include "tests/route53/records.h"

/* Encodes `text` as rdata of `type`. On true the caller owns out->bytes. On false `fault` says in AWS's
 * words what is wrong, e.g. "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)". */
bool rdata_encode(struct rdata *out, enum rrtype type, const char *text, const char **fault);

#endif
