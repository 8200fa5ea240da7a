/* vote: whether this node may vote at all; if not, it is mute, for a reason that people are told.
 *
 * Purpose: a voter votes only with a sound store that has the vote, and that is not older than what its peers know of
 * it. After a start it stays silent until enough others have told the newest generation of its store that they have
 * seen: as many as it needs for any majority with itself. Whoever knows a newer one than is on disk keeps it mute: the
 * disk was rolled back, and what it forgot may have been promised. So each node also remembers, and tells, what it saw
 * of the others' stores.
 *
 * Internal to policy/, called by node.c alone. Whether a peer's word counts is said there: it takes the identity that
 * has the vote, and the peer sees to the rest by itself, by what is written here.
 */
#ifndef FAILOVERD_POLICY_VOTE_H
#define FAILOVERD_POLICY_VOTE_H

#include "policy/node_state.h"

/* What others hear of our store; 0: there is none to vote with. */
uint64_t vote_identity(const struct node *node);

/* The identity of our store has a vote under the set in force, whether it may use it now or not. */
bool vote_is_member(const struct node *node);

/* Its ballots are its own, so it may ask for values by them. */
bool vote_may_propose(const struct node *node);

/* What our ballots carry, so that no two processes of this node ever use the same one. Changes with the version of the
 * voters only. */
uint32_t vote_ballots(const struct node *node);

/* A process starts, its store and the voters as they were found: mute, until it is confirmed. */
void vote_start(struct node *node, struct effects *effects);

/* The disk refused: final for this process. */
void vote_store_failed(struct node *node, struct effects *effects);

/* Another set of voters is in force. `named_before`: the identity that had this node's vote; 0: none, or whichever. */
void vote_voters_changed(struct node *node, struct effects *effects, uint64_t named_before);

/* What is durable is about to be written: counts its generation, if it may be written at all. */
void vote_count_write(struct node *node);

/* ---- generations of the peers' stores, and of ours as they know it ---- */

/* A message of that peer says of what generation its disk is. */
void vote_remember_generation(struct node *node, const struct message *message);

/* Tells a peer what was seen of its store before its present process was heard. */
void vote_tell_generation(struct node *node, struct effects *effects, node_id peer);

/* A peer tells us so: with it we may be confirmed, or be known to be too old. */
void vote_on_generation(struct node *node, struct effects *effects, const struct message *message);

#endif
