/* What the loss of the quorum means for one service right now, from where this node stands: before it happens, what
 * would; while it is lost, since when, what comes next, and what a person can do.
 *
 * A quorum is lost for a node. The writer's guard is the one whose database is fenced or kept; any other node
 * can only say that it can't take over, and what the writer does if it hears nobody either. */
#include "coordinator/base/clock.h"
#include "coordinator/status/status_parts.h"

struct outlook {
    region_id writer;      /* REGION_NONE: no database is open */
    bool here;             /* we are the writer's guard */
    bool keep;
    bool kernel;           /* ends what its guard no longer holds */
    bool fence_known;
    int64_t fence_us;      /* until the fence shuts if nothing renews the lease; <= 0: it is shut */
    bool since_known;
    int64_t since_us;      /* since a majority of voters was heard, for a lost quorum */
};

/* The same as the guard's own reckoning: a live guard shuts a budget early, the kernel at the end. */
static int64_t shuts_early_us(const struct status_service *service)
{
    const struct ledger *ledger = &service->view->ledger;
    int64_t budget = service->config->lease.fence_budget_us;
    if (ledger->fence == FENCE_ENFORCED)
        return 0;
    return budget < ledger->lease_us / 2 ? budget : ledger->lease_us / 2;
}

/* When a majority was last heard: as long ago as the last voter that it takes was. Not known when that one was
 * never heard, or is heard and just does not vote. */
static void find_since(const struct status_service *service, struct outlook *o)
{
    const struct cluster_config *cluster = service->input->cluster;
    int64_t age_us = 0;
    for (size_t i = 0; i < cluster->node_count && i < POLICY_NODES_MAX; i++) {
        const struct view_node *node = &service->view->nodes[i];
        unsigned fresher = 0; /* voters heard as lately as this one, itself included */
        if (!service->view->nodes[i].voter || !node->heard)
            continue;
        for (size_t j = 0; j < cluster->node_count && j < POLICY_NODES_MAX; j++)
            fresher += service->view->nodes[j].voter && service->view->nodes[j].heard &&
                       service->view->nodes[j].heard_age_us <= node->heard_age_us;
        bool enough = fresher >= service->view->voters_needed;
        if (enough && (!o->since_known || node->heard_age_us < age_us)) {
            age_us = node->heard_age_us;
            o->since_known = true;
        }
    }
    o->since_us = age_us;
    o->since_known = o->since_known && age_us > 0;
}

static struct outlook outlook_of(const struct status_service *service)
{
    const struct view_service *view = service->view;
    const struct ledger *ledger = &view->ledger;
    struct outlook o = { .writer = REGION_NONE };
    find_since(service, &o);
    if (!view->ledger_known)
        return o;
    o.keep = ledger->keep_on_quorum_loss;
    o.writer = ledger->writer < POLICY_REGIONS_MAX ? ledger->writer : REGION_NONE;
    if (o.writer == REGION_NONE)
        return o;
    const struct view_region *region = &view->regions[o.writer];
    o.here = ledger->guard.node == service->input->self;
    o.kernel = region->guard_kernel;
    o.fence_known = region->guard_heard && region->guard_node == ledger->guard.node;
    o.fence_us = region->lease_left_us > 0 ? region->lease_left_us - shuts_early_us(service) : 0;
    if (o.fence_us < 0)
        o.fence_us = 0;
    return o;
}

/* ---- words ------------------------------------------------------------------------------- */

static void say_would(const struct status_service *service, const struct outlook *o, struct text *text)
{
    const struct cluster_config *cluster = service->input->cluster;
    char in[CLOCK_DURATION_TEXT_MAX];
    const char *guard = name_node(cluster, service->view->ledger.guard.node);
    if (o->writer == REGION_NONE) {
        text_append(text, "If the quorum is lost: no region is the writer, so no database is open, and none is opened "
                          "until a majority is back");
        return;
    }
    text_appendf(text, "If %s lost the quorum: ", guard);
    if (o->keep) {
        text_appendf(text, "the database of %s stays open, held by this guard alone; then only its confirmed fence or "
                           "a person moves the writer (on_quorum_loss: keep)", name_region(cluster, o->writer));
        return;
    }
    if (o->fence_known && o->fence_us > 0)
        text_appendf(text, "the database of %s is fenced %s later", name_region(cluster, o->writer),
                     base_format_duration(in, sizeof in, o->fence_us));
    else
        text_appendf(text, "the database of %s is fenced when its lease has run out", name_region(cluster, o->writer));
    text_append(text, " and acknowledges nothing until a majority is back (on_quorum_loss: fence)");
}

