/* Appending effects: see effect.h. */
#include "policy/effect.h"

struct effect *effects_add(struct effects *effects, enum effect_kind kind)
{
    policy_ensure(effects->count < EFFECTS_MAX);
    struct effect *effect = &effects->list[effects->count++];
    *effect = (struct effect){ .kind = kind };
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
