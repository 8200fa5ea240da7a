/* check: the promises, looked at from outside of the product's code.
 *
 * The world tells what truly happened (a value reached a disk, a voter let a grant out, a database
 * opened, rows were lost); check.c and its parts keep their own account of it and hold every claim
 * and every act of the nodes against that. They use the core's structs, and none of its functions.
 *
 * A break that is explained by something the promises leave out (world.h: enum beyond) still ends the
 * run, and world_excused() says so: the simulator counts it as expected.
 */
#ifndef FAILOVERD_TESTS_CHECK_H
#define FAILOVERD_TESTS_CHECK_H

#include "tests/sim/world_parts.h"

const char *invariant_name(enum invariant invariant);

/* True if what broke is within what the promises leave out and did happen in this run. */
bool world_excused(const struct world *world);

void check_init(struct world *world, uint8_t service);   /* allocates service->truth */
void check_free(struct world *world, uint8_t service);

/* After every event: one writer, no spinning; with `calm` set, no healthy writer is ever shut. */
void check_event(struct world *world);

/* Something that set out, or was due, at `since_us` gets to its host now. What nodes tell each other
 * carries ages that leave the way out, and a process that stands still does not notice: how far they
 * may be wrong is measured, not guessed. */
void check_delivered(struct world *world, int64_t since_us);

/* From now on a writer that stops acknowledging while its database and region are up is a break. */
void check_calm(struct world *world, bool calm);

/* ---- the voters (check_voters.c) ---- */

void check_sets_init(struct world *world, node_set voters);
void check_sets_free(struct world *world);
/* A host's disk says that this is on it. */
void check_set(struct world *world, struct host *host, const struct durable *durable);
/* ...asks for promises about it: by a ballot that no other process, life or store has used. */
void check_set_ballot(struct world *world, const struct host *host, const struct message *message);
/* ...starts, and its disk forgot the last write of its life before. */
void check_set_forgot(struct world *world, const struct host *host);

/* ---- the register (check_register.c) ---- */

/* A host's disk says that `durable` is on it. */
void check_durable(struct world *world, struct host *host, const struct durable *durable);
/* A message leaves its host: what it shows has to be on that host's disk, and a voter keeps its word. */
void check_sent(struct world *world, struct host *host, const struct message *message);
/* A host claims that its ledger (host->ledger[service]) is chosen. */
void check_claim(struct world *world, struct host *host, uint8_t service);
/* What is truly chosen at a version; NULL: nothing. */
const struct ledger *check_chosen(const struct world *world, uint8_t service, uint64_t version);
/* The newest truly chosen value; NULL: none. */
const struct ledger *check_newest(const struct world *world, uint8_t service);

/* ---- who may vote (check_voting.c) ---- */

/* A host counts by another set of voters from now on. */
void check_counts_by(struct world *world, struct host *host, uint64_t version);
/* A message gets to a host, before that sees it. */
void check_heard(struct world *world, struct host *host, uint8_t from, const struct message *message);
/* A host starts to vote: was it told by enough others that nobody knows a newer store of its, and does it still
 * have all that it once said was durable? */
void check_voting(struct world *world, struct host *host);
/* A disk says what it has now: its generation counts on only from one that others have confirmed. */
void check_generation(struct world *world, const struct host *host, const struct durable *durable);

/* ---- leases, evidence, steps (check_acts.c) ---- */

/* A voter lets a grant out (when it leaves, not when it is made): check_sent() tells. */
/* A voter tells a candidate that a region has failed: some check of it fails to this moment (check_evidence.c). */
void check_confirmed(struct world *world, struct host *voter, const struct message *message);
void check_granted(struct world *world, struct host *voter, const struct message *message);
/* A guard gives its lease back; a voter says how old its last grant is (as above). */
void check_released(struct world *world, const struct host *host, const struct message *message);
void check_grant_age(struct world *world, const struct host *host, const struct message *message);
/* A host's probe ended a round. */
void check_sampled(struct world *world, struct host *host, uint8_t service,
                   const struct sample *sample);
