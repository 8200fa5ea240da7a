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

/* Says how the traffic of a failback in stages is to go on: ORDER_HOLD, GO, BACK or SKIP. False: there is none, or its
 * database is not home yet. */
bool person_tells_traffic(struct world *world, struct host *host, uint8_t service, enum order_kind kind);

/* Lets it go on, where it was held or sent back. */
bool person_resumes(struct world *world, uint8_t service);

/* Adopts DNS at the writer's guard, if the zones don't show what the ledger says and no coordinator
 * will change that by itself. `stopped`: one said so. */
bool person_adopts(struct world *world, uint8_t service, bool stopped);

/* Says a word at the host's control socket: of a pause for so long (0: until resumed), or to the operation that runs,
 * or ran last. False: nobody answers there, or nothing is chosen yet. */
bool person_says(struct world *world, struct host *host, uint8_t service, enum order_kind kind, int64_t for_us);

/* Lets go on what is held, and ends a pause. True: there was something, and it was said. */
bool person_lifts(struct world *world, uint8_t service);
/* Answers the service's proposal, by ORDER_APPROVE or ORDER_DECLINE, from a host's control socket. `stale`: one that is
 * no more, if there was any. False: there is none. */
bool person_answers(struct world *world, struct host *host, uint8_t service, enum order_kind answer, bool stale);

/* Approves whatever waits for a word. */
bool person_approves(struct world *world, uint8_t service);

/* The glass is broken for `region`, whose standby can be promoted, at its first coordinator or its last. A sensible
 * person does so only when every other region's database is dead; `whatever`: this one is wrong about that. False:
 * there is nobody, or nothing, to do it. */
bool person_breaks(struct world *world, uint8_t service, region_id region, bool last, bool whatever);

/* What any coordinator shows of a broken glass is reconciled, keeping `keep`. `whatever`: at the person's word that the
 * marked database is shut, so only where its region is lost or shut. False: nothing is shown, or nobody can. */
bool person_reconciles(struct world *world, uint8_t service, region_id keep, bool whatever);

/* What is shown somewhere, kept by turns as seeds have it. */
bool person_ends_marks(struct world *world, uint8_t service, unsigned tries);

/* Orders a failover by name, to where it can work, skipping what may be skipped. */
bool person_rescues(struct world *world, uint8_t service);

#endif