static void say_lost_here(const struct status_service *service, const struct outlook *o, struct text *text)
{
    char in[CLOCK_DURATION_TEXT_MAX];
    const char *where = region_of(service, o->writer);
    if (o->keep)
        text_appendf(text, "the database of %s is held open by this guard alone, and nothing fails over "
                           "(on_quorum_loss: keep). If this failoverd ended too, %s", where,
                     o->kernel ? "the kernel would shut it some minutes later" : "it would stay open");
    else if (o->fence_us > 0)
        text_appendf(text, "the database of %s is fenced in %s (on_quorum_loss: fence)", where,
                     base_format_duration(in, sizeof in, o->fence_us));
    else
        text_appendf(text, "the database of %s is fenced: no write is acknowledged until a majority is back "
                           "(on_quorum_loss: fence)", where);
}

static void say_lost(const struct status_service *service, const struct outlook *o, struct text *text)
{
    char since[CLOCK_DURATION_TEXT_MAX];
    const struct cluster_config *cluster = service->input->cluster;
    if (o->since_known)
        text_appendf(text, "No quorum for %s: ", base_format_duration(since, sizeof since, o->since_us));
    else
        text_append(text, "No quorum: ");
    if (!service->view->ledger_known)
        text_append(text, "who is the writer is not known here, so this node opens nothing");
    else if (o->writer == REGION_NONE)
        text_append(text, "no region was the writer when that was last known, so no database is open");
    else if (o->here)
        say_lost_here(service, o, text);
    else
        text_appendf(text, "this node can't take over. The database of %s %s", name_region(cluster, o->writer),
                     o->keep ? "stays open, with a quorum of its own or held by its guard alone (on_quorum_loss: keep)"
                             : "goes on if its guard has a quorum, and else is fenced when its lease has run out "
                               "(on_quorum_loss: fence)");
}

static void say_todo(const struct status_service *service, const struct outlook *o, struct text *text)
{
    const struct cluster_config *cluster = service->input->cluster;
    unsigned missing = 0;
    for (size_t i = 0; i < cluster->node_count && i < POLICY_NODES_MAX; i++) {
        const struct view_node *node = &service->view->nodes[i];
        if (service->view->nodes[i].voter && !node->voting && i != service->input->self)
            text_appendf(text, "%s%s", missing++ == 0 ? "Bring back " : ", ", cluster->nodes[i].name);
    }
    text_append(text, missing > 0 ? ", or the network to them. " : "Have this node vote again (see mute). ");
    if (o->here && o->keep)
        text_append(text, "If another region has to take over meanwhile, stop this database first: a majority there "
                          "can then be ordered to go on (failoverctl failover ... --skip-gate fence).");
    else
        text_append(text, "Without a majority nobody can be named the writer.");
    if (!o->here && o->writer != REGION_NONE)
        text_appendf(text, " If none comes back, and you know that the database of %s is dead, another region's can be "
                           "opened at your word, at the risk of two writers: failoverctl failover %s --to REGION "
                           "--break-glass, on a guard there.", name_region(cluster, o->writer), service->config->name);
}

void status_quorum_text(const struct status_service *service, struct text *text)
{
    struct outlook o = outlook_of(service);
    if (service->view->quorum)
        say_would(service, &o, text);
    else
        say_lost(service, &o, text);
    text_append(text, ".");
}

void status_quorum_todo(const struct status_service *service, struct text *text)
{
    struct outlook o = outlook_of(service);
    if (!service->view->quorum)
        say_todo(service, &o, text);
}

json_t *status_quorum_loss(const struct status_service *service)
{
    struct outlook o = outlook_of(service);
    bool lost = !service->view->quorum;
    bool fences = o.writer != REGION_NONE && !o.keep && o.fence_known;
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    json_t *object = json_object();
    put(object, "mode", service->view->ledger_known ? json_string(o.keep ? "keep" : "fence") : json_null());
    put(object, "lost", json_boolean(lost));
    put(object, "lost_ms", lost && o.since_known ? json_of_ms(o.since_us) : json_null());
    put(object, "writers_guard_here", json_boolean(o.here));
    put(object, "fenced_in_ms", fences ? json_of_ms(o.fence_us) : json_null());
    status_quorum_text(service, &text);
    put(object, "text", json_of_text(sentence));
    text_clear(&text);
    status_quorum_todo(service, &text);
    put(object, "todo", lost ? json_of_text(sentence) : json_null());
    return object;
}
