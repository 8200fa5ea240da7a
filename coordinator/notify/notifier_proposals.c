/* What the ledger has put down and not begun: a failover that waits for a person's word, a switchover that was to begin by
 * now.
 *
 * Its incident has the id that the operation will have, so a message names what is approved or declined, and what
 * begins then goes on with the same incident. All nodes see it alike and one of them tells.
 */
#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/notify/notifier_parts.h"
#include "coordinator/status/names.h"

/* So long after its time: begins, and gates that open in a moment, are not worth a call. It is tried for 5 minutes. */
#define LATE_US (20 * US_PER_S)

static struct incident_fact fact_of(const struct notifier *n, const struct ledger_proposal *p, size_t service,
                                    enum config_event event, const char *text)
{
    return (struct incident_fact){
        .id = p->id,
        .operation = p->id,
        .teller = TELLER_ELECTED,
        .executor = NODE_NONE,
        .event = event,
        .service = (uint8_t)service,
        .region = name_region(n->settings.cluster, p->to),
        .text = text,
    };
}

static void say_what(struct text *text, const struct notifier *n, const struct ledger_proposal *p, size_t service)
{
    const struct cluster_config *cluster = n->settings.cluster;
    text_appendf(text, "%s of %s from %s to %s", name_operation_kind((int)p->kind), cluster->services[service].name,
                 name_region(cluster, p->from), name_region(cluster, p->to));
}

/* With what led to it, since whoever reads it decides; failoverctl approve shows all of it. */
static void look_at_waiting(struct notifier *n, const struct view_service *view, size_t service)
{
    const struct ledger_proposal *p = &view->ledger.proposal;
    const struct service_config *config = &n->settings.cluster->services[service];
    char sentence[NOTICE_TEXT_MAX], within[CLOCK_DURATION_TEXT_MAX], lag[NAME_BYTES_MAX];
    struct text text = TEXT_OF(sentence);
    text_append(&text, "a ");
    say_what(&text, n, p, service);
    text_append(&text, " is proposed, and ");
    if (config->on_no_answer == CONFIG_NO_ANSWER_GO)
        text_appendf(&text, "begins by itself if nobody answers within %s. ",
                     base_format_duration(within, sizeof within, config->approve_within_us));
    else
        text_append(&text, "does not begin until somebody approves it. ");
    notifier_append_doubts(&text, n, view, service, p->from);
    if (p->to < POLICY_REGIONS_MAX && view->regions[p->to].lag_known)
        text_appendf(&text, ". %s was last seen %s behind", name_region(n->settings.cluster, p->to),
                     format_bytes(lag, sizeof lag, view->regions[p->to].lag_bytes));
    struct incident_fact fact = fact_of(n, p, service, CONFIG_EVENT_PROPOSAL, sentence);
    incidents_event(n->incidents, &fact, notifier_now());
}

static void look_at_late(struct notifier *n, const struct ledger_proposal *p, size_t service)
{
    char sentence[NOTICE_TEXT_MAX], when[CLOCK_WALL_TEXT_MAX];
    struct text text = TEXT_OF(sentence);
    text_append(&text, "a ");
    say_what(&text, n, p, service);
    text_appendf(&text, " was to begin at %s and has not: a gate is shut, or nobody at its target can begin it. It is tried "
                        "for 5 minutes in all. failoverctl plan switchover %s --to %s shows what holds it back",
                 base_format_wall(when, sizeof when, p->due.us), n->settings.cluster->services[service].name,
                 name_region(n->settings.cluster, p->to));
    struct incident_fact fact = fact_of(n, p, service, CONFIG_EVENT_STUCK, sentence);
    incidents_event(n->incidents, &fact, notifier_now());
}

void notifier_look_at_proposal(struct notifier *n, const struct view_service *view, size_t service)
{
    const struct ledger_proposal *p = &view->ledger.proposal;
    if (!view->ledger_known)
        return;
    if (p->state == PROPOSAL_WAITS)
        look_at_waiting(n, view, service);
    else if (p->state == PROPOSAL_APPROVED)
        incidents_goes_on(n->incidents, p->id);
    else if (p->state == PROPOSAL_SCHEDULED && notifier_now().wall_us - p->due.us >= LATE_US)
        look_at_late(n, p, service);
}

/* A look may come when what was declined is gone already, so nothing is said of why it is. */
static void look_back_at_late(struct notifier *n, struct incident *incident, const struct view_service *view)
{
    struct incident_fact fact = {
        .id = incident->id,
        .operation = incident->operation,
        .teller = TELLER_ELECTED,
        .executor = NODE_NONE,
        .event = CONFIG_EVENT_FAILED,
        .service = incident->service,
        .region = incident->region,
        .text = "the switchover that was put down for later did not begin and is withdrawn: a gate stayed shut until its "
                "time was over, or somebody declined it",
    };
    incidents_event(n->incidents, &fact, notifier_now());
    notifier_end_when_well(n, incident, view);
}

void notifier_look_back_at_proposal(struct notifier *n, struct incident *incident, const struct view_service *view)
{
    const struct ledger_proposal *p = &view->ledger.proposal;
    bool there = p->state != PROPOSAL_NONE && p->id == incident->id;
    char why[NOTICE_TEXT_MAX];
    struct text text = TEXT_OF(why);
    if (there && p->state != PROPOSAL_DECLINED)
        return;
    if (there) {
        text_appendf(&text, "declined by %s", p->said.by.s);
        if (p->said.why.s[0] != '\0')
            text_appendf(&text, " (%s)", p->said.why.s);
        incidents_over(n->incidents, incident->id, why, notifier_now());
    } else if ((incident->seen & incident_bit(CONFIG_EVENT_PROPOSAL, STEP_NONE)) == 0) {
        look_back_at_late(n, incident, view);
    } else {
        incidents_over(n->incidents, incident->id, "withdrawn: its region is well again, or something else was begun",
                       notifier_now());
    }
}
