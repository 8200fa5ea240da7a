/* The set of voters for the codec, the same on the wire and on disk; by name, as everything. What is read is a set
 * that voters_valid() accepts, or is refused; so is one that names a node which this configuration has not got.
 */
#ifndef FAILOVERD_PEER_CODEC_VOTERS_H
#define FAILOVERD_PEER_CODEC_VOTERS_H

#include "coordinator/peer/codec_field.h"
#include "policy/message.h"

void codec_voter_set(struct codec *codec, const char *key, struct voter_set *set);

/* "none", "add", "remove" or "replace". */
void codec_voter_change(struct codec *codec, const char *key, enum voter_change *change);

/* Not present is null. */
void codec_voter_report(struct codec *codec, const char *key, struct voter_report *report);

#endif
