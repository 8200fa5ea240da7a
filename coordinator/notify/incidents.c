/* Incidents: see incidents.h. */
#include "coordinator/notify/incidents.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"
#include "coordinator/notify/notify_events.h"
#include "coordinator/status/names.h"
#include "policy/failover/plan.h"

_Static_assert(CONFIG_EVENT_COUNT + 2 * INCIDENT_STEPS_MAX <= 64, "an event and its step are one bit");
_Static_assert(STEP_COUNT <= INCIDENT_STEPS_MAX, "each step has its bit");

struct incidents {
    struct incidents_settings settings;
    uint64_t refused;
    struct incident list[INCIDENTS_MAX];
};

struct incidents *incidents_new(const struct incidents_settings *settings)
{
    struct incidents *incidents = calloc(1, sizeof *incidents);
    if (incidents != NULL)
        incidents->settings = *settings;
    return incidents;
}

void incidents_free(struct incidents *incidents)
{
    free(incidents);
}

/* FNV-1a, each part with an end of its own, so that "a", "bc" and "ab", "c" differ. */
static uint64_t hash_part(uint64_t hash, const char *part)
{
    for (; part != NULL && *part != '\0'; part++)
        hash = (hash ^ (unsigned char)*part) * UINT64_C(0x100000001b3);
    return (hash ^ 0xffu) * UINT64_C(0x100000001b3);
}

uint64_t incident_id(const char *cluster, const char *service, const char *what, const char *where, uint64_t epoch)
{
    char number[24];
    struct text text = TEXT_OF(number);
    text_appendf(&text, "%llu", (unsigned long long)epoch);
    uint64_t hash = hash_part(UINT64_C(0xcbf29ce484222325), cluster);
    hash = hash_part(hash_part(hash_part(hash_part(hash, service), what), where), number);
    return hash != 0 ? hash : 1;
}

static struct incident *find(struct incidents *set, uint64_t id)
{
    for (size_t i = 0; i < INCIDENTS_MAX; i++)
        if (set->list[i].id == id)
            return &set->list[i];
    return NULL;
}

struct incident *incidents_find(struct incidents *set, uint64_t id)
{
    struct incident *incident = id != 0 ? find(set, id) : NULL;
    return incident != NULL && incident->open ? incident : NULL;
}

struct incident *incidents_at(struct incidents *set, size_t place)
{
    return place < INCIDENTS_MAX && set->list[place].id != 0 && set->list[place].open ? &set->list[place] : NULL;
}

uint64_t incidents_refused(const struct incidents *set)
{
    return set->refused;
}

uint64_t incident_bit(enum config_event event, uint8_t step)
{
    unsigned bit = (unsigned)event;
    ensure(step < INCIDENT_STEPS_MAX);
    if (event == CONFIG_EVENT_STEP)
        bit = CONFIG_EVENT_COUNT + step;
    else if (event == CONFIG_EVENT_STUCK)
        bit = CONFIG_EVENT_COUNT + INCIDENT_STEPS_MAX + step;
    return UINT64_C(1) << bit;
}

/* ---- telling --------------------------------------------------------------------------------- */

/* In an event's todo {service} stands for its name and {incident} for the id. */
static void fill_todo(char *out, size_t size, const char *todo, const char *service, uint64_t id)
{
    static const char service_mark[] = "{service}", id_mark[] = "{incident}";
    char hex[NAME_HEX_MAX];
    struct text text = text_over(out, size);
    for (const char *at = strchr(todo, '{'); at != NULL; at = strchr(todo, '{')) {
        bool named = strncmp(at, service_mark, sizeof service_mark - 1) == 0;
        ensure(named || strncmp(at, id_mark, sizeof id_mark - 1) == 0);
        text_append_bytes(&text, todo, (size_t)(at - todo));
        text_append(&text, named ? service : format_hex(hex, id));
        todo = at + (named ? sizeof service_mark : sizeof id_mark) - 1;
    }
    text_append(&text, todo);
}

static void fill_notice(const struct incidents *set, const struct incident *incident, struct notice *notice,
                        struct incident_time now)
{
    const struct cluster_config *cluster = set->settings.cluster;
    const struct notify_event *row = notify_event_row(incident->event);
    *notice = (struct notice){
        .incident = incident->id,
        .operation = incident->operation,
        .event = config_event_name((int)incident->event),
        .severity = row->severity,
        .step = incident->step != STEP_NONE ? step_name((enum step_id)incident->step) : NULL,
        .level = incident->level,
        .keep = incident->operation != 0,
        .since_wall_us = incident->since_wall_us,
        .wall_us = now.wall_us,
    };
    if (incident->service < cluster->service_count)
        (void)text_copy(notice->service, sizeof notice->service, cluster->services[incident->service].name);
    (void)text_copy(notice->cluster, sizeof notice->cluster, cluster->cluster);
    (void)text_copy(notice->region, sizeof notice->region, incident->region);
    (void)text_copy(notice->node, sizeof notice->node, set->settings.node);
    (void)text_copy(notice->by, sizeof notice->by, incident->by);
    (void)text_copy(notice->text, sizeof notice->text, incident->text);
    fill_todo(notice->todo, sizeof notice->todo, row->todo, notice->service, incident->id);
}

