/* person: what a sensible on-call engineer does to the world, besides giving orders at random. */
#ifndef FAILOVERD_TESTS_PERSON_H
#define FAILOVERD_TESTS_PERSON_H

#include "tests/sim/check.h"

/* Gives an order at the host's control socket. False: nobody answers there. */
bool person_orders(struct world *world, struct host *host, uint8_t service,
                   const struct order *order);

/* Makes the region's database a standby of the present writer again, where that is both needed and
 * right: the ledger names another writer, that one acknowledges, and this one diverged from it. */
/* Makes a new store of a new identity on that host, and starts it. */
void person_formats(struct world *world, struct host *host);
/* Orders a change of the voters at that host, about another one. False: nobody listens there. */
bool person_orders_voter(struct world *world, struct host *host, enum voter_change change, uint8_t about);

/* Gives a voter that is mute for good a new store, or the vote back to it once it has one. True: something was done. */
bool person_mends_voters(struct world *world);

bool person_rejoins(struct world *world, uint8_t service, region_id region);

/* Undoes what a remote hook did, once the region's database is a standby or is named writer again. */
bool person_restores(struct world *world, uint8_t service, region_id region);

/* Adopts DNS at the writer's guard, if the zones don't show what the ledger says and no coordinator
 * will change that by itself. `stopped`: one said so. */
bool person_adopts(struct world *world, uint8_t service, bool stopped);

/* Orders a failover by name, to where it can work, skipping what may be skipped. */
bool person_rescues(struct world *world, uint8_t service);

#endif
