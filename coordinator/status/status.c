/* Status: the snapshot of the node. See status.h. */
#include "coordinator/status/status.h"

#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/status/sentences.h"
#include "coordinator/status/status_parts.h"

static json_t *render_mute(enum mute_reason mute)
{
    if (mute == MUTE_NOT)
        return json_null();
    json_t *object = json_object();
    put(object, "reason", json_string(name_mute_reason((int)mute)));
    put(object, "text", json_string(name_mute_text((int)mute)));
    put(object, "todo", json_string(name_mute_todo((int)mute)));
    return object;
}

static json_t *render_store(const struct status_input *input)
{
    const struct store_writer_status *store = input->store;
    json_t *object = json_object();
    const char *text = input->store_text != NULL ? input->store_text : "";
    if (store == NULL) {
        static const char *const keys[] = { "sequence", "last_write_ms", "longest_write_ms", "busy_ms", "waiting" };
        put(object, "state", json_string("missing"));
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            put(object, keys[i], json_null());
        put(object, "text", json_of_text(text));
        return object;
    }
    put(object, "state",
        json_string(store->failed ? "failed" : input->store_doubt ? "in_doubt" : "ok"));
    put(object, "sequence", json_of_u64(store->sequence));
    put(object, "last_write_ms", json_of_ms(store->last_us));
    put(object, "longest_write_ms", json_of_ms(store->longest_us));
    put(object, "busy_ms", json_of_ms(store->busy_us));
    put(object, "waiting", json_integer((json_int_t)store->waiting));
    put(object, "text", json_of_text(store->failed ? store->failure : text));
    return object;
}

static json_t *render_journal(const struct journal_status *journal)
{
    if (journal == NULL)
        return json_null();
    json_t *object = json_object();
    put(object, "path", json_of_text(journal->path));
    put(object, "written", json_of_u64(journal->written));
    put(object, "waiting", json_integer((json_int_t)journal->waiting));
    put(object, "lost", json_of_u64(journal->lost));
    put(object, "failing", json_boolean(journal->failing));
    put(object, "text", json_of_text(journal->text));
    return object;
}

static json_t *render_audit(const struct audit_status *audit)
{
    if (audit == NULL)
        return json_null();
    json_t *object = json_object();
    put(object, "path", json_of_text(audit->path));
    put(object, "seq", json_of_u64(audit->seq));
    put(object, "hash", json_of_text(audit->hash));
    put(object, "waiting", json_integer((json_int_t)audit->waiting));
    put(object, "lost", json_of_u64(audit->lost));
    put(object, "failing", json_boolean(audit->failing));
    put(object, "text", json_of_text(audit->text));
    return object;
}

static json_t *render_certificate(const struct tls_expiry *certificate)
{
    if (certificate == NULL)
        return json_null();
    json_t *object = json_object();
    put(object, "days_left", json_integer(certificate->days_left));
    put(object, "ca_days_left", json_integer(certificate->ca_days_left));
    put(object, "not_after", json_of_text(certificate->not_after));
    return object;
}

/* The service-independent part of what was heard of a node is the same in every view, except for
 * when; the newest counts. */
static const struct view_node *heard_of(const struct status_input *input, size_t node)
{
    const struct view_node *best = NULL;
    for (size_t i = 0; i < input->cluster->service_count && node < POLICY_NODES_MAX; i++) {
        const struct view_node *seen = &input->views[i].nodes[node];
        if (seen->heard && (best == NULL || seen->heard_age_us < best->heard_age_us))
            best = seen;
    }
    return best;
}

/* Under the set in force, which the file only says of a new cluster. */
static bool has_vote(const struct status_input *input, node_id node)
{
    if (input->voters == NULL)
        return input->cluster->nodes[node].voter;
    return node_in(electorate_all(voters_electorate(&input->voters->set)), node);
}

static json_t *render_peer(const struct status_input *input, size_t node)
{
    const struct node_config *config = &input->cluster->nodes[node];
    const struct view_node *heard = heard_of(input, node);
    const struct link_status *link = NULL;
    for (size_t i = 0; i < input->link_count; i++)
        if (strcmp(input->links[i].name, config->name) == 0)
            link = &input->links[i];
    json_t *object = json_object();
    put(object, "node", json_of_text(config->name));
    put(object, "region", json_of_text(config->region_name));
    put(object, "voter", json_boolean(has_vote(input, (node_id)node)));
    put(object, "voting", heard != NULL ? json_boolean(heard->voting) : json_null());
    put(object, "heard", json_boolean(heard != NULL));
    put(object, "heard_ms", heard != NULL ? json_of_ms_or_null(heard->heard_age_us) : json_null());
    put(object, "out", link != NULL ? json_string(link_phase_name(link->out.phase)) : json_null());
    put(object, "in", link != NULL ? json_string(link_phase_name(link->in.phase)) : json_null());
    put(object, "round_trip_ms", link != NULL && link->round_trip_us >= 0
                                     ? json_real((double)link->round_trip_us / 1000.0)
                                     : json_null());
    bool down = link != NULL && link->out.phase != LINK_PHASE_UP;
    put(object, "error", json_of_text(down ? link->out.error
                                      : link != NULL && link->in.phase != LINK_PHASE_UP
                                          ? link->in.error
                                          : ""));
    return object;
}