static void tell_one(struct incidents *set, struct incident *incident, size_t channel, struct notice *notice)
{
    notice->first = incident->told[channel] == 0;
    incident->told[channel] |= incident_bit(incident->event, incident->step);
    set->settings.tell(set->settings.arg, channel, notice);
}

static bool wants(const struct incidents *set, const struct incident *incident, size_t channel)
{
    const struct channel_config *config = &set->settings.cluster->notify.channels[channel];
    return config->level <= incident->level && config_channel_wants(config, (int)incident->event);
}

/* How it stands, to every channel that should know and was not told so by us. */
static void tell(struct incidents *set, struct incident *incident, enum notice_action action, struct incident_time now)
{
    struct notice notice;
    uint64_t bit = incident_bit(incident->event, incident->step);
    if (!incident->open || !set->settings.mine(set->settings.arg, incident))
        return;
    fill_notice(set, incident, &notice, now);
    notice.action = action;
    for (size_t i = 0; i < set->settings.cluster->notify.channel_count; i++)
        if (wants(set, incident, i) && (incident->told[i] & bit) == 0)
            tell_one(set, incident, i, &notice);
}

/* To every channel that was told of it by us, whatever its list of events: what becomes of it. */
static void close_with(struct incidents *set, struct incident *incident, enum notice_action action, const char *event,
                       const char *text, struct incident_time now)
{
    struct notice notice;
    fill_notice(set, incident, &notice, now);
    notice.action = action;
    notice.event = event;
    notice.step = NULL;
    notice.todo[0] = '\0';
    if (action == NOTICE_RESOLVE)
        notice.severity = "info";
    (void)text_copy(notice.text, sizeof notice.text, text);
    for (size_t i = 0; i < set->settings.cluster->notify.channel_count; i++)
        if (incident->told[i] != 0)
            set->settings.tell(set->settings.arg, i, &notice);
}

/* ---- what happens ---------------------------------------------------------------------------- */

/* A condition that goes on is the incident that it was, also when the epoch has changed meanwhile. */
static struct incident *find_fact(struct incidents *set, const struct incident_fact *fact)
{
    if (fact->operation != 0)
        return find(set, fact->id);
    for (size_t i = 0; i < INCIDENTS_MAX; i++)
        if (set->list[i].id != 0 && set->list[i].operation == 0 && set->list[i].key == fact->key)
            return &set->list[i];
    return NULL;
}

/* An operation always finds a place: the condition that began first gives way, and is found again when there is one. */
static struct incident *make_room(struct incidents *set)
{
    struct incident *victim = NULL;
    for (size_t i = 0; i < INCIDENTS_MAX; i++) {
        struct incident *incident = &set->list[i];
        if (incident->operation == 0 && (victim == NULL || incident->since_us < victim->since_us))
            victim = incident;
    }
    return victim;
}

static struct incident *open_place(struct incidents *set, const struct incident_fact *fact, struct incident_time now)
{
    struct incident *incident = find_fact(set, fact);
    if (incident != NULL)
        return incident;
    incident = find(set, 0);
    set->refused += incident == NULL;
    if (incident == NULL && fact->operation != 0)
        incident = make_room(set);
    if (incident == NULL)
        return NULL;
    *incident = (struct incident){
        .id = fact->id,
        .key = fact->key,
        .operation = fact->operation,
        .since_us = now.us,
        .since_wall_us = now.wall_us,
        .hold_us = fact->hold_us,
    };
    return incident;
}

static void stand_as(struct incident *incident, const struct incident_fact *fact, int64_t now_us)
{
    bool person = fact->person || notify_event_row(fact->event)->person;
    incident->teller = fact->teller;
    incident->executor = fact->executor;
    incident->event = fact->event;
    incident->step = fact->step;
    incident->service = fact->service;
    incident->seen |= incident_bit(fact->event, fact->step);
    (void)text_copy(incident->region, sizeof incident->region, fact->region != NULL ? fact->region : "");
    (void)text_copy(incident->text, sizeof incident->text, fact->text);
    if (person && !incident->person)
        incident->person_us = now_us;
    incident->person = person || (incident->person && incident->operation != 0);
}

static bool told_anybody(const struct incident *incident)
{
    for (size_t i = 0; i < CONFIG_MAX_CHANNELS; i++)
        if (incident->told[i] != 0)
            return true;
    return false;
}

