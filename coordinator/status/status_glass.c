/* Broken glasses in a status: what each mark says, what is open by it, both sides for whoever reconciles, and what
 * has to be changed by hand meanwhile. */
#include <inttypes.h>

#include "coordinator/base/clock.h"
#include "coordinator/status/status_parts.h"

bool status_glass_any(const struct view_service *view)
{
    for (size_t n = 0; n < POLICY_NODES_MAX; n++)
        if (view->marks[n].state != MARK_NONE)
            return true;
    return false;
}

/* In the order in which they are told: by region, of each the one that goes before the others of it first. Returns how
 * many there are. */
static size_t marks_in_order(const struct view_service *view, const struct mark *marks[POLICY_NODES_MAX])
{
    size_t count = 0;
    for (region_id r = 0; r < POLICY_REGIONS_MAX; r++) {
        const struct mark *first = mark_of_region(view->marks, r);
        if (first != NULL)
            marks[count++] = first;
        for (size_t n = 0; n < POLICY_NODES_MAX; n++) {
            const struct mark *mark = &view->marks[n];
            if (mark != first && mark->state != MARK_NONE && mark->region == r)
                marks[count++] = mark;
        }
    }
    return count;
}

/* Another mark of its region, which two coordinators of it have both made, and which goes before; NULL: none does. */
static const struct mark *fellow_of(const struct view_service *view, const struct mark *mark)
{
    const struct mark *first = mark_of_region(view->marks, mark->region);
    return first != mark ? first : NULL;
}

/* ---- the sentences ------------------------------------------------------------------------- */

static void mark_text(const struct status_service *service, const struct mark *mark, struct text *text)
{
    const struct view_service *view = service->view;
    const char *where = region_of(service, mark->region);
    bool own = view->glass.own && mark->maker.node == service->input->self;
    bool leased = view->ledger_known && view->ledger.writer == mark->region;
    const struct mark *fellow = fellow_of(view, mark);
    if (mark_rests(mark) && (fellow != NULL || leased)) {
        text_appendf(text, "the glass was %sbroken for %s at %s, at the word of %s (\"%s\"); it was given up since, and "
                           "nothing is opened by it any more: ", fellow != NULL ? "also " : "", where,
                     name_node(service->input->cluster, mark->maker.node), mark->by.s, mark->proof.s);
        if (fellow != NULL)
            text_appendf(text, "%s looks after the same database", name_node(service->input->cluster, fellow->maker.node));
        else
            text_append(text, "its region has a lease");
        return;
    }
    if (mark->state == MARK_STANDS) {
        text_appendf(text, "the glass was broken for %s: without a quorum %s opened its database, at the word of "
                           "%s (\"%s\"). "
                           "No lease stands behind that: nothing proves that it is the only writer", where,
                     name_node(service->input->cluster, mark->maker.node), mark->by.s, mark->proof.s);
        if (own && !view->glass.open)
            text_appendf(text, ". It is not open yet%s%s", view->glass.detail.s[0] != '\0' ? ": " : "",
                         view->glass.detail.s);
        return;
    }
    text_appendf(text, "the glass was broken for %s at the word of %s (\"%s\"); its database %s since %s %s, and "
                       "keeps what was "
                       "written there", where, mark->by.s, mark->proof.s,
                 mark->state == MARK_SHUT ? "is shut" : "is being shut",
                 mark->yields != REGION_NONE ? region_of(service, mark->yields) : "another region",
                 mark->yields == mark->region ? "is to get a lease" : "writes, or is kept by a person");
}

/* It is there, and can change the ledger: by one that is not, or is mute, nothing is carried out. */
static bool can_act(const struct status_service *service, node_id node)
{
    const struct view_node *seen = &service->view->nodes[node];
    return status_hears(service->input->cluster, service->input->self, service->view, node) &&
           (seen->voting || !seen->voter);
}

/* Another coordinator that guards the region's database is configured, and with `now` can act. */
static bool has_other_guard(const struct status_service *service, region_id region, node_id node, bool now)
{
    const struct service_region_config *config = config_service_region(service->config, region);
    for (size_t i = 0; config != NULL && i < config->guard_count; i++)
        if (config->guards[i] != node && (!now || can_act(service, (node_id)config->guards[i])))
            return true;
    return false;
}

static bool is_ending(const struct view_service *view, const struct mark *mark)
{
    const struct ledger_operation *runs = &view->ledger.operation;
    return view->ledger_known && runs->kind != OPERATION_NONE && runs->mark == mark->id;
}

/* What is left where the marked side's node is gone for good. */
static void other_side_text(const struct status_service *service, region_id other, struct text *text)
{
    text_appendf(text, "if it is gone for good: failoverctl reconcile %s --keep %s --skip-gate fence, at your word that its "
                       "database is dead", service->config->name, region_of(service, other));
}

