/* How a failback's traffic stands, for every node: what the ledger asks for, what is in force (known where it is
 * carried out), what comes next and what a person can say. And what a failback would do, before it begins. */
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/config/weights.h"
#include "coordinator/status/status_parts.h"

#define CORE_SIGNS "failoverd" /* its own words in the ledger */

#define DURATION(name, us) base_format_duration(name, sizeof name, us)

/* ---- while it runs -------------------------------------------------------------------------- */

bool status_shifts(const struct status_service *service)
{
    const struct view_service *view = service->view;
    enum step_id step = view->operation.step;
    bool database = view->operation.here && (step == STEP_LEASE || step == STEP_PROMOTE || step == STEP_OPEN ||
                                             step == STEP_HOOKS);
    return view->ledger_known && ledger_shifts(&view->ledger) && view->ledger.operation.phase == PHASE_GRANTED &&
           !database;
}

static void say_sent_back(const struct status_service *service, struct text *text)
{
    const struct view_operation *view = &service->view->operation;
    const struct ledger_operation *op = &service->view->ledger.operation;
    char id[NAME_HEX_MAX];
    (void)format_hex(id, op->id);
    text_appendf(text, "The traffic %s %s; the database stays at %s. %s%s%s%s",
                 view->here && view->in_force ? "is back at" : "goes back to", region_of(service, op->from),
                 region_of(service, op->to), op->said.by.s, op->said.by.s[0] != '\0' ? " said so: " : "",
                 op->said.why.s, op->said.by.s[0] != '\0' ? ". " : "");
    text_appendf(text, "failoverctl operation resume %s lets it come home again from the first stage; to move the "
                       "database too: failoverctl failover %s --to %s --reason \"...\", which shows first what it would lose.",
                 id, service->config->name, region_of(service, op->from));
}

static void say_next(const struct status_service *service, struct text *text)
{
    const struct view_operation *view = &service->view->operation;
    const struct ledger_operation *op = &service->view->ledger.operation;
    char left[CLOCK_DURATION_TEXT_MAX];
    if (op->wish == WISH_HOLD)
        text_append(text, ", held until somebody lets it go on");
    else if (op->shift.at + 1 == op->shift.count)
        text_append(text, ", and it is verified");
    else if (view->here && view->next_us > 0)
        text_appendf(text, ", %s to go, then %u %%", DURATION(left, view->next_us),
                     op->shift.percent[op->shift.at + 1]);
    else
        text_appendf(text, ", then %u %%", op->shift.percent[op->shift.at + 1]);
}

void status_shift_text(const struct status_service *service, struct text *text)
{
    const struct view_operation *view = &service->view->operation;
    const struct ledger *ledger = &service->view->ledger;
    const struct ledger_operation *op = &ledger->operation;
    char since[CLOCK_DURATION_TEXT_MAX];
    if (op->wish == WISH_BACK) {
        say_sent_back(service, text);
        return;
    }
    text_appendf(text, "Stage %u of %u: %u %% of the traffic ", op->shift.at + 1u, op->shift.count,
                 (unsigned)ledger_share(ledger));
    if (view->here && view->in_force)
        text_appendf(text, "at %s for %s", region_of(service, op->to), DURATION(since, view->in_force_us));
    else if (view->here)
        text_appendf(text, "is being brought to %s", region_of(service, op->to));
    else
        text_appendf(text, "is, or is being brought, to %s (%s knows)", region_of(service, op->to),
                     name_node(service->input->cluster, op->executor));
    say_next(service, text);
    text_append(text, ". Should home get worse, the traffic goes back by itself.");
}

json_t *status_shift(const struct status_service *service)
{
    const struct view_operation *view = &service->view->operation;
    const struct ledger *ledger = &service->view->ledger;
    const struct shift *shift = &ledger->operation.shift;
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    if (ledger->operation.kind != OPERATION_FAILBACK || shift->count == 0)
        return json_null();
    json_t *object = json_object();
    json_t *stages = json_array();
    for (uint8_t i = 0; i < shift->count && i < SHIFT_STAGES_MAX; i++)
        add(stages, json_integer(shift->percent[i]));
    bool moves = status_shifts(service);
    bool known = moves && view->here && view->step == STEP_SHIFT;
    if (moves)
        status_shift_text(service, &text);
    else
        text_append(&text, "the traffic stays where it is until the database is home");
    put(object, "stages", stages);
    put(object, "hold_ms", json_of_ms(shift->hold_us));
    put(object, "stage", moves ? json_integer(shift->at + 1) : json_null());
    put(object, "percent", moves ? json_integer(ledger_share(ledger)) : json_null());
    put(object, "sent_back", json_boolean(moves && ledger->operation.wish == WISH_BACK));
    put(object, "in_force", known ? json_boolean(view->in_force) : json_null());
    put(object, "in_force_ms", known && view->in_force ? json_of_ms(view->in_force_us) : json_null());
    put(object, "next_ms", known && view->next_us > 0 ? json_of_ms(view->next_us) : json_null());
    put(object, "text", json_of_text(sentence));
    return object;
}

bool status_is_its_own(const struct status_service *service)
{
    const struct ledger_operation *op = &service->view->ledger.operation;
    return op->kind == OPERATION_FAILBACK && op->wish != WISH_GO && strcmp(op->said.by.s, CORE_SIGNS) == 0;
}

void status_shift_warn(const struct status_service *service, json_t *warnings)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    if (!status_shifts(service) || service->view->ledger.operation.wish != WISH_BACK)
        return;
    say_sent_back(service, &text);
    status_warn(warnings, status_is_its_own(service) ? "home_got_worse" : "traffic_sent_back", service->config->name, "%s",
                sentence);
}

/* ---- before it begins ----------------------------------------------------------------------- */

json_t *status_shift_plan(const struct status_service *service, region_id home, const struct shift *shift)
{
    char sentence[STATUS_SENTENCE_MAX], each[CLOCK_DURATION_TEXT_MAX];
    struct text text = TEXT_OF(sentence);
    region_id from = service->view->ledger_known ? service->view->ledger.writer : REGION_NONE;
    bool known = home < POLICY_REGIONS_MAX && from < POLICY_REGIONS_MAX && from != home;
    bool weighted = known && weights_shift(service->config, from, home);
    json_t *object = json_object();
    json_t *stages = json_array();
    for (uint8_t i = 0; i < shift->count && weighted; i++)
        add(stages, json_integer(shift->percent[i]));
    if (!weighted)
        add(stages, json_integer(SHARE_ALL));
    if (service->config->dns == NULL)
        text_append(&text, "the service has no DNS here: traffic is nobody's business but yours");
    else if (known && !weighted)
        text_append(&text, "no record of the service is weighted, so nothing can be in between: all of the traffic comes "
                           "at once");
    else if (shift->count < 2)
        text_append(&text, "all of the traffic comes at once");
    else
        text_appendf(&text, "each stage but the last is held for %s while %s has to stay well; should it get worse, the "
                            "traffic goes back by itself and waits for a person, and the database stays. Records that "
                            "are not weighted move with the last stage",
                     DURATION(each, shift->hold_us), region_of(service, home));
    put(object, "stages", stages);
    put(object, "hold_ms", weighted && shift->count > 1 ? json_of_ms(shift->hold_us) : json_null());
    put(object, "weighted", json_boolean(weighted));
    put(object, "text", json_of_text(sentence));
    return object;
}
