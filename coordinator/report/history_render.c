/* History as JSON: see history.h and README.md. */
#include <string.h>

#include "coordinator/report/history_parts.h"
#include "coordinator/status/names.h"
#include "coordinator/status/sentences.h"

static void put(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_of_text(text) : json_null();
}

static json_t *number_or_null(double value)
{
    return value >= 0 ? json_real(value) : json_null();
}

static json_t *render_steps(const struct history_operation *operation)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < operation->step_count; i++) {
        const struct history_step *step = &operation->steps[i];
        json_t *object = json_object();
        put(object, "name", json_of_text(step->name));
        put(object, "began", text_or_null(step->began));
        put(object, "done", json_boolean(step->took_ms >= 0));
        put(object, "took_ms", number_or_null(step->took_ms));
        put(object, "retries", json_integer(step->retries));
        put(object, "overdue", json_boolean(step->overdue));
        put(object, "detail", json_of_text(step->detail));
        (void)json_array_append_new(steps, object);
    }
    return steps;
}

static json_t *render_gates(const struct history_operation *operation)
{
    json_t *gates = json_array();
    for (size_t i = 0; i < operation->gate_count; i++) {
        json_t *object = json_object();
        put(object, "gate", json_of_text(operation->gates[i].gate));
        put(object, "time", text_or_null(operation->gates[i].when));
        put(object, "text", json_of_text(operation->gates[i].text));
        (void)json_array_append_new(gates, object);
    }
    return gates;
}

static json_t *render_loss(const struct history_operation *operation)
{
    bool known = operation->loss_bytes >= 0;
    json_t *object = json_object();
    put(object, "known", json_boolean(known));
    put(object, "bytes", known ? json_integer(operation->loss_bytes) : json_null());
    put(object, "seconds",
        known && operation->loss_ms >= 0 ? json_real(operation->loss_ms / 1000) : json_null());
    put(object, "age_seconds", known && operation->loss_age_ms >= 0
                                   ? json_real(operation->loss_age_ms / 1000)
                                   : json_null());
    return object;
}

static int step_by_name(const char *name)
{
    for (int step = 0; step < STEP_COUNT; step++)
        if (strcmp(name_step(step), name) == 0)
            return step;
    return STEP_NONE;
}

static json_t *render_abort(const struct history_operation *operation)
{
    if (operation->abort_step[0] == '\0')
        return json_null();
    json_t *object = json_object();
    put(object, "step", json_of_text(operation->abort_step));
    put(object, "gate", text_or_null(operation->abort_gate));
    bool at_a_word = strcmp(operation->abort_gate, "none") == 0;
    put(object, "text", json_string(at_a_word ? "a person sent it back"
                                              : name_way_back_text(step_by_name(operation->abort_step))));
    return object;
}

/* For how long a planned move left no database that could be written to: from its begin, at which the old writer's
 * guard shuts, until the new one is open; all of it, of one that went back. Known only to the node that carried out
 * every step. Of a failover nobody knows: its writer was in trouble before. -1: not known. */
static double stopped_ms(const struct history_operation *operation)
{
    bool planned = strcmp(operation->kind, "switchover") == 0 || strcmp(operation->kind, "failback") == 0;
    if (!planned || operation->taken_over)
        return -1;
    if (strcmp(operation->outcome, "aborted") == 0)
        return operation->total_ms;
    double sum = 0;
    for (size_t i = 0; i < operation->step_count && operation->steps[i].took_ms >= 0; i++) {
        sum += operation->steps[i].took_ms;
        if (strcmp(operation->steps[i].name, name_step(STEP_OPEN)) == 0)
            return sum;
    }
    return -1;
}

static json_t *render_operation(const struct history_operation *operation)
{
    char id[NAME_HEX_MAX];
    json_t *object = json_object();
    put(object, "id", json_string(format_hex(id, operation->id)));
    put(object, "service", json_of_text(operation->service));
    put(object, "kind", json_of_text(operation->kind));
    put(object, "outcome", json_of_text(operation->outcome));
    put(object, "from", text_or_null(operation->from));
    put(object, "to", text_or_null(operation->to));
    put(object, "executor", text_or_null(operation->executor));
    put(object, "taken_over", json_boolean(operation->taken_over));
    put(object, "automatic", json_boolean(operation->automatic));
    put(object, "who", text_or_null(operation->who));
    put(object, "why", text_or_null(operation->why));
    put(object, "begun", text_or_null(operation->begun));
    put(object, "ended", text_or_null(operation->ended));
    put(object, "total_ms", number_or_null(operation->total_ms >= 0 ? operation->total_ms : operation->ledger_ms));
    put(object, "stopped_ms", number_or_null(stopped_ms(operation)));
    put(object, "wait_ms", number_or_null(operation->wait_ms));
    put(object, "proof", text_or_null(operation->proof));
    put(object, "proof_text", text_or_null(operation->proof_text));
    put(object, "loss", render_loss(operation));
    put(object, "aborted", render_abort(operation));
    put(object, "gates", render_gates(operation));
    put(object, "steps", render_steps(operation));
    return object;
}

static json_t *render_lost_writes(const struct history *history, const char *service, size_t limit)
{
    json_t *list = json_array();
    for (size_t i = history->lost_count; i > 0; i--) {
        const struct history_lost *lost = &history->lost[i - 1];
        if ((service != NULL && strcmp(lost->service, service) != 0) || (limit > 0 && json_array_size(list) >= limit))
            continue;
        json_t *object = json_object();
        put(object, "service", json_of_text(lost->service));
        put(object, "region", text_or_null(lost->region));
        put(object, "writer", text_or_null(lost->writer));
        put(object, "time", text_or_null(lost->when));
        put(object, "bytes", lost->bytes >= 0 ? json_integer((json_int_t)lost->bytes) : json_null());
        put(object, "transactions", lost->transactions >= 0 ? json_integer((json_int_t)lost->transactions) : json_null());
        put(object, "file", text_or_null(lost->file));
        put(object, "text", json_of_text(lost->text));
        (void)json_array_append_new(list, object);
    }
    return list;
}

json_t *history_json(const struct history *history, const char *service, size_t limit)
{
    json_t *result = json_object();
    json_t *list = json_array();
    for (size_t i = history->count; i > 0; i--) {
        const struct history_operation *operation = history->operations[i - 1];
        if (service != NULL && strcmp(operation->service, service) != 0)
            continue;
        if (limit > 0 && json_array_size(list) >= limit)
            break;
        (void)json_array_append_new(list, render_operation(operation));
    }
    put(result, "operations", list);
    put(result, "forgotten", json_of_u64(history->forgotten));
    put(result, "lost_writes", render_lost_writes(history, service, limit));
    return result;
}

bool history_last_dns(const struct history *history, const char *service, struct history_dns *out)
{
    for (size_t i = 0; i < history->service_count; i++)
        if (strcmp(history->services[i]->name, service) == 0 && history->services[i]->has_dns) {
            *out = history->services[i]->dns;
            return true;
        }
    return false;
}
