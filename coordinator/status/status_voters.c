/* The voters, for people: who has a vote under the set in force, who uses it, why the others don't, and what a change
 * that is under way waits for. And which nodes are heard.
 *
 * Of another node's store we know what it says of itself and what we have heard of it before; why it is mute it tells
 * its own status. */
#include "coordinator/base/clock.h"
#include "coordinator/status/sentences.h"
#include "coordinator/status/status_parts.h"
#include "policy/quorum/majority.h"

/* A bit longer than the core counts it, so that one beat that is late is no news. */
#define HEARD_BEATS 5
#define HEARD_LEAST_US (2 * US_PER_S)

bool status_hears(const struct cluster_config *cluster, size_t self, const struct view_service *view, size_t node)
{
    int64_t limit_us = HEARD_BEATS * cluster->heartbeat_us;
    if (limit_us < HEARD_LEAST_US)
        limit_us = HEARD_LEAST_US;
    if (node == self || node >= POLICY_NODES_MAX)
        return node == self;
    return view->nodes[node].heard && view->nodes[node].heard_age_us <= limit_us;
}

static const char *why_mute(const struct node_voters *v, node_id n, const char **todo)
{
    uint64_t named = voters_identity(&v->set, n);
    *todo = "";
    if (!v->heard[n]) {
        *todo = "Start failoverd there, or mend the network to it.";
        return "not heard";
    }
    if (v->identities[n] == 0) {
        *todo = "Its store is missing or damaged: make a new one there (failoverd --format), start it, and then order "
                "failoverctl voter replace.";
        return "it has no store to vote with";
    }
    if (named != 0 && named != v->identities[n]) {
        *todo = "If the store that had the vote is lost: failoverctl voter replace.";
        return "the vote belongs to another store of this node";
    }
    *todo = "failoverctl status on that node says why. It asks the others about its store for a moment after a start; a "
            "store that is older than they know, or is new, needs failoverctl voter replace.";
    return "its store is not confirmed";
}

static json_t *render_voter(const struct status_input *input, const struct node_voters *v, node_id n)
{
    char id[NAME_HEX_MAX];
    const char *todo = "";
    const char *why = v->voting[n] ? "" : why_mute(v, n, &todo);
    json_t *object = json_object();
    bool own = n == input->self && input->mute != MUTE_NOT;
    if (own) {
        why = name_mute_text((int)input->mute);
        todo = name_mute_todo((int)input->mute);
    }
    put(object, "node", json_of_text(input->cluster->nodes[n].name));
    put(object, "region", json_of_text(input->cluster->nodes[n].region_name));
    put(object, "voting", json_boolean(v->voting[n]));
    put(object, "heard", json_boolean(v->heard[n]));
    put(object, "store", v->identities[n] != 0 ? json_string(format_hex(id, v->identities[n])) : json_null());
    put(object, "why", why[0] != '\0' ? json_of_text(why) : json_null());
    put(object, "todo", todo[0] != '\0' ? json_of_text(todo) : json_null());
    return object;
}

/* The first thing that the change still needs. */
static void say_waits_for(const struct status_input *input, const struct node_voters *v, struct text *text)
{
    char left[CLOCK_DURATION_TEXT_MAX];
    int64_t us = v->grounds.waited.us - input->now_mono_us;
    const char *service = v->grounds.service < input->cluster->service_count
                              ? input->cluster->services[v->grounds.service].name
                              : "a service";
    if (!v->stored)
        text_append(text, "majorities of the voters before and after have to have it on disk; until then both count");
    else if (!v->grounds.known || !v->grounds.held)
        text_appendf(text, "the state of %s has to be with majorities of the voters before and after", service);
    else if (us > 0)
        text_appendf(text, "one full wait of the longest lease has to pass: %s",
                     base_format_duration(left, sizeof left, us));
    else
        text_append(text, "nothing; it ends now");
}

void status_voter_change_text(const struct status_input *input, struct text *text)
{
    say_waits_for(input, input->voters, text);
}

static json_t *render_change(const struct status_input *input, const struct node_voters *v)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    if (v->set.change == VOTER_NONE)
        return json_null();
    json_t *object = json_object();
    say_waits_for(input, v, &text);
    put(object, "kind", json_string(name_voter_change((int)v->set.change)));
    put(object, "node", json_of_text(name_node(input->cluster, v->set.node)));
    put(object, "waits_for", json_of_text(sentence));
    return object;
}

json_t *status_voters(const struct status_input *input)
{
    const struct node_voters *v = input->voters;
    if (v == NULL)
        return json_null();
    struct electorate electorate = voters_electorate(&v->set);
    json_t *object = json_object();
    json_t *list = json_array();
    node_set voting = 0;
    for (node_id n = 0; n < input->cluster->node_count && n < POLICY_NODES_MAX; n++) {
        if (!node_in(electorate_all(electorate), n) && !node_in(v->set.voters, n))
            continue;
        add(list, render_voter(input, v, n));
        if (v->voting[n])
            voting = (node_set)(voting | node_bit(n));
    }
    put(object, "version", json_of_u64(v->set.version));
    put(object, "voters", list);
    put(object, "needed", json_integer(electorate_needed(electorate)));
    put(object, "quorum", json_boolean(electorate_has(electorate, voting)));
    put(object, "change", render_change(input, v));
    return object;
}
