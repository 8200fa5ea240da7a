/* What is put before people: the proposal of a failover, how long it waits and what happens then, who answered and why.
 * The ledger has it, so every node shows the same but for the time, which each counts from when it learnt of it. */
#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/config/config.h"
#include "coordinator/status/status_parts.h"

static bool is_asked(const struct view_service *view)
{
    const struct ledger_proposal *p = &view->ledger.proposal;
    return view->ledger_known && p->kind == OPERATION_FAILOVER &&
           (p->state == PROPOSAL_WAITS || p->state == PROPOSAL_APPROVED || p->state == PROPOSAL_DECLINED);
}

static void say_waits(const struct status_service *service, const char *id, struct text *text)
{
    char left[CLOCK_DURATION_TEXT_MAX];
    const struct view_service *view = service->view;
    bool go = service->config->on_no_answer == CONFIG_NO_ANSWER_GO;
    if (view->proposal_left_us > 0)
        text_appendf(text, "A person's word is waited for, for another %s; then %s. ",
                     base_format_duration(left, sizeof left, view->proposal_left_us),
                     go ? "it begins without" : "nothing begins until somebody answers");
    else
        text_appendf(text, "Nobody answered in time: %s. ",
                     go ? "it begins without, once every gate is open and the voters have confirmed afresh"
                        : "nothing begins until somebody does");
    text_appendf(text, "failoverctl approve %s, or failoverctl decline %s --reason \"...\"", id, id);
}

bool status_proposal_text(const struct status_service *service, struct text *text)
{
    const struct ledger_proposal *p = &service->view->ledger.proposal;
    char id[NAME_HEX_MAX];
    if (!is_asked(service->view))
        return false;
    text_appendf(text, "A failover from %s to %s is proposed (%s). ", region_of(service, p->from),
                 region_of(service, p->to), format_hex(id, p->id));
    if (p->state == PROPOSAL_WAITS)
        say_waits(service, id, text);
    else if (p->state == PROPOSAL_APPROVED)
        text_appendf(text, "Approved by %s%s%s%s: it begins once every other gate is open and the voters have "
                           "confirmed afresh", p->said.by.s, p->said.why.s[0] != '\0' ? " (" : "", p->said.why.s,
                     p->said.why.s[0] != '\0' ? ")" : "");
    else
        text_appendf(text, "Declined by %s (%s): nothing begins by itself before %s was well again. If you know "
                           "better: failoverctl failover %s --to %s --reason \"...\"", p->said.by.s, p->said.why.s,
                     region_of(service, p->from), service->config->name, region_of(service, p->to));
    return true;
}

json_t *status_proposal(const struct status_service *service)
{
    char sentence[STATUS_SENTENCE_MAX], id[NAME_HEX_MAX];
    struct text text = TEXT_OF(sentence);
    const struct view_service *view = service->view;
    const struct ledger_proposal *p = &view->ledger.proposal;
    if (!status_proposal_text(service, &text))
        return json_null();
    bool answered = p->state != PROPOSAL_WAITS;
    json_t *object = json_object();
    put(object, "id", json_string(format_hex(id, p->id)));
    put(object, "state", json_string(name_proposal_state((int)p->state)));
    put(object, "kind", json_string(name_operation_kind((int)p->kind)));
    put(object, "from", status_region_name(service->input, p->from));
    put(object, "to", status_region_name(service->input, p->to));
    put(object, "proposer", status_node_name(service->input, p->proposer));
    put(object, "made", status_wall(p->made));
    put(object, "waited_ms", json_of_ms_or_null(view->proposal_age_us));
    put(object, "left_ms", answered ? json_null() : json_of_ms_or_null(view->proposal_left_us));
    put(object, "on_no_answer", json_string(service->config->on_no_answer == CONFIG_NO_ANSWER_GO ? "go" : "nothing"));
    put(object, "answered_by", answered ? json_of_text(p->said.by.s) : json_null());
    put(object, "answered_at", answered ? status_wall(p->said.at) : json_null());
    put(object, "reason", answered ? json_of_text(p->said.why.s) : json_null());
    put(object, "text", json_of_text(sentence));
    return object;
}
