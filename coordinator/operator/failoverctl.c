/* failoverctl: the on-call engineer's hand. This file reads the command line and picks the command; the
 * command table (commands.c) says what there is, the daemon says what may be done. */
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/config/config_report.h"
#include "coordinator/config/values.h"
#include "coordinator/control/certificate_check.h"
#include "coordinator/operator/commands.h"
#include "coordinator/operator/complete.h"
#include "coordinator/operator/failoverctl_answer.h"
#include "coordinator/operator/control_server.h"
#include "coordinator/operator/failoverctl_audit.h"
#include "coordinator/operator/failoverctl_events.h"
#include "coordinator/operator/failoverctl_explain.h"
#include "coordinator/operator/failoverctl_glass.h"
#include "coordinator/operator/failoverctl_may_write.h"
#include "coordinator/operator/failoverctl_operation.h"
#include "coordinator/operator/failoverctl_order.h"
#include "coordinator/operator/failoverctl_probe.h"
#include "coordinator/operator/failoverctl_rejoin.h"
#include "coordinator/operator/failoverctl_runbook.h"
#include "coordinator/operator/failoverctl_screen.h"
#include "coordinator/operator/failoverctl_time.h"
#include "coordinator/operator/failoverctl_voters.h"
#include "coordinator/operator/failoverctl_watch.h"
#include "coordinator/operator/failoverctl_word.h"
#include "coordinator/operator/failoverctl_wrap.h"
#include "coordinator/operator/failoverctl_wrong.h"

#define SOCKET_DEFAULT "/run/failoverd/control.sock"
#define TIMEOUT_DEFAULT_MS 15000 /* above the core's own deadline for an order */
#define PROBE_TIMEOUT_MS (CONTROL_ANSWER_MS + 5000)
#define TIMEOUT_MAX_S 3600
#define COMPLETE_TIMEOUT_MS 1000 /* somebody waits with a finger on the key */

struct line {
    struct ctl_settings settings;
    const struct command *command;
    const char *words[3]; /* after the command's name */
    size_t word_count;
    const char *help_of;  /* COMMAND --help; NULL: what the words say */
    const char *cluster_file;
    const char *node_file;
    const char *expect;   /* audit verify */
    int64_t wait_us;      /* may-write: 0, ask once */
    int64_t limit_us;     /* wait: 0, none */
    bool watch;           /* status */
    bool follow;          /* events */
    bool all;             /* pause, resume */
    int64_t interval_us;  /* status --watch: 0, the default */
    bool no_color;
    json_t *request;
};

enum option_id { OPTION_SOCKET = 256, OPTION_TIMEOUT, OPTION_JSON, OPTION_NO_COLOR, OPTION_TO,
                 OPTION_REASON, OPTION_SKIP_GATE, OPTION_ACCEPT_LOSS, OPTION_YES, OPTION_WAIT,
                 OPTION_NO_WAIT, OPTION_DRY_RUN, OPTION_WITHOUT_LIST, OPTION_LIMIT, OPTION_CLUSTER, OPTION_NODE,
                 OPTION_VERBOSE, OPTION_WATCH, OPTION_INTERVAL, OPTION_FOLLOW, OPTION_SINCE, OPTION_EXPECT,
                 OPTION_SHIFT, OPTION_HOLD, OPTION_ALL, OPTION_FOR, OPTION_UNTIL_RESUMED, OPTION_AT,
                 OPTION_BREAK_GLASS, OPTION_OLD_IS_DEAD, OPTION_KEEP, OPTION_REGION, OPTION_HELP };

