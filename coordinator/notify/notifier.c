/* The notifier: incidents to queues, queues to the courier, and what is shown of it. See notifier.h. */
#include "coordinator/notify/notifier.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/notify/notifier_parts.h"
#include "coordinator/notify/notify_events.h"
#include "coordinator/status/names.h"

/* After the start nothing is told for others: who is there is not known yet. */
#define SETTLE_US (5 * US_PER_S)

struct incident_time notifier_now(void)
{
    return (struct incident_time){ base_mono_us(), base_wall_us() };
}

static const char *name_of(const struct notifier *n, size_t channel)
{
    return n->settings.cluster->notify.channels[channel].name;
}

/* ---- the queues ------------------------------------------------------------------------------ */

static void set_timer(struct notifier *n)
{
    int64_t due_us = TIME_FOREVER_US;
    for (size_t i = 0; i < n->settings.cluster->notify.channel_count; i++) {
        int64_t next_us = queue_due_us(n->channels[i].queue);
        due_us = next_us < due_us ? next_us : due_us;
    }
    if (due_us < TIME_FOREVER_US)
        timer_set_at_us(&n->timer, due_us);
    else
        timer_cancel(&n->timer);
}

static void say_lost(struct notifier *n, size_t channel)
{
    struct notifier_channel *c = &n->channels[channel];
    char sentence[NOTICE_TEXT_MAX];
    struct text text = TEXT_OF(sentence);
    uint64_t lost = queue_lost(c->queue);
    if (lost == c->lost_said)
        return;
    text_appendf(&text, "%" PRIu64 " notices for channel %s were dropped: too many waited, too late, or refused as nonsense",
                 lost - c->lost_said, name_of(n, channel));
    journal_event(n->settings.journal, "notify_lost", LOG_LEVEL_ERROR, NULL, sentence,
                  json_pack("{s:s, s:I}", "channel", name_of(n, channel), "notices", (json_int_t)(lost - c->lost_said)));
    c->lost_said = lost;
}

static void pump(struct notifier *n)
{
    int64_t now_us = base_mono_us();
    for (size_t i = 0; i < n->settings.cluster->notify.channel_count; i++) {
        struct notifier_channel *c = &n->channels[i];
        unsigned tries = queue_tries(c->queue);
        const struct notice *notice = queue_next(c->queue, now_us);
        if (notice != NULL) {
            c->job.notice = *notice;
            c->job.try = tries;
            if (!courier_send(n->courier, &c->job))
                queue_result(c->queue, QUEUE_FAILED, now_us);
        }
        say_lost(n, i);
    }
    set_timer(n);
}

static void on_due(void *arg)
{
    pump(arg);
}

/* Each success is a line; of failures the first of a run, since the rest would be the same for hours. */
static void say(struct notifier *n, size_t channel, const struct courier_job *job, bool first_failure)
{
    const struct notice *notice = &job->notice;
    bool taken = job->outcome == QUEUE_TAKEN;
    char sentence[NOTICE_TEXT_MAX];
    char id[NAME_HEX_MAX];
    struct text text = TEXT_OF(sentence);
    if (!taken && !first_failure)
        return;
    text_appendf(&text, taken ? "channel %s was told: %s%s%s: %s" : "channel %s can't be told of %s%s%s, and is tried again: %s",
                 name_of(n, channel), notice->event, notice->step != NULL ? " " : "",
                 notice->step != NULL ? notice->step : "", job->text);
    json_t *fields = json_pack("{s:s, s:s, s:s, s:f}", "channel", name_of(n, channel), "told", notice->event, "incident",
                               format_hex(id, notice->incident), "took_ms", (double)job->took_us / 1000.0);
    if (notice->step != NULL && fields != NULL)
        (void)json_object_set_new(fields, "step", json_string(notice->step));
    journal_event(n->settings.journal, taken ? "notified" : "notify_failed", taken ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                  notice->service[0] != '\0' ? notice->service : NULL, sentence, fields);
}

static void keep_result(struct notifier_channel *c, const struct courier_job *job)
{
    bool taken = job->outcome == QUEUE_TAKEN;
    c->tried = true;
    c->tried_us = base_mono_us();
    c->status = job->status;
    (void)text_copy(c->text, sizeof c->text, job->text);
    c->delivered += taken;
    if (!taken && !c->failing)
        c->failing_since_us = c->tried_us;
    c->failing = !taken;
}