/* A value was accepted durably somewhere for the first time: was a begin backed by evidence? */
void check_first_accepted(struct world *world, uint8_t service, const struct ledger *ledger,
                          struct ballot ballot);
/* Gossip comes that is `older_us` older than what came from the same node: it may make nothing that a host
 * knows by that node younger than it is. Before and after it is handled; false: it is hardly older. */
struct check_news {
    uint8_t from, service;
    int64_t since_us;                   /* when it was sent */
    int64_t age_us[POLICY_REGIONS_MAX]; /* of what that node said of each region; < 0: nothing */
};
bool check_before_old_news(struct world *world, const struct host *host, struct check_news *news, int64_t older_us);
void check_after_old_news(struct world *world, const struct host *host, const struct check_news *news);

/* A person orders a failover, which may begin once, and is told that it is refused, which none may then. */
void check_ordered(struct world *world, uint8_t service, uint64_t ticket, region_id to);
/* A person approves or declines the proposal that the order names. */
void check_answered(struct world *world, uint8_t service, const struct order *order);
void check_refused(struct world *world, uint64_t ticket);
/* The same of a change of the voters. */
void check_voter_ordered(struct world *world, uint64_t ticket, const struct voter_order *order);
void check_voter_refused(struct world *world, uint64_t ticket);
/* A person ticks an item of a runbook, and hears that it is ticked (check_tick.c). */
void check_tick_ordered(struct world *world, uint8_t service, uint64_t ticket, const struct order *order);
void check_tick_accepted(struct world *world, uint64_t ticket);
/* A database is opened for writes, or kept open, until true time `until_us`. */
void check_opened(struct world *world, struct host *host, const struct act *act, int64_t until_us);
/* A standby is led to another region's database. */
void check_follows(struct world *world, const struct host *host, const struct act *act);
/* A promotion starts: from here it can't be called back. */
void check_promotion(struct world *world, struct host *host, const struct act *act);
/* It is done: the region's standby left `parent` at `fork_lsn`. */
void check_promoted(struct world *world, struct host *host, const struct act *act,
                    uint32_t parent, uint64_t fork_lsn);
/* A node sends an act: of a held operation none, of one that is sent back only what undoes it. */
void check_asked_for(struct world *world, const struct host *host, const struct act *act);
/* A node asks for the remote hook of a region; it was run, and whoever asked hears that it is done. */
void check_cut_off_asked(struct world *world, const struct host *host, const struct act *act);
void check_cut_off(struct world *world, const struct act *act);
/* Broken glasses (check_glass.c): what a disk has of them now; a promotion by one; an opening under a lease; gossip
 * leaves, and gets to, a host; a person's order to reconcile. */
void check_marks(struct world *world, const struct host *host, uint8_t service,
                 const struct mark marks[POLICY_NODES_MAX]);
/* ...a host starts whose disk forgot the last write of its life before. */
void check_forgot(struct world *world, const struct host *host);
/* ...a host starts whose store was put back once. */
void check_went_back(struct world *world, const struct host *host);
void check_glass_promotion(struct world *world, const struct host *host, const struct act *act);
void check_barred(struct world *world, const struct host *host, const struct act *act);
void check_told(struct world *world, const struct host *host, const struct message *message);
void check_met(struct world *world, const struct host *host, uint8_t from, const struct message *message);
void check_reconcile_ordered(struct world *world, uint8_t service, const struct order *order);
/* A zone was changed by `host` from `before` to what it is now. */
void check_zone(struct world *world, struct host *host, const struct act *act, uint8_t zone,
                const struct zone_state *before);
/* A note of a host: what it reports is held against what happened. */
void check_note(struct world *world, struct host *host, const struct note *note);

/* ---- at the end (check_rest.c) ---- */

/* After healing and enough time: everything has come to rest and every service is served by a region
 * that can. `lost`: regions that never come back. Breaks the world with what is not so. */
void check_rest(struct world *world, const bool lost[POLICY_REGIONS_MAX]);

#endif