static const struct option options[] = {
    { "socket", required_argument, NULL, OPTION_SOCKET },
    { "timeout", required_argument, NULL, OPTION_TIMEOUT },
    { "json", no_argument, NULL, OPTION_JSON },
    { "no-color", no_argument, NULL, OPTION_NO_COLOR },
    { "to", required_argument, NULL, OPTION_TO },
    { "reason", required_argument, NULL, OPTION_REASON },
    { "skip-gate", required_argument, NULL, OPTION_SKIP_GATE },
    { "accept-loss", required_argument, NULL, OPTION_ACCEPT_LOSS },
    { "yes", no_argument, NULL, OPTION_YES },
    { "wait", required_argument, NULL, OPTION_WAIT },
    { "no-wait", no_argument, NULL, OPTION_NO_WAIT },
    { "dry-run", no_argument, NULL, OPTION_DRY_RUN },
    { "without-list", no_argument, NULL, OPTION_WITHOUT_LIST },
    { "limit", required_argument, NULL, OPTION_LIMIT },
    { "cluster", required_argument, NULL, OPTION_CLUSTER },
    { "node", required_argument, NULL, OPTION_NODE },
    { "expect", required_argument, NULL, OPTION_EXPECT },
    { "region", required_argument, NULL, OPTION_REGION },
    { "verbose", no_argument, NULL, OPTION_VERBOSE },
    { "watch", no_argument, NULL, OPTION_WATCH },
    { "interval", required_argument, NULL, OPTION_INTERVAL },
    { "follow", no_argument, NULL, OPTION_FOLLOW },
    { "since", required_argument, NULL, OPTION_SINCE },
    { "shift", required_argument, NULL, OPTION_SHIFT },
    { "hold", required_argument, NULL, OPTION_HOLD },
    { "all", no_argument, NULL, OPTION_ALL },
    { "for", required_argument, NULL, OPTION_FOR },
    { "at", required_argument, NULL, OPTION_AT },
    { "until-resumed", no_argument, NULL, OPTION_UNTIL_RESUMED },
    { "break-glass", no_argument, NULL, OPTION_BREAK_GLASS },
    { "old-is-dead", required_argument, NULL, OPTION_OLD_IS_DEAD },
    { "keep", required_argument, NULL, OPTION_KEEP },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

#define BIT(command) (UINT64_C(1) << (command))
#define AUDITS (BIT(COMMAND_AUDIT_VERIFY) | BIT(COMMAND_AUDIT_SHOW))
#define PAUSES (BIT(COMMAND_PAUSE) | BIT(COMMAND_RESUME))
#define SAYS                                                                                                     \
    (PAUSES | BIT(COMMAND_OPERATION_PAUSE) | BIT(COMMAND_OPERATION_RESUME) | BIT(COMMAND_OPERATION_ABORT) | \
     BIT(COMMAND_OPERATION_SKIP))
#define ANSWERS (BIT(COMMAND_APPROVE) | BIT(COMMAND_DECLINE))
#define MOVES (BIT(COMMAND_FAILOVER) | BIT(COMMAND_SWITCHOVER) | BIT(COMMAND_FAILBACK))

#define VOTERS (BIT(COMMAND_VOTER_ADD) | BIT(COMMAND_VOTER_REMOVE) | BIT(COMMAND_VOTER_REPLACE))

_Static_assert(COMMAND_COUNT <= 64, "a bit for each command");

/* Which commands take which option; what is not here is for all of them. */
static const struct {
    int option;
    uint64_t commands; /* BIT() of each enum command_id */
} option_scope[] = {
    { OPTION_TO, BIT(COMMAND_FAILOVER) | BIT(COMMAND_SWITCHOVER) | BIT(COMMAND_PLAN) },
    { OPTION_SHIFT, BIT(COMMAND_FAILBACK) },
    { OPTION_HOLD, BIT(COMMAND_FAILBACK) },
    { OPTION_ALL, PAUSES },
    { OPTION_AT, BIT(COMMAND_SWITCHOVER) },
    { OPTION_FOR, BIT(COMMAND_PAUSE) },
    { OPTION_UNTIL_RESUMED, BIT(COMMAND_PAUSE) },
    { OPTION_REASON, SAYS | MOVES | ANSWERS | BIT(COMMAND_DNS_ADOPT) | BIT(COMMAND_REJOIN) |
                         BIT(COMMAND_OPERATION_TICK) | BIT(COMMAND_RECONCILE) | BIT(COMMAND_ACK) | VOTERS },
    { OPTION_BREAK_GLASS, BIT(COMMAND_FAILOVER) },
    { OPTION_OLD_IS_DEAD, BIT(COMMAND_FAILOVER) },
    { OPTION_KEEP, BIT(COMMAND_RECONCILE) },
    { OPTION_SKIP_GATE, MOVES | BIT(COMMAND_PLAN) | BIT(COMMAND_RECONCILE) },
    { OPTION_ACCEPT_LOSS, BIT(COMMAND_FAILOVER) | BIT(COMMAND_PLAN) },
    { OPTION_DRY_RUN, MOVES | BIT(COMMAND_REJOIN) | BIT(COMMAND_RECONCILE) },
    { OPTION_WITHOUT_LIST, BIT(COMMAND_REJOIN) },
    { OPTION_YES, MOVES | BIT(COMMAND_APPROVE) | BIT(COMMAND_DNS_ADOPT) | BIT(COMMAND_REJOIN) |
                      BIT(COMMAND_RECONCILE) | VOTERS },
    { OPTION_WAIT, BIT(COMMAND_MAY_WRITE) },
    { OPTION_NO_WAIT, MOVES | VOTERS | BIT(COMMAND_DNS_ADOPT) | BIT(COMMAND_REJOIN) | BIT(COMMAND_RECONCILE) },
    { OPTION_LIMIT, BIT(COMMAND_HISTORY) | BIT(COMMAND_AUDIT_SHOW) },
    { OPTION_EXPECT, BIT(COMMAND_AUDIT_VERIFY) },
    { OPTION_REGION, BIT(COMMAND_PROBE) | BIT(COMMAND_REJOIN) },
    { OPTION_VERBOSE, BIT(COMMAND_STATUS) },
    { OPTION_WATCH, BIT(COMMAND_STATUS) },
    { OPTION_INTERVAL, BIT(COMMAND_STATUS) },
    { OPTION_FOLLOW, BIT(COMMAND_EVENTS) },
    { OPTION_SINCE, BIT(COMMAND_EVENTS) },
    { OPTION_CLUSTER, BIT(COMMAND_CHECK_CONFIG) },
    { OPTION_NODE, BIT(COMMAND_CHECK_CONFIG) | AUDITS },
};

static bool set(struct line *line, const char *key, json_t *value)
{
    return json_object_set_new(line->request, key, value) == 0;
}

static bool set_number(struct line *line, const char *key, const char *text)
{
    unsigned long long value;
    return text_parse_u64(text, INT64_MAX / 2, &value) && set(line, key, json_integer((json_int_t)value));
}

/* A number of bytes, or a size or a time as cluster.json has them; once of each kind, since nobody can tell which of
 * two sizes is meant. */
static bool set_loss(struct line *line, const char *text)
{
    struct fault fault;
    int64_t us;
    int64_t bytes;
    if (value_duration(text, &us, &fault))
        return json_object_get(line->request, "accept_loss_ms") == NULL &&
               set(line, "accept_loss_ms", json_integer(us / CLOCK_US_PER_MS));
    if (json_object_get(line->request, "accept_loss_bytes") != NULL)
        return false;
    return set_number(line, "accept_loss_bytes", text) ||
           (value_size(text, &bytes, &fault) && set(line, "accept_loss_bytes", json_integer(bytes)));
}

static bool add_gate(struct line *line, const char *name)
{
    json_t *gates = json_object_get(line->request, "skip_gates");
    if (gates == NULL) {
        if (!set(line, "skip_gates", json_array()))
            return false;
        gates = json_object_get(line->request, "skip_gates");
    }
    return json_array_append_new(gates, json_string(name)) == 0;
}

static bool set_timeout(struct line *line, const char *text)
{
    unsigned long long seconds;
    if (!text_parse_u64(text, TIMEOUT_MAX_S, &seconds) || seconds == 0)
        return false;
    line->settings.timeout_ms = (int64_t)seconds * 1000;
    return true;
}

static bool set_wait(struct line *line, const char *text)
{
    struct fault fault;
    return value_duration(text, &line->wait_us, &fault) &&
           line->wait_us <= MAY_WRITE_WAIT_MAX_S * US_PER_SECOND;
}

static bool set_interval(struct line *line, const char *text)
{
    struct fault fault;
    return value_duration(text, &line->interval_us, &fault) && line->interval_us >= WATCH_INTERVAL_LEAST_US &&
           line->interval_us <= WATCH_INTERVAL_MOST_US;
}

static bool set_pause(struct line *line, const char *text)
{
    struct fault fault;
    int64_t us;
    if (strcmp(text, "0") == 0)
        return set(line, "until_resumed", json_true());
    return value_duration(text, &us, &fault) && us >= CLOCK_US_PER_S &&
           us <= INT64_C(1) * COMMAND_PAUSE_MAX_S * CLOCK_US_PER_S &&
           set(line, "for_ms", json_integer(us / CLOCK_US_PER_MS));
}

static bool set_at(struct line *line, const char *text)
{
    int64_t at_us;
    return ctl_parse_time(text, base_wall_us(), &at_us) && at_us > 0 &&
           set(line, "at_ms", json_integer(at_us / CLOCK_US_PER_MS));
}

/* "10,50,100"; what it may hold is the table's to say. */
static bool set_stages(struct line *line, const char *text)
{
    if (!set(line, "shift", json_array()))
        return false;
    json_t *stages = json_object_get(line->request, "shift");
    for (const char *at = text;; at++) {
        char digits[4];
        unsigned long long percent = 0;
        size_t length = strcspn(at, ",");
        if (length >= sizeof digits)
            return false;
        memcpy(digits, at, length);
        digits[length] = '\0';
        if (!text_parse_u64(digits, SHARE_ALL, &percent) ||
            json_array_append_new(stages, json_integer((json_int_t)percent)) != 0)
            return false;
        at += length;
        if (*at == '\0')
            return true;
    }
}

static bool set_hold(struct line *line, const char *text)
{
    struct fault fault;
    int64_t us;
    return value_duration(text, &us, &fault) && set(line, "hold_ms", json_integer(us / CLOCK_US_PER_MS));
}

/* Of `wait` it is the time for the whole, and each answer has its usual time within that. A round of a check lasts as
 * long as the check may, which the daemon knows, and it ends it. */
static void set_limit(struct line *line)
{
    if (line->command->id == COMMAND_WAIT && line->settings.timeout_ms != 0)
        line->limit_us = line->settings.timeout_ms * CLOCK_US_PER_MS;
    if (line->command->id == COMMAND_WAIT || line->settings.timeout_ms == 0)
        line->settings.timeout_ms = line->command->id == COMMAND_PROBE ? PROBE_TIMEOUT_MS : TIMEOUT_DEFAULT_MS;
}

/* False: its value is wrong. */
static bool take_option(struct line *line, int option, const char *value)
{
    switch (option) {
    case OPTION_SOCKET: line->settings.socket_path = value; return true;
    case OPTION_TIMEOUT: return set_timeout(line, value);
    case OPTION_JSON: line->settings.json = true; return true;
    case OPTION_NO_COLOR: line->no_color = true; return true;
    case OPTION_TO: return set(line, "to", json_string(value));
    case OPTION_REASON: return set(line, "reason", json_string(value));
    case OPTION_SKIP_GATE: return add_gate(line, value);
    case OPTION_ACCEPT_LOSS: return set_loss(line, value);
    case OPTION_YES: line->settings.yes = true; return true;
    case OPTION_WAIT: return set_wait(line, value);
    case OPTION_NO_WAIT: line->settings.no_wait = true; return true;
    case OPTION_DRY_RUN: line->settings.dry_run = true; return true;
    case OPTION_WITHOUT_LIST: return set(line, "without_list", json_true());
    case OPTION_LIMIT: return set_number(line, "limit", value);
    case OPTION_CLUSTER: line->cluster_file = value; return true;
    case OPTION_NODE: line->node_file = value; return true;
    case OPTION_EXPECT: line->expect = value; return true;
    case OPTION_REGION: return set(line, "region", json_string(value));
    case OPTION_VERBOSE: line->settings.style.verbose = true; return true;
    case OPTION_WATCH: line->watch = true; return true;
    case OPTION_FOLLOW: line->follow = true; return true;
    case OPTION_BREAK_GLASS: return set(line, "break_glass", json_true());
    case OPTION_OLD_IS_DEAD: return set(line, "old_is_dead", json_string(value));
    case OPTION_KEEP: return set(line, "keep", json_string(value));
    case OPTION_SINCE: return ctl_events_since(line->request, value);
    case OPTION_INTERVAL: return set_interval(line, value);
    case OPTION_AT: return set_at(line, value);
    case OPTION_SHIFT: return set_stages(line, value);
    case OPTION_HOLD: return set_hold(line, value);
    case OPTION_ALL: line->all = true; return true;
    case OPTION_FOR: return set_pause(line, value);
    case OPTION_UNTIL_RESUMED: return set(line, "until_resumed", json_true());
    default: return false;
    }
}

static bool in_scope(enum command_id command, int option)
{
    for (size_t i = 0; i < sizeof option_scope / sizeof option_scope[0]; i++)
        if (option_scope[i].option == option)
            return (option_scope[i].commands >> command & 1u) != 0;
    return true;
}

/* "dns adopt" is two words on the command line and one command in the table. */
static bool find_command(struct line *line, char **words, int count)
{
    char two[64];
    struct text text = TEXT_OF(two);
    int used = 1;
    line->command = command_find(words[0]);
    if (line->command == NULL && count > 1) {
        text_appendf(&text, "%s %s", words[0], words[1]);
        line->command = text.cut ? NULL : command_find(two);
        used = 2;
    }
    if (line->command == NULL)
        return false;
    for (int i = used; i < count && line->word_count < sizeof line->words / sizeof line->words[0]; i++)
        line->words[line->word_count++] = words[i];
    return true;
}

/* ---- commands ------------------------------------------------------------------------------- */

static int run_ask(struct line *line, void (*show)(const struct table_style *, const json_t *))
{
    struct fault fault = { "" };
    json_t *result = NULL;
    enum ctl_outcome outcome = ctl_ask(line->settings.socket_path, line->settings.timeout_ms,
                                       json_incref(line->request), &result, &fault);
    int code = EXIT_DONE;
    if (outcome != CTL_OK)
        code = (int)ctl_complain(&line->settings, outcome, result, &fault);
    else if (line->settings.json)
        code = (int)ctl_print_json(result, EXIT_DONE);
    else
        show(&line->settings.style, result);
    json_decref(result);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

static int run_status(struct line *line)
{
    if (line->interval_us != 0 && !line->watch)
        return (int)wrong_line(&line->settings, "--interval belongs to --watch", NULL);
    if (line->watch)
        return (int)ctl_watch(&line->settings, json_incref(line->request),
                              line->interval_us != 0 ? line->interval_us : WATCH_INTERVAL_DEFAULT_US);
    return run_ask(line, table_status);
}

static int run_check_config(const struct line *line)
{
    struct config_report_options report = { .json = line->settings.json,
                                            .without_files = line->node_file == NULL,
                                            .tls_check = certificate_check };
    if (line->cluster_file == NULL && line->node_file == NULL)
        return (int)wrong_line(&line->settings, "check-config needs --cluster FILE, --node FILE, or both", NULL);
    return config_check_files(line->cluster_file, line->node_file, &report, stdout);
}

/* The word is a file and no service, and nobody is asked. */
static int run_audit(const struct line *line)
{
    struct command_arguments arguments;
    struct fault fault;
    if (!command_parse(line->command, line->request, &arguments, &fault))
        return (int)wrong_line(&line->settings, fault.text, NULL);
    struct ctl_audit what = { .file = line->word_count > 0 ? line->words[0] : NULL,
                              .node_file = line->node_file,
                              .expect = line->expect,
                              .limit = (size_t)arguments.limit };
    return (int)(line->command->id == COMMAND_AUDIT_VERIFY ? ctl_audit_verify(&line->settings, &what)
                                                           : ctl_audit_show(&line->settings, &what));
}

static int run_help(const struct line *line)
{
    char name[64];
    struct text text = TEXT_OF(name);
    if (line->word_count == 0 && line->help_of == NULL) {
        command_print_help(stdout);
        return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
    }
    text_append(&text, line->help_of != NULL ? line->help_of : "");
    for (size_t i = 0; i < line->word_count; i++)
        text_appendf(&text, "%s%s", i > 0 ? " " : "", line->words[i]);
    if (!command_print_help_of(stdout, name) && !command_print_usage(stdout, name))
        return (int)wrong_line(&line->settings, "there is no such command", name);
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static bool of_operation(enum command_id id)
{
    return id == COMMAND_WAIT || id == COMMAND_OPERATION_SHOW || id == COMMAND_OPERATION_PAUSE ||
           id == COMMAND_OPERATION_RESUME || id == COMMAND_OPERATION_ABORT || id == COMMAND_OPERATION_SKIP ||
           id == COMMAND_OPERATION_TICK;
}

/* The server's own check of the request, before anything is asked or confirmed. */
static bool check_request(struct line *line, struct fault *fault)
{
    struct command_arguments arguments;
    json_t *copy = json_deep_copy(line->request);
    if (line->all && json_object_get(copy, "service") == NULL)
        (void)json_object_set_new(copy, "service", json_string("all")); /* each in its turn */
    /* A reconciliation's is looked at by failoverctl itself; the mark, and how somebody knows, are asked for later. */
    bool reconciles = line->command->id == COMMAND_RECONCILE;
    if (line->settings.dry_run && !reconciles)
        (void)json_object_set_new(copy, "dry_run", json_true());
    if (reconciles)
        (void)json_object_set_new(copy, "mark", json_string("0000000000000001"));
    if (json_object_get(copy, "break_glass") != NULL && json_object_get(copy, "old_is_dead") == NULL)
        (void)json_object_set_new(copy, "old_is_dead", json_string("?"));
    bool good = command_parse(line->command, copy, &arguments, fault);
    json_decref(copy);
    return good;
}

/* A parameter that check_request() fills in itself. */
static bool supplied_later(const struct line *line, const char *key)
{
    return (line->all && strcmp(key, "service") == 0) || strcmp(key, "mark") == 0;
}

static bool is_voter_change(enum command_id id)
{
    return (VOTERS >> id & 1u) != 0;
}

/* How many words follow the command: a service, before it what is to be planned, after it a check; an operation, and
 * its item. */
static size_t words_of(enum command_id id)
{
    bool none = id == COMMAND_CHECK_CONFIG || id == COMMAND_INCIDENTS || id == COMMAND_VOTER_LIST;
    return none ? 0 : id == COMMAND_PLAN || id == COMMAND_PROBE || id == COMMAND_OPERATION_TICK ? 2 : 1;
}

static bool set_words(struct line *line)
{
    enum command_id id = line->command->id;
    const char *keys[] = { "operation", id == COMMAND_OPERATION_TICK ? "item" : "service", "check" };
    const char *only = is_voter_change(id) ? "node" : id == COMMAND_ACK ? "incident"
                       : id == COMMAND_NOTIFY_TEST ? "channel" : NULL;
    if (only != NULL)
        return line->word_count == 0 || set(line, only, json_string(line->words[0]));
    size_t first = id == COMMAND_PLAN || of_operation(id) || command_answers(id) ? 0 : 1;
    for (size_t i = 0; i < line->word_count; i++)
        if (!set(line, keys[first + i], json_string(line->words[i])))
            return false;
    return true;
}

static int run_command(struct line *line)
{
    struct fault fault = { "" };
    if (line->command->id == COMMAND_HELP)
        return run_help(line);
    if (line->word_count > words_of(line->command->id))
        return (int)wrong_use(&line->settings, line->command->name, "too many words", line->words[line->word_count - 1]);
    if (line->command->id == COMMAND_CHECK_CONFIG)
        return run_check_config(line);
    if (line->command->id == COMMAND_AUDIT_VERIFY || line->command->id == COMMAND_AUDIT_SHOW)
        return run_audit(line);
    if ((PAUSES >> line->command->id & 1u) != 0 && line->word_count == 1 && strcmp(line->words[0], "all") == 0) {
        line->all = true;
        line->word_count = 0;
    }
    if (!set(line, "command", json_string(line->command->name)) ||
        !set_words(line))
        return (int)wrong_line(&line->settings, "the command line has to be UTF-8", NULL);
    if (line->all && line->word_count > 0)
        return (int)wrong_use(&line->settings, line->command->name, "--all means every service: it takes none by name", line->words[0]);
    const char *missing = command_missing(line->command, line->request);
    if (missing != NULL && !supplied_later(line, missing))
        return (int)wrong_without(&line->settings, line->command, missing);
    if (!check_request(line, &fault))
        return (int)wrong_use(&line->settings, line->command->name, fault.text, NULL);
    if (line->command->id == COMMAND_STATUS)
        return run_status(line);
    if (line->command->id == COMMAND_EXPLAIN)
        return run_ask(line, explain_print);
    if (line->command->id == COMMAND_PLAN)
        return (int)ctl_plan(&line->settings, line->request);
    if (line->command->id == COMMAND_VOTER_LIST)
        return run_ask(line, table_voters);
    if (is_voter_change(line->command->id))
        return (int)ctl_voter(&line->settings, json_incref(line->request));
    if (line->command->id == COMMAND_HISTORY)
        return run_ask(line, table_history);
    if (line->command->id == COMMAND_EVENTS)
        return (int)ctl_events(&line->settings, json_incref(line->request), line->follow);
    if (line->command->id == COMMAND_INCIDENTS)
        return run_ask(line, table_incidents);
    if (line->command->id == COMMAND_ACK || line->command->id == COMMAND_NOTIFY_TEST)
        return run_ask(line, table_words);
    if (line->command->id == COMMAND_MAY_WRITE)
        return (int)ctl_may_write(&line->settings, json_incref(line->request), line->wait_us);
    if (line->command->id == COMMAND_PROBE)
        return (int)ctl_probe(&line->settings, json_incref(line->request));
    if (line->command->id == COMMAND_REJOIN)
        return (int)ctl_rejoin(&line->settings, json_incref(line->request));
    if (line->command->id == COMMAND_WAIT)
        return (int)ctl_wait(&line->settings, json_incref(line->request), line->limit_us);
    if (line->command->id == COMMAND_OPERATION_SHOW)
        return (int)ctl_operation_show(&line->settings, json_incref(line->request));
    if (command_says(line->command->id))
        return (int)(line->all ? ctl_word_to_all(&line->settings, json_incref(line->request))
                               : ctl_word(&line->settings, json_incref(line->request)));
    if (line->command->id == COMMAND_OPERATION_TICK)
        return (int)ctl_tick(&line->settings, json_incref(line->request));
    if (command_answers(line->command->id))
        return (int)ctl_answer(&line->settings, json_incref(line->request));
    if (line->command->id == COMMAND_RECONCILE)
        return (int)ctl_reconcile(&line->settings, json_incref(line->request));
    if (json_object_get(line->request, "break_glass") != NULL)
        return (int)ctl_break_glass(&line->settings, json_incref(line->request));
    return (int)ctl_order(&line->settings, json_incref(line->request));
}

/* --help, wherever it stands: of the command beside it, if there is one. */
static int read_help(struct line *line, char **words, int count)
{
    if (count > 0 && find_command(line, words, count) && line->command->id != COMMAND_HELP)
        line->help_of = line->command->name;
    else if (count > 0 && line->command == NULL)
        line->help_of = words[0];
    line->word_count = 0;
    line->command = command_row(COMMAND_HELP);
    return -1;
}

static const char *option_name(int value)
{
    const struct option *option = options;
    while (option->name != NULL && option->val != value)
        option++;
    return option->name;
}

static int read_line(struct line *line, int argc, char **argv)
{
    int seen[64];
    size_t seen_count = 0;
    int option;
    int bad = 0; /* the first whose value is wrong */
    const char *bad_value = NULL;
    struct { int answer, value; const char *word; } strange = { 0 }; /* the first that is none */
    bool helps = false;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":hv", options, NULL)) != -1) {
        if (option == 'h' || option == OPTION_HELP) {
            helps = true;
            continue;
        }
        if (option == 'v')
            option = OPTION_VERBOSE;
        if (option == '?' || option == ':') { /* read on: --json may come, and says how to tell */
            if (strange.answer == 0) {
                strange.answer = option;
                strange.value = optopt;
                strange.word = argv[optind - 1];
            }
            continue;
        }
        if (seen_count == sizeof seen / sizeof seen[0])
            return (int)wrong_line(&line->settings, "too many options", NULL);
        if (!take_option(line, option, optarg) && bad == 0) {
            bad = option;
            bad_value = optarg;
        }
        seen[seen_count++] = option;
    }
    if (strange.answer != 0)
        return (int)wrong_option(&line->settings, options, strange.answer, strange.value, strange.word);
    if (helps)
        return read_help(line, argv + optind, argc - optind);
    if (optind == argc && bad == 0)
        return (int)wrong_empty(&line->settings);
    bool found = optind < argc && find_command(line, argv + optind, argc - optind);
    if (optind < argc && !found)
        return (int)wrong_command(&line->settings, argv + optind, (size_t)(argc - optind));
    for (size_t i = 0; i < seen_count && found; i++)
        if (!in_scope(line->command->id, seen[i]))
            return (int)wrong_place(&line->settings, line->command, option_name(seen[i]));
    return bad == 0 ? -1 : (int)wrong_value(&line->settings, line->command, option_name(bad), bad_value);
}