/* The operation that keeps the marked side has begun, and does not go back by itself: its own node has to be back, or a
 * person says that it is gone (policy/failover/reconcile.c). */
static void stuck_text(const struct status_service *service, const struct mark *mark, node_id node, struct text *text)
{
    const char *name = name_node(service->input->cluster, node);
    const char *where = region_of(service, mark->region);
    region_id other = service->view->ledger.operation.from;
    if (status_hears(service->input->cluster, service->input->self, service->view, node)) {
        text_appendf(text, "%s is heard and does not vote. It carries the reconciliation out that keeps %s, which goes no "
                           "further without it. Start failoverd there on the state_dir that has its vote: no voter is "
                           "replaced while an operation runs; ", name, where);
        other_side_text(service, other, text);
        return;
    }
    text_appendf(text, "%s is not heard. It carries the reconciliation out that keeps %s, and no region writes before it is "
                       "back. ", name, where);
    if (mark->state != MARK_STANDS) {
        text_appendf(text, "Start failoverd there, or another coordinator that guards %s", where);
        return;
    }
    text_append(text, "Start failoverd there, on its own state_dir, and it goes on by itself");
    if (!service->view->nodes[node].voter)
        text_append(text, ". If that is lost: failoverd --format makes a new one, which does as well, since it has no vote");
    else if (has_other_guard(service, mark->region, node, false))
        text_appendf(text, ". If that is lost, a copy from before the glass was broken does as well: it gives the mark up, "
                           "and another coordinator of %s goes on", where);
    text_append(text, "; ");
    other_side_text(service, other, text);
}

/* Of a mark that nobody has decided on: what its maker is needed for. */
static void maker_text(const struct status_service *service, const struct mark *mark, struct text *text)
{
    const char *name = name_node(service->input->cluster, mark->maker.node);
    bool heard = status_hears(service->input->cluster, service->input->self, service->view, mark->maker.node);
    text_appendf(text, "%s, which made the mark, %s", name, heard ? "is heard and does not vote" : "is not heard");
    if (mark->state == MARK_SHUT)
        text_appendf(text, ": it is needed only to keep %s", region_of(service, mark->region));
    else
        text_append(text, ", and only it can shut the marked database and say so");
    if (heard)
        text_appendf(text, ". failoverctl voter list says why; if its store is lost, failoverctl voter replace %s --reason "
                           "TEXT gives its new one the vote first", name);
    else
        text_append(text, ". Start failoverd there");
}

/* Two makers, each of which holds the database open by its own mark: the younger gives its own up as soon as it hears
 * the other. */
static bool fellow_text(const struct status_service *service, const struct mark *mark, struct text *text)
{
    for (size_t n = 0; n < POLICY_NODES_MAX; n++) {
        const struct mark *other = &service->view->marks[n];
        if (other == mark || other->state == MARK_NONE || other->state == MARK_SHUT || other->region != mark->region)
            continue;
        text_appendf(text, "%s broke it for %s as well, and may open its database by itself: to keep %s these two "
                           "coordinators have to hear each other (as soon as they do the younger mark is given up), or the "
                           "store of one has to be gone", name_node(service->input->cluster, (node_id)n),
                     region_of(service, mark->region), region_of(service, mark->region));
        return true;
    }
    return false;
}

/* What keeps the mark from being ended as a person says, or has said; false: nothing does, or no majority is there. */
static bool obstacle_text(const struct status_service *service, const struct mark *mark, struct text *text)
{
    const struct view_service *view = service->view;
    bool ending = is_ending(view, mark);
    node_id node = ending ? view->ledger.operation.executor : mark->maker.node;
    if (!view->quorum || !view->ledger_known || node >= POLICY_NODES_MAX)
        return false;
    if (mark->state == MARK_STANDS && fellow_text(service, mark, text))
        return true;
    if (can_act(service, node))
        return false;
    if (!ending)
        maker_text(service, mark, text);
    else if (mark->state != MARK_STANDS && has_other_guard(service, mark->region, node, true))
        return false; /* which takes it over */
    else
        stuck_text(service, mark, node, text);
    return true;
}