static json_t *render_peers(const struct status_input *input)
{
    json_t *peers = json_array();
    for (size_t i = 0; i < input->cluster->node_count; i++)
        if (i != input->self)
            add(peers, render_peer(input, i));
    return peers;
}

/* What was turned away at the two doors, and why. */
static json_t *render_links(const struct status_input *input)
{
    const struct links_counters *c = input->counters;
    if (c == NULL)
        return json_null();
    json_t *links = json_object();
    json_t *refused = json_object();
    for (int r = 0; r < LINK_REFUSAL_COUNT; r++)
        put(refused, link_refusal_name((enum link_refusal)r), json_of_u64(c->refused[r]));
    put(links, "accepted", json_of_u64(c->accepted));
    put(links, "replaced", json_of_u64(c->replaced));
    put(links, "half_open", json_of_u64(c->half_open));
    put(links, "refused", refused);
    put(links, "refused_messages", json_of_u64(input->refused_messages));
    return links;
}

static json_t *render_people(const struct control_counters *c)
{
    if (c == NULL)
        return json_null();
    json_t *people = json_object();
    put(people, "connections", json_of_u64(c->connections));
    put(people, "accepted", json_of_u64(c->accepted));
    put(people, "requests", json_of_u64(c->requests));
    put(people, "denied", json_of_u64(c->denied));
    put(people, "malformed", json_of_u64(c->malformed));
    put(people, "evicted", json_of_u64(c->evicted));
    put(people, "timed_out", json_of_u64(c->timed_out));
    return people;
}

static void render_head(const struct status_input *input, json_t *object)
{
    const struct node_config *self = &input->cluster->nodes[input->self];
    char when[CLOCK_WALL_TEXT_MAX];
    put(object, "version", json_of_text(input->version));
    put(object, "cluster", json_of_text(input->cluster->cluster));
    put(object, "node", json_of_text(self->name));
    put(object, "region", json_of_text(self->region_name));
    put(object, "time", json_string(base_format_wall(when, sizeof when, input->now_wall_us)));
    put(object, "up_seconds", json_of_seconds(input->now_mono_us - input->started_mono_us));
    put(object, "voter", json_boolean(input->mute != MUTE_NO_VOTE));
    put(object, "voting", json_boolean(input->mute == MUTE_NOT));
    put(object, "mute", render_mute(input->mute));
    json_t *loops = json_object();
    put(loops, "control_stall_ms", json_of_ms(input->control_stall_us));
    put(loops, "probes_stall_ms", json_of_ms(input->probes_stall_us));
    put(object, "loops", loops);
}

json_t *status_warnings(const struct status_input *input, const char *service)
{
    json_t *warnings = json_array();
    status_node_warnings(input, warnings);
    for (size_t i = 0; i < input->cluster->service_count; i++) {
        struct status_service part = { input, &input->cluster->services[i], &input->views[i], i };
        if (service == NULL || strcmp(part.config->name, service) == 0)
            status_service_warnings(&part, warnings);
    }
    return warnings;
}

json_t *status_render(const struct status_input *input, const char *service)
{
    ensure(input->self < input->cluster->node_count);
    json_t *object = json_object();
    if (object == NULL)
        return NULL;
    render_head(input, object);
    put(object, "voters", status_voters(input));
    put(object, "store", render_store(input));
    put(object, "journal", render_journal(input->journal));
    put(object, "audit", render_audit(input->audit));
    put(object, "certificate", render_certificate(input->certificate));
    put(object, "peers", render_peers(input));
    put(object, "links", render_links(input));
    put(object, "control_socket", render_people(input->people));
    put(object, "notify", input->notify != NULL ? json_deep_copy(input->notify) : json_null());
    json_t *services = json_array();
    for (size_t i = 0; i < input->cluster->service_count; i++) {
        struct status_service part = { input, &input->cluster->services[i], &input->views[i], i };
        if (service != NULL && strcmp(part.config->name, service) != 0)
            continue;
        add(services, status_render_service(&part));
    }
    put(object, "warnings", status_warnings(input, service));
    put(object, "services", services);
    return object;
}