static void print_candidate(void *stream, const char *candidate)
{
    fprintf(stream, "%s\n", candidate);
}

/* `failoverctl complete WORD...`: for the shell, which hands over the line as far as it has been typed. */
static int run_complete(int argc, char **argv)
{
    struct complete_line line = { (const char *const *)argv, (size_t)argc };
    const char *socket_path = SOCKET_DEFAULT;
    struct fault fault = { "" };
    json_t *status = NULL;
    if (complete_needs_status(line, &socket_path) &&
        ctl_ask(socket_path, COMPLETE_TIMEOUT_MS, json_pack("{s:s}", "command", "status"), &status, &fault) != CTL_OK) {
        json_decref(status);
        status = NULL; /* names are a help, no more */
    }
    complete_candidates(line, status, print_candidate, stdout);
    json_decref(status);
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* A picture of its own, and a document for programs, are left as they are. */
static void set_style(struct line *line)
{
    struct table_style *style = &line->settings.style;
    style->color = table_color_wanted(stdout, line->no_color);
    style->width = isatty(STDOUT_FILENO) == 1 ? screen_size().columns : 0;
    if (!line->settings.json && !line->watch)
        wrap_terminal(&stdout, STDOUT_FILENO);
    style->stream = stdout;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "complete") == 0)
        return run_complete(argc - 2, argv + 2);
    struct line line = { .settings = { .socket_path = SOCKET_DEFAULT } };
    (void)setlocale(LC_ALL, "");
    wrap_terminal(&stderr, STDERR_FILENO);
    line.request = json_object();
    if (line.request == NULL)
        return EXIT_FAILED;
    int code = read_line(&line, argc, argv);
    if (code < 0) {
        set_limit(&line);
        set_style(&line);
        ctl_catch_signals();
        code = run_command(&line);
    }
    json_decref(line.request);
    return code;
}
