/* The table of commands: see commands.h. */
#include "coordinator/operator/commands.h"

#include <string.h>

#include "coordinator/config/config.h"
#include "coordinator/status/names.h"

#define SERVICE_PARAMETER { "service", PARAMETER_NAME, true, false }

static const struct command commands[COMMAND_COUNT] = {
    [COMMAND_STATUS] = { COMMAND_STATUS, "status", "[SERVICE] [--verbose] [--watch [--interval DURATION]]", ROLE_READ, true, false,
      "what this node sees, who is the writer, what is wrong, what would happen",
      "  --verbose            also peers, this node's checks, and every gate\n"
      "  --watch              again and again, in place, until Ctrl-C (exit code 0); says how old the picture is,\n"
      "                       and when failoverd does not answer. Into a file or a pipe: a block each interval;\n"
      "                       with --json a document a line\n"
      "  --interval DURATION  of --watch, 100ms to 1h (default 1s)\n",
      { { "service", PARAMETER_NAME, false, false } } },
    [COMMAND_EXPLAIN] = { COMMAND_EXPLAIN, "explain", "SERVICE", ROLE_READ, true, false,
      "why it has (not) failed over, what would make it act, what would be lost",
      "  Every vote and every gate with value, limit, age and who observed it; what the fence is and what would\n"
      "  prove it; whether commits hang. What is not known here is said to be not known.\n",
      { SERVICE_PARAMETER } },
    [COMMAND_PLAN] = { COMMAND_PLAN, "plan", "failover|switchover|failback SERVICE [--to REGION] [options]",
      ROLE_READ, true, false,
      "what would be done, step by step, how long it took before, and what holds it back; changes nothing",
      "  --to REGION         the region that would become the writer (default: the best candidate; for a\n"
      "                      failback the initial_writer of cluster.json)\n"
      "  --skip-gate GATE    as if this gate were skipped (may be given more than once)\n"
      "  --accept-loss BYTES as if this much might be lost (failover only)\n"
      "  Exit code 0: it would begin; 3: it would be refused. A failback is a rejoin of the old primary and then\n"
      "  a switchover to where the service began; it says which of the two is ready.\n",
      { { "operation", PARAMETER_PLANNED, true, false }, SERVICE_PARAMETER, { "to", PARAMETER_NAME, false, false },
        { "skip_gates", PARAMETER_GATES, false, false }, { "accept_loss_bytes", PARAMETER_BYTES, false, false } } },
    [COMMAND_FAILOVER] = { COMMAND_FAILOVER, "failover",
      "SERVICE --to REGION --reason TEXT [options]", ROLE_OPERATE, true, true,
      "make REGION the writer: fence the old one, promote, change DNS",
      "  --to REGION           the region that is to become the writer\n"
      "  --reason TEXT         why; goes into the audit trail with your name\n"
      "  --skip-gate GATE      go on although this gate is shut (may be given more than once; needs\n"
      "                        the role force). Forcing a healthy writer out needs majority_failed\n"
      "  --accept-loss BYTES   up to this much may be lost instead of the service's RPO: 4096, 16MiB\n"
      "                        (role force)\n"
      "  --dry-run             show the gates and the steps, change nothing\n"
      "  --yes                 don't ask for the region's name\n"
      "  --no-wait             return as soon as the operation has begun (exit code 6)\n",
      { SERVICE_PARAMETER, { "to", PARAMETER_NAME, true, false },
        { "reason", PARAMETER_TEXT, false, false }, { "skip_gates", PARAMETER_GATES, false, true },
        { "accept_loss_bytes", PARAMETER_BYTES, false, true },
        { "dry_run", PARAMETER_FLAG, false, false } } },
    [COMMAND_SWITCHOVER] = { COMMAND_SWITCHOVER, "switchover",
      "SERVICE --to REGION --reason TEXT [options]", ROLE_OPERATE, true, true,
      "move a writer that is well to REGION, as planned: nothing is lost, or it goes back",
      "  --to REGION       the region that is to become the writer\n"
      "  --reason TEXT     why; goes into the audit trail with your name\n"
      "  --skip-gate GATE  go on although this gate is shut (may be given more than once; needs the role\n"
      "                    force). Not fence: only the old writer's own guard says what it wrote last\n"
      "  --dry-run         show the gates and the steps, change nothing\n"
      "  --yes             don't ask for the region's name\n"
      "  --no-wait         return as soon as the operation has begun (exit code 6)\n"
      "  The old writer is fenced first: writes pause from then until REGION is open, or until it went back.\n"
      "  Its guard confirms that, REGION gets all that was ever acknowledged, and only then is promoted. If it\n"
      "  does not get all of it by step_deadline.fence, the old writer opens again and the exit code is 1.\n"
      "  Afterwards the old primary is no standby yet: failoverctl rejoin SERVICE on its node, as after a failover.\n",
      { SERVICE_PARAMETER, { "to", PARAMETER_NAME, true, false },
        { "reason", PARAMETER_TEXT, false, false }, { "skip_gates", PARAMETER_GATES, false, true },
        { "dry_run", PARAMETER_FLAG, false, false } } },
    [COMMAND_DNS_ADOPT] = { COMMAND_DNS_ADOPT, "dns adopt", "SERVICE --reason TEXT [--yes] [--no-wait]",
      ROLE_OPERATE, true, true,
      "take over the service's DNS records as they are found, for the present writer",
      "  Replaces the mark in each zone by ours and sets the records for the present writer, also\n"
      "  where the mark is missing or somebody else's. Look at the zone first.\n",
      { SERVICE_PARAMETER, { "reason", PARAMETER_TEXT, true, false } } },
    [COMMAND_HISTORY] = { COMMAND_HISTORY, "history", "[SERVICE] [--limit N]", ROLE_READ, true, false,
      "operations with their steps, times, gates, loss and fence proof",
      "  --limit N       the newest N only\n",
      { { "service", PARAMETER_NAME, false, false }, { "limit", PARAMETER_COUNT, false, false } } },
    [COMMAND_MAY_WRITE] = { COMMAND_MAY_WRITE, "may-write", "SERVICE [--wait DURATION]", ROLE_READ, true, false,
      "may this host's database start as a primary now? for its unit (exit codes 0, 7, 8)",
      "  --wait DURATION  ask again until it may, or another region is the writer, or this long (such as\n"
      "                   60s) has passed\n"
      "\n"
      "  Exit code 0 only if it may: this node is the guard that the ledger names and holds the lease. 7: no,\n"
      "  another region is the writer, or none is. 8: can't know: no quorum, no failoverd here, no guard of\n"
      "  this database, no such service. etc/postgresql-may-write.conf puts it before PostgreSQL's start.\n",
      { SERVICE_PARAMETER } },
    [COMMAND_REJOIN] = { COMMAND_REJOIN, "rejoin", "SERVICE --reason TEXT [options]", ROLE_OPERATE, true, true,
      "make this node's old primary a standby of the new one, or say how",
      "  --reason TEXT   why; goes into the audit trail with your name\n"
      "  --dry-run       show what would be run, change nothing\n"
      "  --without-list  go on although what only this database has could not be listed before\n"
      "  --yes           don't ask for the service's name\n"
      "  --no-wait       return as soon as the hook runs (exit code 6)\n"
      "  On the node of the old primary. Runs hooks.rejoin of cluster.json and then waits until the database\n"
      "  streams from the writer; without that hook it shows the commands and exits with 3.\n",
      { SERVICE_PARAMETER, { "reason", PARAMETER_TEXT, false, false }, { "without_list", PARAMETER_FLAG, false, false },
        { "dry_run", PARAMETER_FLAG, false, false } } },
    [COMMAND_EVENTS] = { COMMAND_EVENTS, "events", "[SERVICE] [--follow] [--since TIME|N]", ROLE_READ, true, false,
      "what this node's journal tells: the newest events, and with --follow those that come",
      "  --follow      and those that come, until Ctrl-C (exit code 0); says where some are missing, and when\n"
      "                failoverd does not answer or was restarted\n"
      "  --since N     the newest N, 1 to 1000 (default 20)\n"
      "  --since TIME  from then on: an age (10m, 2h) or UTC (2026-11-21T10:17, seconds may follow)\n"
      "  With --json a line of the journal a line. failoverd keeps some 1,000 events at hand; older ones are in\n"
      "  the journal's file.\n",
      { { "service", PARAMETER_NAME, false, false }, { "after", PARAMETER_SEQ, false, false },
        { "run", PARAMETER_HEX, false, false }, { "since", PARAMETER_TIME, false, false },
        { "limit", PARAMETER_COUNT, false, false } } },
    [COMMAND_PROBE] = { COMMAND_PROBE, "probe", "SERVICE CHECK [--region REGION]", ROLE_READ, true, false,
      "run one check now, from this node, and show each phase (exit codes 0 passed, 1 not)",
      "  CHECK            its name in cluster.json; status --verbose lists them\n"
      "  --region REGION  where more than one region has a check of that name\n"
      "  A look and no more: the round is not counted, and beside it stands what this node judges by the check's\n"
      "  own turns. It begins anew: the name is looked up, a database logged in to. Exit code 0: it passed. 1: it\n"
      "  failed, or this node could not look. 3: a round of it runs for somebody else. Ask on other nodes what they see.\n",
      { SERVICE_PARAMETER, { "check", PARAMETER_NAME, true, false }, { "region", PARAMETER_NAME, false, false } } },
    [COMMAND_INCIDENTS] = { COMMAND_INCIDENTS, "incidents", "", ROLE_READ, true, false,
      "what people were told of and is not over, who takes care, and whether each channel works",
      "  As this node sees it. Of an operation the incident's id is the operation's.\n", { { NULL, PARAMETER_FLAG, false, false } } },
    [COMMAND_ACK] = { COMMAND_ACK, "ack", "ID [--reason TEXT]", ROLE_OPERATE, true, true,
      "say that you take care of an incident, so that nobody else is called for it",
      "  ID             as messages and failoverctl incidents have it\n"
      "  --reason TEXT  goes into the audit trail with your name\n"
      "  It counts on the node that is asked: ask the one whose messages you get (failoverctl incidents there shows what\n"
      "  it told). Nothing else changes: an operation goes on, and the incident is over when it is over. Exit code 2: no\n"
      "  such incident is open here.\n",
      { { "incident", PARAMETER_HEX, true, false }, { "reason", PARAMETER_TEXT, false, false } } },
    [COMMAND_NOTIFY_TEST] = { COMMAND_NOTIFY_TEST, "notify test", "CHANNEL", ROLE_OPERATE, true, true,
      "send a test over one channel now, from this node, and say what came back",
      "  CHANNEL  its name in notify.channels of cluster.json\n"
      "  Exit code 0: it was taken. 1: it was not, and why. Of pagerduty it opens an incident: resolve it there.\n",
      { { "channel", PARAMETER_NAME, true, false } } },
    [COMMAND_WAIT] = { COMMAND_WAIT, "wait", "ID [--timeout SECONDS]", ROLE_READ, false, false,
      "wait for the end of an operation, showing its steps (exit codes 0, 1, 5, 6)",
      "  ID                 as accepted orders print it, or history\n"
      "  --timeout SECONDS  not longer than this (default: as long as it takes)\n"
      "  Exit code 0: done and verified. 1: failed, or it went back. 5: no failoverd answers. 6: it still runs\n"
      "  (the time is over, or Ctrl-C, which leaves the operation alone). 2: no such operation is known here.\n",
      { { "operation", PARAMETER_HEX, true, false } } },
    [COMMAND_OPERATION_SHOW] = { COMMAND_OPERATION_SHOW, "operation show", "ID", ROLE_READ, false, false,
      "one operation: how it stands, or when it is over its entry in the history",
      "  ID  as accepted orders print it, or history\n",
      { { "operation", PARAMETER_HEX, true, false } } },
    [COMMAND_AUDIT_VERIFY] = { COMMAND_AUDIT_VERIFY, "audit verify", "[FILE] [--expect HASH] [--node FILE]",
      ROLE_NONE, false, false, "is the audit trail whole? without a daemon (exit codes 0 whole, 1 broken)",
      "  FILE           the trail; left out: the one that node.json names, or " CONFIG_AUDIT_DEFAULT "\n"
      "  --expect HASH  a hash of the trail that was kept elsewhere: broken, too, if no line has it\n"
      "  --node FILE    usually /etc/failoverd/node.json\n"
      "  Shows lines that were changed, removed from within, inserted or moved. Whoever can write the file can also\n"
      "  cut its end off, or make all of it anew: only a hash kept elsewhere shows that. The last line's is printed,\n"
      "  and the journal has each. Rotated files, oldest first: cat audit.jsonl.1 audit.jsonl | failoverctl audit\n"
      "  verify /dev/stdin\n",
      { { NULL, PARAMETER_FLAG, false, false } } },
    [COMMAND_AUDIT_SHOW] = { COMMAND_AUDIT_SHOW, "audit show", "[FILE] [--limit N] [--node FILE]",
      ROLE_NONE, false, false, "the newest lines of the audit trail: who ordered what, why, and what came of it",
      "  FILE         the trail; left out: the one that node.json names, or " CONFIG_AUDIT_DEFAULT "\n"
      "  --limit N    the newest N only (default 20)\n"
      "  --node FILE  usually /etc/failoverd/node.json\n"
      "  Does not say whether the trail is whole; audit verify does.\n",
      { { "limit", PARAMETER_COUNT, false, false } } },
    [COMMAND_CHECK_CONFIG] = { COMMAND_CHECK_CONFIG, "check-config", "--cluster FILE [--node FILE]",
      ROLE_NONE, false, false, "check configuration files, without a daemon",
      "  --cluster FILE  usually /etc/failoverd/cluster.json\n"
      "  --node FILE     usually /etc/failoverd/node.json; without it the files it names are not looked at\n",
      { { NULL, PARAMETER_FLAG, false, false } } },
    [COMMAND_HELP] = { COMMAND_HELP, "help", "[COMMAND]", ROLE_NONE, false, false,
      "this text, or more about one command", "", { { NULL, PARAMETER_FLAG, false, false } } },
};

