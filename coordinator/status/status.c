/* Status: the snapshot of the node, and of what an order would do. See status.h. */
#include "coordinator/status/status.h"

#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
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
        put(object, "state", json_string("missing"));
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
    put(object, "voter", json_boolean(config->voter));
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
    put(object, "voter", json_boolean(self->voter));
    put(object, "voting", json_boolean(input->mute == MUTE_NOT));
    put(object, "mute", render_mute(input->mute));
    json_t *loops = json_object();
    put(loops, "control_stall_ms", json_of_ms(input->control_stall_us));
    put(loops, "probes_stall_ms", json_of_ms(input->probes_stall_us));
    put(object, "loops", loops);
}

json_t *status_render(const struct status_input *input, const char *service)
{
    ensure(input->self < input->cluster->node_count);
    json_t *object = json_object();
    if (object == NULL)
        return NULL;
    render_head(input, object);
    put(object, "store", render_store(input));
    put(object, "journal", render_journal(input->journal));
    put(object, "certificate", render_certificate(input->certificate));
    put(object, "peers", render_peers(input));
    put(object, "links", render_links(input));
    put(object, "control_socket", render_people(input->people));
    json_t *warnings = json_array();
    json_t *services = json_array();
    status_node_warnings(input, warnings);
    for (size_t i = 0; i < input->cluster->service_count; i++) {
        struct status_service part = { input, &input->cluster->services[i], &input->views[i], i };
        if (service != NULL && strcmp(part.config->name, service) != 0)
            continue;
        status_service_warnings(&part, warnings);
        add(services, status_render_service(&part));
    }
    put(object, "warnings", warnings);
    put(object, "services", services);
    return object;
}

/* ---- what would happen ------------------------------------------------------------------- */

/* The gates as they would be with what the order skips and accepts. */
static void apply_order(struct view_region *region, const struct order *order)
{
    struct gate *loss = &region->gates[GATE_LOSS_WITHIN_RPO];
    if (order->accepted_loss_bytes >= 0 && loss->known && loss->value <= order->accepted_loss_bytes) {
        loss->open = true;
        loss->limit = order->accepted_loss_bytes;
        loss->limit_us = 0;
    }
    for (int i = 0; i < GATE_COUNT; i++)
        if ((order->skipped_gates >> i & 1u) != 0 && !region->gates[i].open)
            region->gates[i].skipped = true;
}

/* The pace of automatic failovers does not bind a person; every other gate has to be named. */
static bool gate_is_automatic(int gate)
{
    return gate == GATE_OUTAGE_MIN || gate == GATE_COOLDOWN;
}

static json_t *render_steps(enum operation_kind kind)
{
    json_t *steps = json_array();
    const struct plan_step *plan = plan_of(kind);
    for (size_t i = 0; plan != NULL && plan[i].step != STEP_NONE; i++) {
        json_t *step = json_object();
        put(step, "number", json_integer((json_int_t)i + 1));
        put(step, "name", json_string(step_name(plan[i].step)));
        put(step, "irreversible", json_boolean(plan[i].irreversible));
        add(steps, step);
    }
    return steps;
}

/* Why there is nothing to weigh at all; NULL if there is. */
static const char *dry_run_obstacle(const struct view_service *view, const struct order *order)
{
    if (!view->quorum)
        return "no majority of voters is heard: nothing can begin";
    if (!view->ledger_known)
        return "who is the writer is not known yet: nothing can begin";
    if (view->ledger.operation.kind != OPERATION_NONE)
        return "an operation is running already";
    if (order->to >= POLICY_REGIONS_MAX || !view->regions[order->to].serves)
        return "that region has no database of this service";
    if (view->ledger.writer == order->to)
        return "that region is the writer already";
    return NULL;
}

json_t *status_dry_run(const struct status_input *input, size_t index, const struct order *order)
{
    ensure(index < input->cluster->service_count);
    const struct view_service *view = &input->views[index];
    struct status_service service = { input, &input->cluster->services[index], view, index };
    struct view_region region = { 0 };
    const char *obstacle = dry_run_obstacle(view, order);
    json_t *object = json_object();
    json_t *shut = json_array();
    json_t *skipped = json_array();
    if (order->to < POLICY_REGIONS_MAX && view->regions[order->to].serves)
        region = view->regions[order->to];
    apply_order(&region, order);
    for (int i = 0; i < GATE_COUNT && obstacle == NULL; i++) {
        if (region.gates[i].skipped)
            add(skipped, json_string(gate_name((enum gate_id)i)));
        else if (!region.gates[i].open && !gate_is_automatic(i))
            add(shut, json_string(gate_name((enum gate_id)i)));
    }
    bool runs = obstacle == NULL && json_array_size(shut) == 0;
    put(object, "service", json_of_text(service.config->name));
    put(object, "from", status_region_name(input, status_subject(view)));
    put(object, "to", status_region_name(input, order->to));
    put(object, "would_run", json_boolean(runs));
    put(object, "text", json_string(obstacle != NULL ? obstacle
                                    : runs ? "it would begin; nothing was changed"
                                           : "it would be refused by the gates named in shut"));
    put(object, "gates", obstacle == NULL ? status_gates(&service, &region) : json_array());
    put(object, "shut", shut);
    put(object, "skipped", skipped);
    put(object, "loss", status_loss(region.lag_known ? region.lag_bytes : -1, region.lag_us,
                                    region.lag_age_us));
    put(object, "steps", render_steps(OPERATION_FAILOVER));
    return object;
}
