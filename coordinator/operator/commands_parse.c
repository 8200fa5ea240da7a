/* A request's parameters, checked against its command's row and read into command_arguments: see commands.h. */
#include "coordinator/operator/commands.h"

#include <string.h>

#include "coordinator/config/config.h"
#include "coordinator/status/names.h"

static bool check_name(const char *key, const char *value, struct fault *fault)
{
    size_t length = strlen(value);
    if (length == 0 || length > CONFIG_MAX_NAME ||
        strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
        return fault_set(fault, "%s has to be a name: 1 to %d of a-z, 0-9 and -", key, CONFIG_MAX_NAME);
    return true;
}

static bool check_text(const char *key, const char *value, struct fault *fault)
{
    size_t length = strlen(value);
    if (length == 0 || length > COMMAND_TEXT_MAX)
        return fault_set(fault, "%s has to have 1 to %d bytes", key, COMMAND_TEXT_MAX);
    for (const char *at = value; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return fault_set(fault, "%s must not hold control characters", key);
    return true;
}

static bool check_hex(const char *key, const char *value, struct fault *fault)
{
    uint64_t id;
    if (!parse_hex(value, &id))
        return fault_set(fault, "%s has to be 16 hexadecimal digits, as orders and history print an operation's id, and messages an "
                                "incident's", key);
    return true;
}

static bool check_time(const char *key, const char *value, struct fault *fault)
{
    static const char form[] = "0000-00-00T00:00:00.000Z";
    bool good = strlen(value) == sizeof form - 1;
    for (size_t i = 0; good && form[i] != '\0'; i++)
        good = form[i] == '0' ? value[i] >= '0' && value[i] <= '9' : value[i] == form[i];
    return good || fault_set(fault, "%s has to be a time such as 2026-11-21T10:17:45.123Z", key);
}

static bool check_string(const struct command_parameter *parameter, const char *value, struct fault *fault)
{
    switch (parameter->kind) {
    case PARAMETER_NAME: return check_name(parameter->key, value, fault);
    case PARAMETER_HEX: return check_hex(parameter->key, value, fault);
    case PARAMETER_TIME: return check_time(parameter->key, value, fault);
    case PARAMETER_TEXT:
    case PARAMETER_GATES:
    case PARAMETER_BYTES:
    case PARAMETER_LOST:
    case PARAMETER_COUNT:
    case PARAMETER_FLAG:
    case PARAMETER_PLANNED:
    case PARAMETER_PAUSE:
    case PARAMETER_AT:
    case PARAMETER_STAGES:
    case PARAMETER_HOLD:
    case PARAMETER_SEQ: break;
    }
    return check_text(parameter->key, value, fault);
}

static bool parse_gates(const json_t *value, uint32_t *gates, struct fault *fault)
{
    size_t index;
    const json_t *item;
    if (!json_is_array(value))
        return fault_set(fault, "skip_gates has to be an array of gate names");
    json_array_foreach(value, index, item) {
        enum gate_id gate;
        const char *name = json_string_value(item);
        if (name == NULL || !name_find_gate(name, &gate)) {
            char list[512];
            struct text text = TEXT_OF(list);
            for (int i = 0; i < GATE_COUNT; i++)
                text_appendf(&text, "%s%s", i > 0 ? ", " : "", gate_name((enum gate_id)i));
            return fault_set(fault, "there is no gate %.64s; there are %s", name != NULL ? name : "?",
                             list);
        }
        *gates |= 1u << gate;
    }
    return true;
}

static bool parse_planned(const char *name, enum planned *planned, struct fault *fault)
{
    for (int i = 0; i < PLANNED_COUNT; i++)
        if (name != NULL && strcmp(planned_name((enum planned)i), name) == 0) {
            *planned = (enum planned)i;
            return true;
        }
    return fault_set(fault, "what is planned has to be failover, switchover or failback");
}

static bool parse_integer(const char *key, const json_t *value, int64_t least, int64_t most,
                          int64_t *out, struct fault *fault)
{
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > most)
        return fault_set(fault, "%s has to be a whole number from %lld to %lld", key,
                         (long long)least, (long long)most);
    *out = json_integer_value(value);
    return true;
}

static bool parse_stages(const json_t *value, struct shift *shift, struct fault *fault)
{
    static const char right[] = "shift has to be 1 to 8 percents that go up, from 1, the last 100, such as 10,50,100";
    size_t index;
    const json_t *item;
    shift->count = 0;
    if (json_array_size(value) == 0 || json_array_size(value) > SHIFT_STAGES_MAX)
        return fault_set(fault, "%s", right);
    json_array_foreach(value, index, item) {
        int64_t percent = json_is_integer(item) ? json_integer_value(item) : 0;
        int64_t before = index > 0 ? shift->percent[index - 1] : 0;
        if (percent <= before || percent > (int64_t)SHARE_ALL)
            return fault_set(fault, "%s", right);
        shift->percent[shift->count++] = (uint8_t)percent;
    }
    return shift->percent[shift->count - 1] == SHARE_ALL || fault_set(fault, "%s", right);
}

static void keep_string(struct command_arguments *arguments, const char *key, const char *value)
{
    if (strcmp(key, "service") == 0)
        arguments->service = value;
    else if (strcmp(key, "to") == 0)
        arguments->to = value;
    else if (strcmp(key, "reason") == 0)
        arguments->reason = value;
    else if (strcmp(key, "check") == 0)
        arguments->check = value;
    else if (strcmp(key, "region") == 0)
        arguments->region = value;
    else if (strcmp(key, "operation") == 0)
        arguments->operation = value;
    else if (strcmp(key, "item") == 0)
        arguments->item = value;
    else if (strcmp(key, "node") == 0)
        arguments->node = value;
    else if (strcmp(key, "incident") == 0)
        arguments->incident = value;
    else if (strcmp(key, "channel") == 0)
        arguments->channel = value;
    else if (strcmp(key, "run") == 0)
        arguments->run = value;
    else if (strcmp(key, "since") == 0)
        arguments->since = value;
    else if (strcmp(key, "keep") == 0)
        arguments->to = value;
    else if (strcmp(key, "mark") == 0)
        arguments->mark = value;
    else if (strcmp(key, "old_is_dead") == 0)
        arguments->old_is_dead = value;
}

static bool parse_parameter(const struct command_parameter *parameter, const json_t *value,
                            struct command_arguments *arguments, struct fault *fault)
{
    const char *string = json_string_value(value);
    switch (parameter->kind) {
    case PARAMETER_NAME:
    case PARAMETER_TEXT:
    case PARAMETER_HEX:
    case PARAMETER_TIME:
        if (string == NULL || strlen(string) != json_string_length(value))
            return fault_set(fault, "%s has to be a text", parameter->key);
        keep_string(arguments, parameter->key, string);
        return check_string(parameter, string, fault);
    case PARAMETER_GATES:
        return parse_gates(value, &arguments->skipped_gates, fault);
    case PARAMETER_BYTES:
        return parse_integer(parameter->key, value, 0, INT64_MAX / 2,
                             &arguments->accepted_loss_bytes, fault);
    case PARAMETER_LOST:
        if (!parse_integer(parameter->key, value, 0, INT64_MAX / 2 / 1000, &arguments->accepted_loss_us, fault))
            return false;
        arguments->accepted_loss_us *= 1000;
        return true;
    case PARAMETER_SEQ:
        return parse_integer(parameter->key, value, 0, INT64_MAX - 1, &arguments->after, fault);
    case PARAMETER_COUNT:
        return parse_integer(parameter->key, value, 1, 1000, &arguments->limit, fault);
    case PARAMETER_STAGES:
        return parse_stages(value, &arguments->shift, fault);
    case PARAMETER_HOLD:
        if (!parse_integer(parameter->key, value, 0, LEDGER_HOLD_MAX_US / 1000, &arguments->shift.hold_us, fault))
            return false;
        arguments->shift.hold_us *= 1000;
        return true;
    case PARAMETER_FLAG:
        if (!json_is_boolean(value))
            return fault_set(fault, "%s has to be true or false", parameter->key);
        if (strcmp(parameter->key, "without_list") == 0)
            arguments->without_list = json_is_true(value);
        else if (strcmp(parameter->key, "until_resumed") == 0)
            arguments->until_resumed = json_is_true(value);
        else if (strcmp(parameter->key, "break_glass") == 0)
            arguments->break_glass = json_is_true(value);
        else
            arguments->dry_run = json_is_true(value);
        return true;
    case PARAMETER_PAUSE:
        if (!parse_integer(parameter->key, value, 1, INT64_C(1000) * COMMAND_PAUSE_MAX_S, &arguments->pause_us, fault))
            return false;
        arguments->pause_us *= 1000;
        return true;
    case PARAMETER_AT:
        if (!parse_integer(parameter->key, value, 1, INT64_MAX / 1000, &arguments->at_us, fault))
            return false;
        arguments->at_us *= 1000;
        return true;
    case PARAMETER_PLANNED:
        return parse_planned(string, &arguments->planned, fault);
    }
    return fault_set(fault, "%s can't be read", parameter->key);
}

static const struct command_parameter *find_parameter(const struct command *command, const char *key)
{
    for (size_t i = 0; i < COMMAND_PARAMETERS_MAX && command->parameters[i].key != NULL; i++)
        if (strcmp(command->parameters[i].key, key) == 0)
            return &command->parameters[i];
    return NULL;
}

static bool accepts_loss(const struct command_arguments *arguments)
{
    return arguments->accepted_loss_bytes >= 0 || arguments->accepted_loss_us >= 0;
}

/* Nobody is asked about gates, and nothing is known of what would be lost. */
static bool check_glass(const struct command_arguments *arguments, struct fault *fault)
{
    if (!arguments->break_glass)
        return arguments->old_is_dead == NULL ||
               fault_set(fault, "old_is_dead belongs to break_glass: with a majority nobody has to be taken at "
                                "their word");
    if (arguments->skipped_gates != 0 || accepts_loss(arguments))
        return fault_set(fault, "break_glass goes past every gate: it takes no skip_gates, no accept_loss_bytes and no "
                                "accept_loss_ms");
    return arguments->dry_run || arguments->old_is_dead != NULL ||
           fault_set(fault, "break_glass needs old_is_dead: how you know that the old database is dead");
}

const char *command_missing(const struct command *command, const json_t *request)
{
    for (size_t i = 0; i < COMMAND_PARAMETERS_MAX && command->parameters[i].key != NULL; i++)
        if (command->parameters[i].required && json_object_get(request, command->parameters[i].key) == NULL)
            return command->parameters[i].key;
    return NULL;
}

bool command_parse(const struct command *command, const json_t *request,
                   struct command_arguments *arguments, struct fault *fault)
{
    const char *key;
    json_t *value;
    *arguments = (struct command_arguments){
        .accepted_loss_bytes = -1, .accepted_loss_us = -1, .after = -1, .role = command->role,
        .shift = { .count = 3, .percent = { 10, 50, SHARE_ALL }, .hold_us = INT64_C(1000000) * COMMAND_HOLD_S },
    };
    json_object_foreach((json_t *)request, key, value) {
        if (strcmp(key, "id") == 0 || strcmp(key, "command") == 0)
            continue;
        const struct command_parameter *parameter = find_parameter(command, key);
        if (parameter == NULL)
            return fault_set(fault, "%s takes no %.64s", command->name, key);
        if (!parse_parameter(parameter, value, arguments, fault))
            return fault_wrap(fault, "%s", command->name);
        if (parameter->force)
            arguments->role = ROLE_FORCE;
    }
    const char *missing = command_missing(command, request);
    if (missing != NULL)
        return fault_set(fault, "%s needs %s", command->name, missing);
    bool planned = command->id == COMMAND_SWITCHOVER || command->id == COMMAND_FAILBACK ||
                   (command->id == COMMAND_PLAN && arguments->planned != PLANNED_FAILOVER);
    if (planned && accepts_loss(arguments))
        return fault_set(fault, "a switchover loses nothing or goes back: it takes no accept_loss_bytes and no "
                                "accept_loss_ms");
    /* It would begin, stop the writes, and go back: nothing but that confirmation says what was acknowledged last. */
    if (planned && (arguments->skipped_gates >> GATE_FENCE & 1u) != 0)
        return fault_set(fault, "switchover can't do without the old writer's confirmed fence, so the gate %s can't be "
                                "skipped; failover can, and may lose writes", gate_name(GATE_FENCE));
    if ((command_moves(command->id) || command->id == COMMAND_REJOIN) && !arguments->dry_run &&
        arguments->reason == NULL)
        return fault_set(fault, "%s needs a reason: it is kept with your name", command->name);
    if (arguments->until_resumed && arguments->pause_us > 0)
        return fault_set(fault, "a pause is for a time or until it is resumed, not both");
    if (!check_glass(arguments, fault))
        return false;
    /* Looking changes nothing, whatever it looks at. */
    if (arguments->dry_run)
        arguments->role = ROLE_READ;
    return true;
}