const char *control_role_name(enum control_role role)
{
    static const char *const names[] = { "none", "read", "operate", "force" };
    return (unsigned)role < sizeof names / sizeof names[0] ? names[role] : "none";
}

const char *planned_name(enum planned planned)
{
    static const char *const names[] = { "failover", "switchover", "failback" };
    return (unsigned)planned < PLANNED_COUNT ? names[planned] : "none";
}

const struct command *command_row(enum command_id id)
{
    return (unsigned)id < COMMAND_COUNT ? &commands[id] : NULL;
}

bool command_moves(enum command_id id)
{
    return id == COMMAND_FAILOVER || id == COMMAND_SWITCHOVER;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* ---- arguments ----------------------------------------------------------------------------- */

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
    case PARAMETER_COUNT:
    case PARAMETER_FLAG:
    case PARAMETER_PLANNED:
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
    else if (strcmp(key, "incident") == 0)
        arguments->incident = value;
    else if (strcmp(key, "channel") == 0)
        arguments->channel = value;
    else if (strcmp(key, "run") == 0)
        arguments->run = value;
    else if (strcmp(key, "since") == 0)
        arguments->since = value;
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
    case PARAMETER_SEQ:
        return parse_integer(parameter->key, value, 0, INT64_MAX - 1, &arguments->after, fault);
    case PARAMETER_COUNT:
        return parse_integer(parameter->key, value, 1, 1000, &arguments->limit, fault);
    case PARAMETER_FLAG:
        if (!json_is_boolean(value))
            return fault_set(fault, "%s has to be true or false", parameter->key);
        if (strcmp(parameter->key, "without_list") == 0)
            arguments->without_list = json_is_true(value);
        else
            arguments->dry_run = json_is_true(value);
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

bool command_parse(const struct command *command, const json_t *request,
                   struct command_arguments *arguments, struct fault *fault)
{
    const char *key;
    json_t *value;
    *arguments = (struct command_arguments){ .accepted_loss_bytes = -1, .after = -1, .role = command->role };
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
    for (size_t i = 0; i < COMMAND_PARAMETERS_MAX && command->parameters[i].key != NULL; i++)
        if (command->parameters[i].required &&
            json_object_get(request, command->parameters[i].key) == NULL)
            return fault_set(fault, "%s needs %s", command->name, command->parameters[i].key);
    bool planned = command->id == COMMAND_SWITCHOVER ||
                   (command->id == COMMAND_PLAN && arguments->planned != PLANNED_FAILOVER);
    if (planned && arguments->accepted_loss_bytes >= 0)
        return fault_set(fault, "a switchover loses nothing or goes back: it takes no accept_loss_bytes");
    /* It would begin, stop the writes, and go back: nothing but that confirmation says what was acknowledged last. */
    if (planned && (arguments->skipped_gates >> GATE_FENCE & 1u) != 0)
        return fault_set(fault, "switchover can't do without the old writer's confirmed fence, so the gate %s can't be "
                                "skipped; failover can, and may lose writes", gate_name(GATE_FENCE));
    if ((command_moves(command->id) || command->id == COMMAND_REJOIN) && !arguments->dry_run &&
        arguments->reason == NULL)
        return fault_set(fault, "%s needs a reason: it is kept with your name", command->name);
    /* Looking changes nothing, whatever it looks at. */
    if (arguments->dry_run)
        arguments->role = ROLE_READ;
    return true;
}

/* ---- help ---------------------------------------------------------------------------------- */

static const char common_options[] =
    "  --socket PATH      the daemon's socket (default /run/failoverd/control.sock)\n"
    "  --timeout SECONDS  how long to wait for one answer (default 15)\n"
    "  --json             one JSON document on stdout instead of tables\n"
    "  --no-color         no colours; so does NO_COLOR in the environment, or no terminal\n";

const char *command_common_options(void)
{
    return common_options;
}

void command_print_help(FILE *stream)
{
    fputs("failoverctl: see and steer failovers, through the failoverd of this machine\n\n"
          "usage: failoverctl [--socket PATH] [--timeout SECONDS] [--json] COMMAND ...\n\n"
          "commands:\n", stream);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  %s %s\n      %s\n", commands[i].name, commands[i].arguments,
                commands[i].help);
    fprintf(stream, "\noptions:\n%s", common_options);
    fputs("\nexit codes:\n"
          "  0  done, and verified where there is something to verify\n"
          "  1  failed\n"
          "  2  the command line is wrong, or the role does not allow it\n"
          "  3  refused by a gate or by the service's state; nothing was changed (plan: it would be refused)\n"
          "  4  no quorum: no majority of voters could be reached\n"
          "  5  no failoverd answers on the socket\n"
          "  6  the operation is still running; it goes on without failoverctl\n"
          "  7  may-write: no, this database may not start as a primary\n"
          "  8  may-write: whether it may can't be known\n", stream);
}

bool command_print_help_of(FILE *stream, const char *name)
{
    const struct command *command = command_find(name);
    if (command == NULL)
        return false;
    fprintf(stream, "usage: failoverctl %s %s\n%s\n", command->name, command->arguments,
            command->help);
    if (command->more[0] != '\0')
        fprintf(stream, "\n%s", command->more);
    if (command->role != ROLE_NONE)
        fprintf(stream, "\nNeeds the role %s (control in node.json).\n",
                control_role_name(command->role));
    return true;
}
