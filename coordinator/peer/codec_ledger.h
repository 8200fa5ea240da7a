/* The register's values for the codec: ballots, instances, ledgers, what a voter has accepted.
 *
 * The same on the wire and on disk, and complete: two nodes compare ledgers field by field, so
 * nothing is left out because it "does not matter". What is read is a ledger that ledger_valid()
 * accepts, or is refused.
 */
#ifndef FAILOVERD_PEER_CODEC_LEDGER_H
#define FAILOVERD_PEER_CODEC_LEDGER_H

#include "coordinator/peer/codec_field.h"
#include "policy/quorum/ledger.h"

struct register_report;

/* BALLOT_ZERO, which stands for "none so far", is null. */
void codec_ballot(struct codec *codec, const char *key, struct ballot *ballot);

/* As above for a promise on disk, where the node may be one that the configuration no longer has:
 * the promise is raised to the next counter then, which is more than what was promised. */
void codec_promise(struct codec *codec, const char *key, struct ballot *ballot);

/* A guard that exists. */
void codec_instance(struct codec *codec, const char *key, struct instance *instance);

/* None (count 0) is null. */
void codec_shift(struct codec *codec, struct shift *shift);

void codec_ledger(struct codec *codec, const char *key, struct ledger *ledger);

/* Not present is null. */
void codec_report(struct codec *codec, const char *key, struct register_report *report);

#endif