void incidents_event(struct incidents *set, const struct incident_fact *fact, struct incident_time now)
{
    struct incident *incident = open_place(set, fact, now);
    if (incident == NULL)
        return;
    incident->open = true;
    incident->executor = fact->executor;
    if ((incident->seen & incident_bit(fact->event, fact->step)) != 0) {
        if (fact->event == incident->event && !told_anybody(incident)) /* as it stands for who tells it next */
            (void)text_copy(incident->text, sizeof incident->text, fact->text);
        return;
    }
    if (fact->event == CONFIG_EVENT_BEGIN) /* what was waited for while it was a proposal */
        incident->person = false;
    stand_as(incident, fact, now.us);
    /* That it is done is told together with its end. */
    if (fact->event != CONFIG_EVENT_DONE)
        tell(set, incident, NOTICE_TRIGGER, now);
}

void incidents_goes_on(struct incidents *set, uint64_t id)
{
    struct incident *incident = find(set, id);
    bool waited = incident != NULL && (incident->event == CONFIG_EVENT_STUCK || incident->event == CONFIG_EVENT_PROPOSAL);
    if (waited && incident->operation != 0)
        incident->person = false;
}

void incidents_stands(struct incidents *set, const struct incident_fact *fact, struct incident_time now)
{
    struct incident *incident = open_place(set, fact, now);
    if (incident == NULL)
        return;
    incident->seen_us = now.us;
    (void)text_copy(incident->text, sizeof incident->text, fact->text); /* the newest is shown */
    if (!incident->open)
        stand_as(incident, fact, now.us);
    else if (fact->person && !incident->person) { /* what needed nobody does now */
        incident->person = true;
        incident->person_us = now.us;
    }
    if (!incident->open && now.us - incident->since_us >= incident->hold_us) {
        incident->open = true;
        tell(set, incident, NOTICE_TRIGGER, now);
    }
}

static void end(struct incidents *set, struct incident *incident, const char *why, struct incident_time now)
{
    char text[NOTICE_TEXT_MAX];
    struct text words = TEXT_OF(text);
    if (incident->open && incident->event == CONFIG_EVENT_DONE)
        tell(set, incident, NOTICE_RESOLVE, now);
    /* Who was told that it is done knows; the others get a word that it is over. */
    for (size_t i = 0; i < CONFIG_MAX_CHANNELS; i++)
        if ((incident->told[i] & incident_bit(CONFIG_EVENT_DONE, STEP_NONE)) != 0)
            incident->told[i] = 0;
    text_appendf(&words, "%s: %s", why != NULL ? why : "it is over", incident->text);
    if (incident->open)
        close_with(set, incident, NOTICE_RESOLVE, "resolved", text, now);
    *incident = (struct incident){ 0 };
}

void incidents_over(struct incidents *set, uint64_t id, const char *why, struct incident_time now)
{
    struct incident *incident = id != 0 ? find(set, id) : NULL;
    if (incident != NULL)
        end(set, incident, why, now);
}

static void escalate(struct incidents *set, struct incident *incident, int64_t now_us)
{
    const int64_t *after = set->settings.cluster->notify.escalate_us;
    while (incident->person && !incident->acknowledged && incident->level + 1 < CONFIG_NOTIFY_LEVELS &&
           now_us - incident->person_us >= after[incident->level + 1])
        incident->level++;
}

void incidents_tick(struct incidents *set, struct incident_time now)
{
    for (size_t i = 0; i < INCIDENTS_MAX; i++) {
        struct incident *incident = &set->list[i];
        if (incident->id == 0)
            continue;
        bool gone = incident->operation == 0 &&
                    now.us - incident->seen_us >= (incident->open ? INCIDENT_CLEAR_US : INCIDENT_CLEAR_US / 2);
        if (gone) {
            end(set, incident, "no longer so", now);
            continue;
        }
        escalate(set, incident, now.us);
        tell(set, incident, NOTICE_TRIGGER, now);
    }
}

bool incidents_acknowledge(struct incidents *set, uint64_t id, const char *by, int64_t wall_us,
                           struct incident_time now)
{
    char text[NOTICE_TEXT_MAX];
    struct text words = TEXT_OF(text);
    struct incident *incident = incidents_find(set, id);
    /* An operation's id comes once; a condition's comes again with the condition. */
    if (incident == NULL || (incident->operation == 0 && wall_us + INCIDENT_CLOCKS_US < incident->since_wall_us))
        return false;
    if (incident->acknowledged)
        return true;
    incident->acknowledged = true;
    incident->acknowledged_wall_us = wall_us;
    (void)text_copy(incident->by, sizeof incident->by, by);
    text_appendf(&words, "%s takes care of it: %s", incident->by[0] != '\0' ? incident->by : "somebody", incident->text);
    close_with(set, incident, NOTICE_ACKNOWLEDGE, "acknowledged", text, now);
    return true;
}
