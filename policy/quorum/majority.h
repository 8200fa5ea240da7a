/* majority: counting distinct voters, never messages. */
#ifndef FAILOVERD_POLICY_MAJORITY_H
#define FAILOVERD_POLICY_MAJORITY_H

#include "policy/types.h"

uint8_t set_size(node_set set);

/* How many voters a majority of `voters` is. */
uint8_t majority_of(node_set voters);

/* Whether `yes` holds a majority of `voters`; members that are no voters do not count. */
bool majority_has(node_set voters, node_set yes);

/* Those who have not said no can't become a majority. */
bool majority_lost(node_set voters, node_set no);

#endif
