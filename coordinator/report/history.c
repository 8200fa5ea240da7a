/* History: operations put together from journal lines. See history.h.
 *
 * A table says what each event does to the record of its operation; events that need none are not
 * in it. What leads up to an operation (an order, a majority, shut gates) is kept per service until
 * one begins. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/report/history_parts.h"
#include "coordinator/status/names.h"

/* ---- reading lines ------------------------------------------------------------------------- */

/* The text under `key`, cut to fit and without control bytes; "" if there is none. */
static bool take(char *out, size_t size, const json_t *line, const char *key)
{
    const char *value = json_string_value(json_object_get(line, key));
    (void)text_copy(out, size, value != NULL ? value : "");
    for (char *at = out; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    return value != NULL;
}

static double take_number(const json_t *line, const char *key)
{
    const json_t *value = json_object_get(line, key);
    double number = json_is_number(value) ? json_number_value(value) : -1;
    return number >= 0 && number < 1e15 ? number : -1;
}

static uint64_t take_id(const json_t *line)
{
    const char *text = json_string_value(json_object_get(line, "operation"));
    uint64_t id = 0;
    return text != NULL && parse_hex(text, &id) ? id : 0;
}

/* ---- finding ------------------------------------------------------------------------------- */

static struct history_service *service_of(struct history *history, const char *name)
{
    for (size_t i = 0; i < history->service_count; i++)
        if (strcmp(history->services[i]->name, name) == 0)
            return history->services[i];
    if (history->service_count == HISTORY_SERVICES_MAX)
        return NULL;
    struct history_service *service = calloc(1, sizeof *service);
    if (service == NULL)
        return NULL;
    (void)text_copy(service->name, sizeof service->name, name);
    history->services[history->service_count++] = service;
    return service;
}

static struct history_operation *find_operation(const struct history *history, uint64_t id)
{
    for (size_t i = history->count; i > 0; i--)
        if (history->operations[i - 1]->id == id)
            return history->operations[i - 1];
    return NULL;
}

static struct history_operation *operation_of(struct history *history, const struct history_service *service,
                                      const json_t *line)
{
    uint64_t id = take_id(line);
    if (id == 0)
        return NULL;
    struct history_operation *operation = find_operation(history, id);
    if (operation != NULL)
        return operation;
    operation = calloc(1, sizeof *operation);
    if (operation == NULL)
        return NULL;
    operation->id = id;
    operation->total_ms = operation->ledger_ms = operation->wait_ms = -1;
    operation->loss_bytes = -1;
    operation->loss_ms = operation->loss_age_ms = -1;
    operation->automatic = true;
    (void)text_copy(operation->service, sizeof operation->service, service->name);
    (void)text_copy(operation->from, sizeof operation->from, service->writer);
    (void)text_copy(operation->outcome, sizeof operation->outcome, "running");
    (void)text_copy(operation->kind, sizeof operation->kind, "failover");
    (void)take(operation->begun, sizeof operation->begun, line, "time");
    if (history->count == HISTORY_OPERATIONS_MAX) {
        free(history->operations[0]);
        memmove(&history->operations[0], &history->operations[1],
                (HISTORY_OPERATIONS_MAX - 1) * sizeof history->operations[0]);
        history->count--;
        history->forgotten++;
    }
    history->operations[history->count++] = operation;
    return operation;
}

/* A step by name; added when it is not there and there is room. */
static struct history_step *step_of(struct history_operation *operation, const json_t *line)
{
    char name[HISTORY_NAME_MAX];
    if (!take(name, sizeof name, line, "step"))
        return NULL;
    for (size_t i = 0; i < operation->step_count; i++)
        if (strcmp(operation->steps[i].name, name) == 0)
            return &operation->steps[i];
    if (operation->step_count == HISTORY_STEPS_MAX)
        return NULL;
    struct history_step *step = &operation->steps[operation->step_count++];
    *step = (struct history_step){ .took_ms = -1 };
    (void)text_copy(step->name, sizeof step->name, name);
    (void)take(step->began, sizeof step->began, line, "time");
    return step;
}

/* ---- what leads to an operation ------------------------------------------------------------ */

/* Of most orders no operation begins: a word about one that runs is not what it was begun for. Both names of each: of
 * the command (audit) and of the order (journal). */
static bool leads_to_operation(const json_t *line)
{
    static const char *const leading[] = { "failover", "switchover", "failback", "dns adopt", "dns_adopt",
                                           "approve",  "reconcile" };
    const char *name = json_string_value(json_object_get(line, "command"));
    if (name == NULL)
        name = json_string_value(json_object_get(line, "order"));
    for (size_t i = 0; name != NULL && i < sizeof leading / sizeof leading[0]; i++)
        if (strcmp(name, leading[i]) == 0)
            return true;
    return name == NULL;
}

static void on_order_asked(struct history *history, struct history_service *service, const json_t *line)
{
    (void)history;
    if (!leads_to_operation(line))
        return;
    service->ordered = true;
    (void)take(service->who, sizeof service->who, line, "user");
    (void)take(service->why, sizeof service->why, line, "reason");
    (void)take(service->order_kind, sizeof service->order_kind, line, "command");
}

/* At the node that carries it out, which need not be the one that was asked. */
static void on_order_taken(struct history *history, struct history_service *service, const json_t *line)
{
    (void)history;
    if (!leads_to_operation(line))
        return;
    if (!service->ordered)
        (void)take(service->who, sizeof service->who, line, "detail");
    service->ordered = true;
    (void)take(service->order_kind, sizeof service->order_kind, line, "order");
}

static void forget_order(struct history_service *service)
{
    service->ordered = false;
    service->who[0] = service->why[0] = service->order_kind[0] = '\0';
}

static void on_order_refused(struct history *history, struct history_service *service, const json_t *line)
{
    (void)history;
    if (leads_to_operation(line))
        forget_order(service);
}

static void on_order_answered(struct history *history, struct history_service *service, const json_t *line)
{
    if (!leads_to_operation(line))
        return;
    struct history_operation *operation = operation_of(history, service, line);
    if (operation != NULL) {
        operation->automatic = false;
        (void)take(operation->who, sizeof operation->who, line, "user");
        (void)take(operation->why, sizeof operation->why, line, "reason");
    }
    forget_order(service);
}

static void on_majority_failed(struct history *history, struct history_service *service, const json_t *line)
{
    (void)history;
    (void)take(service->majority, sizeof service->majority, line, "text");
}

static void on_majority_cleared(struct history *history, struct history_service *service, const json_t *line)
{
    (void)history;
    (void)line;
    service->majority[0] = '\0';
    service->gate_count = 0;
}

static void on_gate_shut(struct history *history, struct history_service *service, const json_t *line)
{
    (void)history;
    char name[HISTORY_NAME_MAX];
    size_t at = 0;
    if (!take(name, sizeof name, line, "gate"))
        return;
    while (at < service->gate_count && strcmp(service->gates[at].gate, name) != 0)
        at++;
    if (at == HISTORY_GATES_MAX)
        return;
    if (at == service->gate_count)
        service->gate_count++;
    struct history_gate *gate = &service->gates[at];
    (void)text_copy(gate->gate, sizeof gate->gate, name);
    (void)take(gate->when, sizeof gate->when, line, "time");
    (void)take(gate->text, sizeof gate->text, line, "text");
}

/* ---- the operation itself ------------------------------------------------------------------ */

static void on_begun(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    if (operation == NULL)
        return;
    (void)take(operation->from, sizeof operation->from, line, "from");
    (void)take(operation->to, sizeof operation->to, line, "region");
    (void)take(operation->executor, sizeof operation->executor, line, "node");
    (void)take(operation->begun, sizeof operation->begun, line, "time");
    if (service->ordered) {
        operation->automatic = false;
        (void)text_copy(operation->who, sizeof operation->who, service->who);
        if (service->why[0] != '\0') /* else what the ledger says: on_seen() */
            (void)text_copy(operation->why, sizeof operation->why, service->why);
    } else if (operation->automatic) {
        (void)text_copy(operation->why, sizeof operation->why, service->majority);
    }
    if (strcmp(operation->from, operation->to) == 0 || strcmp(service->order_kind, "dns_adopt") == 0 ||
        strcmp(service->order_kind, "dns adopt") == 0)
        (void)text_copy(operation->kind, sizeof operation->kind, "adopt");
    else if (strcmp(service->order_kind, "switchover") == 0)
        (void)text_copy(operation->kind, sizeof operation->kind, "switchover");
    memcpy(operation->gates, service->gates, sizeof operation->gates);
    operation->gate_count = service->gate_count;
    service->gate_count = 0;
    forget_order(service);
}

static void on_taken(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    if (operation == NULL)
        return;
    operation->taken_over = true;
    (void)take(operation->from, sizeof operation->from, line, "from");
    (void)take(operation->to, sizeof operation->to, line, "region");
    (void)take(operation->executor, sizeof operation->executor, line, "node");
}

static void on_step_started(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    if (operation != NULL)
        (void)step_of(operation, line);
}

static void on_step_done(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    struct history_step *step = operation != NULL ? step_of(operation, line) : NULL;
    if (step != NULL)
        step->took_ms = take_number(line, "took_ms");
}

static void on_step_trouble(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    struct history_step *step = operation != NULL ? step_of(operation, line) : NULL;
    const char *event = json_string_value(json_object_get(line, "event"));
    if (step == NULL || event == NULL)
        return;
    (void)take(step->detail, sizeof step->detail, line, "detail");
    if (strcmp(event, "step_overdue") == 0)
        step->overdue = true;
    else
        step->retries++;
}

static void on_waiting_out(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    double left = take_number(line, "left_ms");
    if (operation != NULL && left > operation->wait_ms)
        operation->wait_ms = left;
}

static void on_fence_proven(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    if (operation == NULL)
        return;
    (void)take(operation->proof, sizeof operation->proof, line, "proof");
    (void)take(operation->proof_text, sizeof operation->proof_text, line, "text");
}

static void on_loss(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    if (operation == NULL)
        return;
    operation->loss_bytes = (int64_t)take_number(line, "loss_bytes");
    operation->loss_ms = take_number(line, "loss_ms");
    operation->loss_age_ms = take_number(line, "known_age_ms");
}

static void end_operation(struct history_operation *operation, const json_t *line, const char *outcome)
{
    (void)text_copy(operation->outcome, sizeof operation->outcome, outcome);
    if (operation->ended[0] == '\0')
        (void)take(operation->ended, sizeof operation->ended, line, "time");
}

static void on_aborted(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    if (operation == NULL)
        return;
    (void)take(operation->abort_step, sizeof operation->abort_step, line, "at_step");
    (void)take(operation->abort_gate, sizeof operation->abort_gate, line, "gate");
}

static void on_done(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    if (operation == NULL)
        return;
    end_operation(operation, line, "done");
    operation->total_ms = take_number(line, "took_ms");
    if (json_is_integer(json_object_get(line, "lost_bytes"))) {
        operation->loss_bytes = (int64_t)take_number(line, "lost_bytes");
        operation->loss_ms = take_number(line, "lost_ms");
    }
}

static void on_left(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    if (operation == NULL)
        return;
    if (operation->abort_step[0] != '\0') {
        end_operation(operation, line, "aborted");
        operation->total_ms = take_number(line, "took_ms");
    } else if (strcmp(operation->outcome, "running") == 0) {
        (void)text_copy(operation->outcome, sizeof operation->outcome, "left");
    }
}

/* The ledger's word: all that a node knows of others' operations. */
static void on_chosen(struct history *history, struct history_service *service, const json_t *line)
{
    char writer[HISTORY_NAME_MAX];
    bool named = take(writer, sizeof writer, line, "writer") && strcmp(writer, "none") != 0;
    struct history_operation *operation = operation_of(history, service, line);
    if (operation != NULL) {
        (void)take(operation->executor, sizeof operation->executor, line, "about");
        const char *phase = json_string_value(json_object_get(line, "phase"));
        if (phase != NULL && strcmp(phase, "granted") == 0 && named)
            (void)text_copy(operation->to, sizeof operation->to, writer);
    }
    for (size_t i = 0; i < history->count && operation == NULL; i++) {
        struct history_operation *over = history->operations[i];
        if (strcmp(over->service, service->name) != 0 || over->ended[0] != '\0')
            continue;
        bool arrived = over->to[0] != '\0' && strcmp(over->to, writer) == 0;
        bool back = over->from[0] != '\0' && strcmp(over->from, writer) == 0;
        end_operation(over, line, arrived ? "done" : back ? "aborted" : "unknown");
    }
    if (named)
        (void)text_copy(service->writer, sizeof service->writer, writer);
}

/* What the ledger says of an operation, whoever carries it out. */
static void on_seen(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    if (operation == NULL)
        return;
    (void)take(operation->kind, sizeof operation->kind, line, "kind");
    (void)take(operation->from, sizeof operation->from, line, "from");
    (void)take(operation->to, sizeof operation->to, line, "region");
    const json_t *forced = json_object_get(line, "forced");
    if (!json_is_integer(forced) || json_integer_value(forced) == 0)
        return;
    if (operation->why[0] == '\0')
        (void)take(operation->why, sizeof operation->why, line, "detail");
    if (operation->who[0] != '\0')
        return;
    operation->automatic = false;
    (void)text_copy(operation->who, sizeof operation->who, "a person (the node that was asked knows who)");
}

static void on_ended(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_operation *operation = operation_of(history, service, line);
    if (operation == NULL)
        return;
    bool done = take_number(line, "done") == 1;
    end_operation(operation, line, done ? "done" : "aborted");
    operation->ledger_ms = done ? take_number(line, "took_ms") : -1;
}

static void on_act_done(struct history *history, struct history_service *service, const json_t *line)
{
    char act[HISTORY_NAME_MAX];
    (void)take(act, sizeof act, line, "act");
    if (strncmp(act, "dns_", 4) != 0)
        return;
    struct history_dns *dns = &service->dns;
    (void)text_copy(dns->act, sizeof dns->act, act);
    (void)take(dns->outcome, sizeof dns->outcome, line, "outcome");
    (void)take(dns->detail, sizeof dns->detail, line, "detail");
    const json_t *mono = json_object_get(line, "mono_us");
    dns->mono_us = !history->loading && json_is_integer(mono) ? json_integer_value(mono) : 0;
    service->has_dns = true;
}

static void on_dns_stopped(struct history *history, struct history_service *service, const json_t *line)
{
    struct history_dns *dns = &service->dns;
    (void)text_copy(dns->act, sizeof dns->act, "dns_read");
    (void)text_copy(dns->outcome, sizeof dns->outcome, "refused");
    (void)take(dns->detail, sizeof dns->detail, line, "text");
    const json_t *mono = json_object_get(line, "mono_us");
    dns->mono_us = !history->loading && json_is_integer(mono) ? json_integer_value(mono) : 0;
    service->has_dns = true;
}

static void on_lost_writes(struct history *history, struct history_service *service, const json_t *line)
{
    if (history->lost_count == HISTORY_LOST_MAX) {
        memmove(&history->lost[0], &history->lost[1], (HISTORY_LOST_MAX - 1) * sizeof history->lost[0]);
        history->lost_count--;
    }
    struct history_lost *lost = &history->lost[history->lost_count++];
    *lost = (struct history_lost){ .bytes = take_number(line, "bytes"), .transactions = take_number(line, "transactions") };
    (void)text_copy(lost->service, sizeof lost->service, service->name);
    (void)take(lost->region, sizeof lost->region, line, "region");
    (void)take(lost->writer, sizeof lost->writer, line, "writer");
    (void)take(lost->when, sizeof lost->when, line, "time");
    (void)take(lost->text, sizeof lost->text, line, "text");
    (void)take(lost->file, sizeof lost->file, line, "file");
}

static const struct {
    const char *event;
    void (*apply)(struct history *history, struct history_service *service, const json_t *line);
} handlers[] = {
    { "order_asked", on_order_asked },
    { "order_taken", on_order_taken },
    { "order_refused", on_order_refused },
    { "order_denied", on_order_refused },
    { "order_answered", on_order_answered },
    { "majority_failed", on_majority_failed },
    { "majority_cleared", on_majority_cleared },
    { "gate_shut", on_gate_shut },
    { "chosen", on_chosen },
    { "operation_seen", on_seen },
    { "operation_ended", on_ended },
    { "operation_begun", on_begun },
    { "operation_taken", on_taken },
    { "operation_left", on_left },
    { "operation_aborted", on_aborted },
    { "operation_done", on_done },
    { "step_started", on_step_started },
    { "step_done", on_step_done },
    { "step_retried", on_step_trouble },
    { "step_overdue", on_step_trouble },
    { "waiting_out", on_waiting_out },
    { "fence_proven", on_fence_proven },
    { "loss_estimated", on_loss },
    { "act_done", on_act_done },
    { "dns_stopped", on_dns_stopped },
    { "lost_writes", on_lost_writes },
};

void history_line(struct history *history, const json_t *line)
{
    char name[HISTORY_NAME_MAX];
    const char *event = json_string_value(json_object_get(line, "event"));
    if (event == NULL || !take(name, sizeof name, line, "service"))
        return;
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (strcmp(handlers[i].event, event) != 0)
            continue;
        struct history_service *service = service_of(history, name);
        if (service != NULL)
            handlers[i].apply(history, service, line);
        return;
    }
}

bool history_brief(const struct history *history, uint64_t id, struct history_brief *out)
{
    const struct history_operation *operation = find_operation(history, id);
    if (operation == NULL)
        return false;
    *out = (struct history_brief){ .proven = operation->proof[0] != '\0' && strcmp(operation->proof, "accepted") != 0 };
    (void)text_copy(out->kind, sizeof out->kind, operation->kind);
    return true;
}

/* ---- life ---------------------------------------------------------------------------------- */

struct history *history_new(void)
{
    return calloc(1, sizeof(struct history));
}

void history_free(struct history *history)
{
    if (history == NULL)
        return;
    for (size_t i = 0; i < history->count; i++)
        free(history->operations[i]);
    for (size_t i = 0; i < history->service_count; i++)
        free(history->services[i]);
    free(history);
}