static void todo_text(const struct status_service *service, const struct mark *mark, struct text *text)
{
    const struct view_service *view = service->view;
    region_id other = view->ledger_known ? view->ledger.writer : REGION_NONE;
    char words[STATUS_SENTENCE_MAX];
    struct text obstacle = TEXT_OF(words);
    bool stuck = obstacle_text(service, mark, &obstacle);
    if (view->quorum && mark_rests(mark) && fellow_of(view, mark) != NULL) {
        text_append(text, "It is reconciled together with that one");
        return;
    }
    if (!view->quorum) {
        text_append(text, "Bring a majority of the voters back; then a person says which side is kept");
        return;
    }
    if (is_ending(view, mark)) {
        text_appendf(text, "It is being reconciled, and %s is kept%s%s", region_of(service, mark->region), stuck ? ". " : "",
                     stuck ? words : "");
        return;
    }
    text_appendf(text, "A person has to say which side is kept: failoverctl reconcile %s --keep %s",
                 service->config->name, region_of(service, mark->region));
    if (other != REGION_NONE && other != mark->region)
        text_appendf(text, " or --keep %s", region_of(service, other));
    text_append(text, "; it shows both before it asks. Until then no failover begins and nothing else is opened");
    if (!stuck)
        return;
    text_appendf(text, ". %s", words);
    bool heard = status_hears(service->input->cluster, service->input->self, view, mark->maker.node);
    if (!heard && mark->state != MARK_SHUT && other != REGION_NONE && other != mark->region) {
        text_append(text, "; ");
        other_side_text(service, other, text);
    }
}

void status_glass_headline(const struct status_service *service, struct text *text)
{
    const struct mark *marks[POLICY_NODES_MAX];
    size_t count = marks_in_order(service->view, marks);
    for (size_t i = 0; i < count; i++) {
        size_t begin = text->length;
        mark_text(service, marks[i], text);
        if (text->length > begin && text->data[begin] >= 'a' && text->data[begin] <= 'z')
            text->data[begin] = (char)(text->data[begin] - 'a' + 'A');
        text_append(text, ". ");
    }
}

void status_glass_outlook(const struct status_service *service, struct text *text)
{
    const struct mark *marks[POLICY_NODES_MAX];
    if (marks_in_order(service->view, marks) == 0)
        return;
    todo_text(service, marks[0], text);
    text_append(text, ".");
}

bool status_glass_stuck(const struct status_service *service, struct text *text)
{
    for (size_t n = 0; n < POLICY_NODES_MAX; n++) {
        const struct mark *mark = &service->view->marks[n];
        if (mark->state != MARK_NONE && is_ending(service->view, mark) && obstacle_text(service, mark, text))
            return true;
    }
    return false;
}

void status_glass_warnings(const struct status_service *service, json_t *warnings)
{
    char words[STATUS_SENTENCE_MAX];
    const struct mark *marks[POLICY_NODES_MAX];
    size_t count = marks_in_order(service->view, marks);
    for (size_t i = 0; i < count; i++) {
        const struct mark *mark = marks[i];
        struct text text = TEXT_OF(words);
        text_clear(&text);
        mark_text(service, mark, &text);
        if (!service->view->quorum) {
            text_append(&text, ". ");
            todo_text(service, mark, &text);
        }
        status_warn(warnings, "glass_broken", service->config->name, "%s", words);
        if (!service->view->quorum)
            continue;
        text_clear(&text);
        if (!is_ending(service->view, mark)) {
            todo_text(service, mark, &text);
            status_warn(warnings, "reconcile_needed", service->config->name, "%s", words);
        } else if (obstacle_text(service, mark, &text)) {
            status_warn(warnings, "reconcile_stuck", service->config->name, "%s", words);
        }
    }
}

/* ---- both sides ---------------------------------------------------------------------------- */

/* What a side has beyond the point where the marked database left the others: all of it is lost if the other is kept.
 * */
static json_t *beyond(const struct mark *mark, const struct view_region *region, bool marked)
{
    const struct database_facts *facts = &region->database;
    bool apart = marked ? facts->timeline > mark->timeline : true;
    if (!facts->known || (facts->in_recovery && !marked) || facts->lsn < mark->lsn)
        return json_null();
    return json_integer(apart ? (json_int_t)(facts->lsn - mark->lsn) : 0);
}

static json_t *render_side(const struct status_service *service, const struct mark *mark, region_id region)
{
    const struct view_region *view = &service->view->regions[region];
    char lsn[NAME_LSN_MAX];
    json_t *side = json_object();
    bool marked = region == mark->region;
    put(side, "region", json_string(region_of(service, region)));
    put(side, "marked", json_boolean(marked));
    put(side, "fence", view->guard_heard ? json_string(name_fence_state((int)view->fence)) : json_null());
    put(side, "primary", view->database.known ? json_boolean(!view->database.in_recovery) : json_null());
    put(side, "timeline", view->database.known ? json_integer(view->database.timeline) : json_null());
    put(side, "lsn", view->database.known ? json_string(format_lsn(lsn, view->database.lsn)) : json_null());
    put(side, "seen_ms_ago", view->database.known ? json_of_ms_or_null(view->database_age_us) : json_null());
    put(side, "beyond_bytes", beyond(mark, view, marked));
    return side;
}

