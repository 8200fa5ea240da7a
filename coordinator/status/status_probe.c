/* One round of a check as somebody asked for it: how each phase went, and beside it what the check's own turns made of
 * the target so far. The shape is in README.md. */
#include "coordinator/base/clock.h"
#include "coordinator/status/status_parts.h"

struct phase {
    const char *name, *text;
    int64_t us; /* 0: the round had none of it */
};

/* What each part of a round is called, by the kind of check; a row ends with an empty name. */
#define PHASES_MAX 5

static void list_phases(int type, const struct probe_phases *p, struct phase out[PHASES_MAX])
{
    static const struct phase none = { NULL, NULL, 0 };
    for (size_t i = 0; i < PHASES_MAX; i++)
        out[i] = none;
    out[0] = (struct phase){ "name_lookup", "name lookup", p->name_us };
    switch ((enum config_check_type)type) {
    case CONFIG_CHECK_DNS:
        out[0] = (struct phase){ "answer", "answer of a name server", p->name_us };
        return;
    case CONFIG_CHECK_TCP:
        out[1] = (struct phase){ "connect", "connect", p->connect_us };
        return;
    case CONFIG_CHECK_HTTP:
        out[1] = (struct phase){ "connect", "connect", p->connect_us };
        out[2] = (struct phase){ "tls", "TLS handshake", p->tls_us };
        out[3] = (struct phase){ "first_byte", "request to first byte", p->first_byte_us };
        out[4] = (struct phase){ "body", "rest of the response", p->rest_us };
        return;
    case CONFIG_CHECK_POSTGRES:
        out[1] = (struct phase){ "connect", "connect", p->connect_us };
        out[2] = (struct phase){ "login", "login (with TLS)", p->tls_us };
        out[3] = (struct phase){ "query", "query", p->first_byte_us };
        out[4] = (struct phase){ "write", "write check", p->rest_us };
        return;
    default:
        return;
    }
}

static json_t *fine_ms(int64_t us)
{
    return us > 0 ? json_real((double)us / CLOCK_US_PER_MS) : json_null();
}

static json_t *render_phases(int type, const struct probe_phases *phases)
{
    struct phase list[PHASES_MAX];
    json_t *array = json_array();
    list_phases(type, phases, list);
    for (size_t i = 0; i < PHASES_MAX && list[i].name != NULL; i++) {
        json_t *object = json_object();
        put(object, "name", json_string(list[i].name));
        put(object, "text", json_string(list[i].text));
        put(object, "ms", fine_ms(list[i].us));
        add(array, object);
    }
    return array;
}

static json_t *render_certificate(const struct status_probe *probe)
{
    char text[CLOCK_WALL_TEXT_MAX];
    int64_t end_us = probe->round->certificate_not_after_s * CLOCK_US_PER_S;
    if (probe->round->certificate_not_after_s <= 0)
        return json_null();
    json_t *object = json_object();
    put(object, "not_after", json_of_text(base_format_wall(text, sizeof text, end_us)));
    put(object, "days_left", json_integer((json_int_t)((end_us - probe->now_wall_us) / (86400 * INT64_C(1000000)))));
    return object;
}

/* What the turns came to, as a sentence without its full stop. */
static void judged_text(const struct check_config *config, const struct view_check *check, struct text *text)
{
    char run[CLOCK_DURATION_TEXT_MAX], limit[CLOCK_DURATION_TEXT_MAX], ago[CLOCK_DURATION_TEXT_MAX];
    if (!check->sampled) {
        text_append(text, "no round of its own turns has ended yet");
        return;
    }
    const char *last = check->last == SAMPLE_OK       ? "well"
                       : check->last == SAMPLE_FAILED ? "a failure"
                                                      : "this node's own fault";
    text_appendf(text, "%s: its last turn was %s %s ago", name_verdict((int)check->verdict), last,
                 base_format_duration(ago, sizeof ago, check->last_age_us));
    if (check->run_us > 0)
        text_appendf(text, "; %u failures for %s, and %lld for %s count as failed; %lld in a row that pass end it",
                     (unsigned)check->failures, base_format_duration(run, sizeof run, check->run_us),
                     (long long)config->fall, base_format_duration(limit, sizeof limit, config->for_us),
                     (long long)config->rise);
}

static json_t *render_judged(const struct status_probe *probe, const struct view_check *check)
{
    char words[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(words);
    json_t *object = status_check(probe->region, probe->check, check);
    judged_text(probe->check, check, &text);
    put(object, "fall", json_integer(probe->check->fall));
    put(object, "rise", json_integer(probe->check->rise));
    put(object, "for_ms", json_of_ms(probe->check->for_us));
    put(object, "text", json_of_text(words));
    return object;
}

json_t *status_probe(const struct status_probe *probe, const struct view_service *view)
{
    const struct probe_round *round = probe->round;
    char time[CLOCK_WALL_TEXT_MAX];
    json_t *object = json_object();
    put(object, "service", json_of_text(probe->service->name));
    put(object, "check", json_of_text(probe->check->name));
    put(object, "region", json_of_text(probe->region->name));
    put(object, "type", json_string(config_check_type_name(probe->check->type)));
    put(object, "node", json_of_text(probe->node));
    put(object, "time", json_of_text(base_format_wall(time, sizeof time, probe->now_wall_us)));
    put(object, "passed", json_boolean(round->outcome == SAMPLE_OK));
    put(object, "outcome", json_string(name_sample_outcome((int)round->outcome)));
    put(object, "text", json_of_text(round->detail));
    put(object, "took_ms", fine_ms(round->latency_us));
    put(object, "timeout_ms", json_of_ms(probe->check->timeout_us));
    put(object, "address", round->address[0] != '\0' ? json_of_text(round->address) : json_null());
    put(object, "phases", render_phases(probe->check->type, &round->phases));
    put(object, "certificate", render_certificate(probe));
    put(object, "judged", probe->check->index < POLICY_CHECKS_MAX
                              ? render_judged(probe, &view->checks[probe->check->index]) : json_null());
    return object;
}
