/* The roads out, for link.c. Private. */
#ifndef FAILOVERD_PEER_LINK_DIAL_H
#define FAILOVERD_PEER_LINK_DIAL_H

#include "coordinator/peer/link_parts.h"

/* Of a peer whose links, name and address are set: begins to dial soon. */
void link_dial_init(struct peer *peer);

enum link_send link_dial_send(struct peer *peer, const void *payload, size_t length);

/* Gives up what stands or is under way and dials at once. */
void link_dial_anew(struct peer *peer, const char *reason);

/* Frees all, calling nobody. */
void link_dial_end(struct peer *peer);

#endif
