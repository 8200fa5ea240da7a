/* What a hold of the kernel lease says to nf_tables, without libnftables.
 *
 * libnftables reads the whole ruleset before each of its commands, which is most of what an idle guard
 * would cost. A hold needs three small fixed messages, so they are written here; everything that is done
 * rarely (rules, listings) stays with libnftables. Calls block as system calls do, for a thread of its own.
 *
 * Generations: the kernel counts every change of the ruleset by anybody (an element that expires is none). A
 * transaction can name the generation it was made for, and the kernel refuses it when another was there
 * first. So who has seen the ruleset at one generation, and names it, knows that it is still the same.
 */
#ifndef FAILOVERD_DATABASE_NFT_WIRE_H
#define FAILOVERD_DATABASE_NFT_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"

struct nft_wire {
    int fd; /* -1: closed; opened by the first call that needs it */
    uint32_t sequence;
};

#define NFT_WIRE_CLOSED { .fd = -1 }

enum nft_wire_outcome {
    NFT_WIRE_DONE,    /* the kernel has committed it */
    NFT_WIRE_CHANGED, /* the ruleset is of another generation; nothing was done */
    NFT_WIRE_REFUSED, /* the kernel took none of it */
    NFT_WIRE_BROKEN,  /* no answer, or one that makes no sense: it may have been done */
};

/* Every table is of the family inet, every set of ports with timeouts. `generation` 0 is whichever. The fault
 * is set where the outcome is not DONE. */

/* The set `set` with this one element and no other. */
enum nft_wire_outcome nft_wire_put(struct nft_wire *wire, const char *table, const char *set, uint16_t port,
                                   int64_t timeout_ms, uint32_t generation, struct fault *fault);
/* The same, and in the same transaction `ticket` loses its element, which has to be there still. */
enum nft_wire_outcome nft_wire_exchange(struct nft_wire *wire, const char *table, const char *ticket,
                                        const char *set, uint16_t port, int64_t timeout_ms,
                                        uint32_t generation, struct fault *fault);
/* How long the element stays: 0 when it isn't there, INT64_MAX when it has no end. */
bool nft_wire_remaining_ms(struct nft_wire *wire, const char *table, const char *set, uint16_t port,
                           int64_t *remaining_ms, struct fault *fault) CHECKED;

/* The ruleset's generation, never 0. */
bool nft_wire_generation(struct nft_wire *wire, uint32_t *generation, struct fault *fault) CHECKED;
/* What follows it after one transaction. */
uint32_t nft_wire_generation_next(uint32_t generation);

/* Idempotent. */
void nft_wire_close(struct nft_wire *wire);

#endif