static void on_job_done(struct courier_job *job)
{
    struct notifier_channel *c = job->arg;
    struct notifier *n = c->notifier;
    size_t channel = (size_t)(c - n->channels);
    bool first_failure = !c->failing;
    queue_result(c->queue, job->outcome, base_mono_us());
    keep_result(c, job);
    say(n, channel, job, first_failure);
    pump(n);
}

static void on_tell(void *arg, size_t channel, const struct notice *notice)
{
    struct notifier *n = arg;
    (void)queue_put(n->channels[channel].queue, notice, base_mono_us());
    timer_set_after_us(&n->timer, 0);
}

static bool on_mine(void *arg, const struct incident *incident)
{
    const struct notifier *n = arg;
    if (incident->teller == TELLER_ELECTED && base_mono_us() - n->started_us < SETTLE_US)
        return false;
    return notifier_tells(&n->peers, n->settings.self, incident);
}

/* ---- people ---------------------------------------------------------------------------------- */

bool notifier_acknowledged(struct notifier *n, uint64_t incident, const char *by, int64_t wall_us)
{
    char sentence[NOTICE_TEXT_MAX];
    char id[NAME_HEX_MAX];
    struct text text = TEXT_OF(sentence);
    const struct incident *found = incidents_find(n->incidents, incident);
    bool before = found != NULL && found->acknowledged;
    if (!incidents_acknowledge(n->incidents, incident, by, wall_us, notifier_now()))
        return false;
    if (before)
        return true;
    text_appendf(&text, "%s takes care of incident %s", by, format_hex(id, incident));
    journal_event(n->settings.journal, "incident_acknowledged", LOG_LEVEL_WARNING, NULL, sentence,
                  json_pack("{s:s, s:o}", "incident", id, "by", json_of_text(by)));
    return true;
}

uint8_t notifier_service_of(const struct notifier *n, uint64_t incident)
{
    const struct incident *found = incidents_find(n->incidents, incident);
    return found != NULL && found->service < n->settings.cluster->service_count ? found->service : 0;
}

/* A test is a job of its own, which frees itself. */
struct test_job {
    struct courier_job job;
    struct notifier_test test;
};

static void on_test_done(struct courier_job *job)
{
    struct test_job *t = job->arg;
    t->test.done(t->test.arg, t->test.ticket, job->outcome == QUEUE_TAKEN, job->status, job->took_us,
                 job->channel->name, job->text);
    free(t);
}

static void fill_test(const struct notifier *n, struct notice *notice, const char *who)
{
    struct text text = TEXT_OF(notice->text);
    *notice = (struct notice){
        .action = NOTICE_TEST,
        .incident = 0,
        .event = "test",
        .severity = "info",
        .since_wall_us = base_wall_us(),
        .wall_us = base_wall_us(),
    };
    (void)text_copy(notice->cluster, sizeof notice->cluster, n->settings.cluster->cluster);
    (void)text_copy(notice->node, sizeof notice->node, n->settings.cluster->nodes[n->settings.self].name);
    text_appendf(&text, "a test that %s asked for on %s: nothing has happened", who[0] != '\0' ? who : "somebody",
                 notice->node);
}

bool notifier_test(struct notifier *n, const struct notifier_test *test, struct fault *fault)
{
    const struct notify_config *config = &n->settings.cluster->notify;
    size_t channel = 0;
    while (channel < config->channel_count && strcmp(config->channels[channel].name, test->channel) != 0)
        channel++;
    if (channel == config->channel_count)
        return fault_set(fault, "there is no channel %s", test->channel);
    struct test_job *t = calloc(1, sizeof *t);
    if (t == NULL)
        return fault_set(fault, "out of memory");
    t->test = *test;
    t->job = (struct courier_job){ .channel = &config->channels[channel], .done = on_test_done, .arg = t };
    fill_test(n, &t->job.notice, test->who);
    if (courier_send(n->courier, &t->job))
        return true;
    free(t);
    return fault_set(fault, "the loop that sends is overloaded");
}

/* ---- what is shown --------------------------------------------------------------------------- */

static json_t *told_of(const struct notifier *n, const struct incident *incident)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n->settings.cluster->notify.channel_count; i++)
        if (incident->told[i] != 0)
            (void)json_array_append_new(list, json_string(name_of(n, i)));
    return list;
}

