/* The set of voters for the codec: see codec_voters.h.
 *
 *     {"version":"3","voters":{"a":"91","b":"0","c":"17"},
 *      "change":{"kind":"replace","node":"c","identity":"23"}}
 *
 * An identity of "0" is one that nobody has written down; a change of null is none.
 */
#include "coordinator/peer/codec_voters.h"

#include <string.h>

#include "coordinator/peer/codec_ledger.h"

static const char *const change_words[] = {
    [VOTER_NONE] = "none",
    [VOTER_ADD] = "add",
    [VOTER_REMOVE] = "remove",
    [VOTER_REPLACE] = "replace",
};
_Static_assert(sizeof change_words / sizeof change_words[0] == VOTER_CHANGE_COUNT, "every change has a word");

void codec_voter_change(struct codec *codec, const char *key, enum voter_change *change)
{
    CODEC_WORD(codec, key, change_words, *change);
}

static void refuse_strangers(struct codec *codec, const struct codec_object *in)
{
    const char *name;
    json_t *value;
    codec_each_key(in, name, value)
        if (codec_find_node(codec->names, name) == NODE_NONE) {
            struct codec_quote quote = codec_quote(name);
            codec_refuse(codec, "", "node %s votes, and cluster.json does not have it: put it back there, and "
                         "take its vote away first (failoverctl voter remove)", quote.s);
            return;
        }
}

static void walk_voters(struct codec *codec, struct voter_set *set)
{
    struct codec_object in;
    if (!codec_enter(codec, &in, "voters"))
        return;
    if (codec->reading)
        refuse_strangers(codec, &in);
    for (node_id node = 0; node < codec->names->node_count; node++) {
        const char *name = codec->names->nodes[node];
        if (codec->reading ? !codec_has(codec, name) : !node_in(set->voters, node))
            continue;
        set->voters = (node_set)(set->voters | node_bit(node));
        codec_u64(codec, name, &set->identity[node]);
    }
    codec_leave(codec, &in);
}

static void walk_change(struct codec *codec, struct voter_set *set)
{
    struct codec_object in;
    bool present = set->change != VOTER_NONE;
    if (codec->reading)
        set->node = NODE_NONE;
    if (!codec_enter_or_null(codec, &in, "change", &present))
        return;
    codec_voter_change(codec, "kind", &set->change);
    codec_node(codec, "node", &set->node);
    codec_u64(codec, "identity", &set->node_identity);
    codec_leave(codec, &in);
}

void codec_voter_set(struct codec *codec, const char *key, struct voter_set *set)
{
    struct codec_object in;
    if (codec->reading)
        memset(set, 0, sizeof *set); /* padding too: sets are compared whole by tests */
    if (!codec_enter(codec, &in, key))
        return;
    codec_u64(codec, "version", &set->version);
    walk_voters(codec, set);
    walk_change(codec, set);
    if (!voters_valid(set, codec->names->node_count))
        codec_refuse(codec, "", "can't be a set of voters");
    codec_leave(codec, &in);
}

void codec_voter_report(struct codec *codec, const char *key, struct voter_report *report)
{
    struct codec_object in;
    if (!codec_enter_or_null(codec, &in, key, &report->present))
        return;
    codec_ballot(codec, "ballot", &report->ballot);
    codec_voter_set(codec, "set", &report->set);
    codec_leave(codec, &in);
}