static json_t *render_sides(const struct status_service *service, const struct mark *mark)
{
    const struct view_service *view = service->view;
    json_t *sides = json_array();
    region_id other = view->ledger_known ? view->ledger.writer : mark->writer;
    if (other == REGION_NONE && view->ledger_known)
        other = view->ledger.operation.from;
    add(sides, render_side(service, mark, mark->region));
    if (other < POLICY_REGIONS_MAX && other != mark->region)
        add(sides, render_side(service, mark, other));
    return sides;
}

static json_t *render_mark(const struct status_service *service, const struct mark *mark)
{
    static const char *const states[] = { "none", "stands", "given_up", "shut" };
    char id[NAME_HEX_MAX];
    char lsn[NAME_LSN_MAX];
    char at[CLOCK_WALL_TEXT_MAX];
    char words[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(words);
    json_t *object = json_object();
    put(object, "id", json_string(format_hex(id, mark->id)));
    put(object, "state", json_string(states[mark->state]));
    put(object, "region", json_string(region_of(service, mark->region)));
    put(object, "node", status_node_name(service->input, mark->maker.node));
    put(object, "own", json_boolean(service->view->glass.own && mark->maker.node == service->input->self));
    put(object, "at", json_string(base_format_wall(at, sizeof at, mark->at.us)));
    put(object, "by", json_of_text(mark->by.s));
    put(object, "reason", json_of_text(mark->why.s));
    put(object, "old_is_dead", json_of_text(mark->proof.s));
    put(object, "known_writer", status_region_name(service->input, mark->writer));
    put(object, "known_epoch", mark->epoch > 0 ? json_of_u64(mark->epoch) : json_null());
    put(object, "known_version", mark->version > 0 ? json_of_u64(mark->version) : json_null());
    put(object, "fork_timeline", json_integer(mark->timeline));
    put(object, "fork_lsn", json_string(format_lsn(lsn, mark->lsn)));
    put(object, "gives_way_to", status_region_name(service->input, mark->yields));
    put(object, "sides", render_sides(service, mark));
    mark_text(service, mark, &text);
    put(object, "text", json_of_text(words));
    text_clear(&text);
    todo_text(service, mark, &text);
    put(object, "todo", json_of_text(words));
    text_clear(&text);
    put(object, "obstacle", obstacle_text(service, mark, &text) ? json_of_text(words) : json_null());
    return object;
}

/* ---- DNS, by hand -------------------------------------------------------------------------- */

static void record_line(const struct record_config *record, size_t region, json_t *lines)
{
    char words[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(words);
    const struct record_values *values = config_record_values(record, region);
    const struct record_alias *alias = config_record_alias(record, region);
    const struct record_weight *weight = config_record_weight(record, region);
    text_appendf(&text, "%s %s %" PRId64, record->name, config_record_type_name(record->type), record->ttl_s);
    if (record->set_identifier != NULL)
        text_appendf(&text, " (%s)", record->set_identifier);
    for (size_t v = 0; values != NULL && v < values->values.count; v++)
        text_appendf(&text, "%s %s", v > 0 ? "," : "", values->values.items[v]);
    if (alias != NULL)
        text_appendf(&text, " alias of %s in %s", alias->name, alias->zone);
    if (weight != NULL)
        text_appendf(&text, " weight %" PRId64, weight->weight);
    add(lines, json_of_text(words));
}

/* What DNS would have to say for `region` to be found: no epoch can be agreed on, so nobody changes it but a person. */
static json_t *render_records(const struct status_service *service, size_t region)
{
    json_t *lines = json_array();
    const struct dns_config *dns = service->config->dns;
    for (size_t z = 0; dns != NULL && z < dns->zone_count; z++)
        for (size_t r = 0; r < dns->zones[z].record_count; r++)
            record_line(&dns->zones[z].records[r], region, lines);
    return lines;
}

json_t *status_glass(const struct status_service *service)
{
    const struct view_service *view = service->view;
    region_id region = (region_id)service->input->cluster->nodes[service->input->self].region;
    const struct mark *marks[POLICY_NODES_MAX];
    size_t count = marks_in_order(view, marks);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        add(list, render_mark(service, marks[i]));
    json_t *object = json_object();
    put(object, "marks", list);
    put(object, "open_by_mark", json_boolean(view->glass.open));
    put(object, "durable", json_boolean(view->glass.durable));
    put(object, "detail", json_of_text(view->glass.detail.s));
    bool serves = region < POLICY_REGIONS_MAX && view->regions[region].serves;
    put(object, "records_by_hand", serves ? render_records(service, region) : json_array());
    return object;
}
