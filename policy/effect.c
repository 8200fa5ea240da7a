/* Appending effects: see effect.h. */
#include "policy/effect.h"

#include <string.h>

/* How much of an effect its kind makes use of: a message is far larger than all else, and most effects are none. */
static size_t size_of(enum effect_kind kind)
{
    const struct effect *e = NULL;
    switch (kind) {
    case EFFECT_PERSIST: return sizeof e->as.persist;
    case EFFECT_ACT: return sizeof e->as.act;
    case EFFECT_REPLY: return sizeof e->as.reply;
    case EFFECT_NOTE: return sizeof e->as.note;
    case EFFECT_TIMER: return sizeof e->as.timer_at;
    case EFFECT_SEND:
    default: return sizeof e->as;
    }
}

struct effect *effects_add(struct effects *effects, enum effect_kind kind)
{
    policy_ensure(effects->count < EFFECTS_MAX);
    struct effect *effect = &effects->list[effects->count++];
    effect->kind = kind;
    memset(&effect->as, 0, size_of(kind));
    return effect;
}

struct message *effects_send(struct effects *effects, node_set to, bool durable,
                             enum message_kind kind, uint8_t service)
{
    struct effect *effect = effects_add(effects, EFFECT_SEND);
    effect->as.send.to = to;
    effect->as.send.durable = durable;
    effect->as.send.message.kind = kind;
    effect->as.send.message.service = service;
    return &effect->as.send.message;
}
