/* A broken glass's mark for the codec, the same on the wire and on disk. */
#ifndef FAILOVERD_PEER_CODEC_MARK_H
#define FAILOVERD_PEER_CODEC_MARK_H

#include "coordinator/peer/codec_field.h"
#include "policy/mark.h"

/* None is null. What is read stands for a mark that can be: an id, a maker, and a state that is one. */
void codec_mark(struct codec *codec, const char *key, struct mark *mark);

#endif
