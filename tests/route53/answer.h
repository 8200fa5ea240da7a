/* What the zones answer to a question: record choice by weight, failover and health, aliases, wildcards. */
#ifndef ROUTE53_EMULATOR_ANSWER_H
#define ROUTE53_EMULATOR_ANSWER_H

#include "tests/route53/dns_wire.h"
#include "tests/route53/world.h"

/* Answers one well-formed question from the served versions. Returns the code; *authoritative likewise. */
enum dns_rcode answer_query(struct world *world, struct dns_message *message, const struct dns_query *query,
                            bool *authoritative);

#endif