static json_t *render_incident(const struct notifier *n, const struct incident *incident)
{
    const struct cluster_config *cluster = n->settings.cluster;
    char id[NAME_HEX_MAX];
    char since[CLOCK_WALL_TEXT_MAX];
    bool escalates = incident->person && !incident->acknowledged && incident->level + 1 < CONFIG_NOTIFY_LEVELS;
    int64_t after_us = escalates ? cluster->notify.escalate_us[incident->level + 1] : 0;
    int64_t next_us = incident->person_us + after_us - base_mono_us();
    (void)format_hex(id, incident->id);
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:b, s:i, s:o, s:o, s:b, s:o}", "id", id, "event", config_event_name((int)incident->event), "severity",
                     notify_event_row(incident->event)->severity, "service",
                     incident->service < cluster->service_count ? json_string(cluster->services[incident->service].name)
                                                                : json_null(),
                     "region", incident->region[0] != '\0' ? json_of_text(incident->region) : json_null(), "text",
                     json_of_text(incident->text), "since", base_format_wall(since, sizeof since, incident->since_wall_us),
                     "open_ms", json_of_ms(base_mono_us() - incident->since_us), "acknowledged_by",
                     incident->acknowledged ? json_of_text(incident->by) : json_null(), "needs_person", incident->person,
                     "level", incident->level, "next_level_ms",
                     escalates ? json_of_ms(next_us > 0 ? next_us : 0) : json_null(), "told", told_of(n, incident),
                     "told_by_this_node", notifier_tells(&n->peers, n->settings.self, incident), "operation",
                     incident->operation != 0 ? json_string(id) : json_null());
}

static json_t *render_channel(const struct notifier *n, size_t channel)
{
    const struct notifier_channel *c = &n->channels[channel];
    const struct channel_config *config = &n->settings.cluster->notify.channels[channel];
    int64_t now_us = base_mono_us();
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:o, s:o, s:o, s:s}", "name", config->name, "kind",
                     config_channel_kind_name(config->kind), "level", (json_int_t)config->level, "delivered",
                     (json_int_t)c->delivered, "waiting", (json_int_t)queue_waiting(c->queue), "lost",
                     (json_int_t)queue_lost(c->queue), "failing", c->failing, "failing_ms",
                     c->failing ? json_of_ms(now_us - c->failing_since_us) : json_null(), "last_ms",
                     c->tried ? json_of_ms(now_us - c->tried_us) : json_null(), "status",
                     c->tried && c->status >= 0 ? json_integer(c->status) : json_null(), "text", c->text);
}

json_t *notifier_json(const struct notifier *n)
{
    json_t *incidents = json_array();
    json_t *channels = json_array();
    for (size_t i = 0; i < INCIDENTS_MAX; i++) {
        const struct incident *incident = incidents_at(n->incidents, i);
        if (incident != NULL)
            (void)json_array_append_new(incidents, render_incident(n, incident));
    }
    for (size_t i = 0; i < n->settings.cluster->notify.channel_count; i++)
        (void)json_array_append_new(channels, render_channel(n, i));
    return json_pack("{s:o, s:o, s:I}", "incidents", incidents, "channels", channels, "dropped",
                     (json_int_t)incidents_refused(n->incidents));
}

/* ---- life ------------------------------------------------------------------------------------ */

struct notifier *notifier_new(const struct notifier_settings *settings, struct fault *fault)
{
    const struct notify_config *config = &settings->cluster->notify;
    struct notifier *n = calloc(1, sizeof *n);
    if (n == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    n->settings = *settings;
    n->started_us = base_mono_us();
    timer_init(&n->timer, settings->loop, on_due, n);
    n->incidents = incidents_new(&(struct incidents_settings){ .cluster = settings->cluster,
                                                               .node = settings->cluster->nodes[settings->self].name,
                                                               .mine = on_mine,
                                                               .tell = on_tell,
                                                               .arg = n });
    bool good = n->incidents != NULL;
    for (size_t i = 0; i < config->channel_count && good; i++) {
        struct notifier_channel *c = &n->channels[i];
        c->notifier = n;
        c->job = (struct courier_job){ .channel = &config->channels[i], .done = on_job_done, .arg = c };
        c->queue = queue_new();
        good = c->queue != NULL;
    }
    if (!good)
        (void)fault_set(fault, "out of memory");
    else if (config->channel_count > 0)
        n->courier = courier_new(settings->sending, settings->loop, fault);
    if (good && (config->channel_count == 0 || n->courier != NULL))
        return n;
    notifier_free(n);
    return NULL;
}

void notifier_free(struct notifier *n)
{
    if (n == NULL)
        return;
    timer_cancel(&n->timer);
    courier_free(n->courier);
    for (size_t i = 0; i < CONFIG_MAX_CHANNELS; i++)
        queue_free(n->channels[i].queue);
    incidents_free(n->incidents);
    free(n);
}
