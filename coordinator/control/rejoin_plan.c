/* What rejoining takes: see rejoin_plan.h. */
#include "coordinator/control/rejoin_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/status/names.h"

#define COMMAND_MAX 4096
#define DATA_PLACEHOLDER "DATA_DIRECTORY"

static const char *region_name(const struct rejoin_facts *facts, size_t region)
{
    return facts->cluster->regions[region].name;
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void refuse(struct rejoin_plan *plan, const char *code, enum exit_code exit, const char *text, const char *todo)
{
    plan->verdict = REJOIN_REFUSED;
    plan->code = code;
    plan->exit = exit;
    plan->method = NULL;
    (void)text_copy(plan->text, sizeof plan->text, text);
    (void)text_copy(plan->todo, sizeof plan->todo, todo);
}

/* The writer's replication_conninfo, with a database to log in to. */
static bool source_of(const struct rejoin_facts *facts, struct rejoin_plan *plan)
{
    const struct service_region_config *writer = config_service_region(facts->service, plan->writer);
    const char *conninfo = writer != NULL && writer->database != NULL ? writer->database->replication_conninfo : NULL;
    struct text source = TEXT_OF(plan->source);
    if (conninfo == NULL)
        return false;
    text_append(&source, conninfo);
    if (strstr(conninfo, "dbname") == NULL && strstr(conninfo, "://") == NULL)
        text_append(&source, " dbname=postgres");
    return !source.cut;
}

bool rejoin_allowed(const struct rejoin_facts *facts, struct rejoin_plan *plan)
{
    const struct view_service *view = facts->view;
    char text[REJOIN_TEXT_MAX];
    *plan = (struct rejoin_plan){ .verdict = REJOIN_RUN, .code = "rejoin", .writer = REGION_NONE };
    if (!view->ledger_known || !view->quorum) {
        refuse(plan, "no_ledger", EXIT_NO_QUORUM, "refused: no majority confirms who the writer is, so nothing is done to this database",
               "See failoverctl status; a majority of voters has to be up and connected.");
        return false;
    }
    plan->writer = view->ledger.writer;
    if (plan->writer == facts->home) {
        (void)snprintf(text, sizeof text, "refused: %s is the writer; its database is the primary that the others follow",
                       region_name(facts, facts->home));
        refuse(plan, "writer", EXIT_GATE, text, "No other region's database was seen to need it; --region names one all the same.");
        return false;
    }
    if (plan->writer == REGION_NONE || view->ledger.operation.kind != OPERATION_NONE) {
        refuse(plan, "busy", EXIT_GATE, "refused: an operation is under way, and who will be the writer is not settled",
               "Watch it with failoverctl status; try again when it is over.");
        return false;
    }
    if (!source_of(facts, plan)) {
        (void)snprintf(text, sizeof text, "refused: how to reach the new primary for replication is not configured, or too long: "
                       "$.services.%s.regions.%s.database.replication_conninfo", facts->service->name,
                       region_name(facts, plan->writer));
        refuse(plan, "no_source", EXIT_GATE, text, "Set it in cluster.json, with a passfile that PostgreSQL's user can read.");
        return false;
    }
    return true;
}

/* ---- deciding ------------------------------------------------------------------------------ */

bool rejoin_streams(const struct rejoin_facts *facts, char *text, size_t size)
{
    const struct server_seen *local = facts->local;
    const char *lacks = !local->seen                        ? local->why.text
                        : !local->facts.in_recovery         ? "it is a primary still"
                        : local->facts.receipt_frozen       ? "it is a standby whose primary_conninfo is empty"
                        : !local->facts.walreceiver_live    ? "it is a standby, and does not stream yet"
                        : facts->fork->outcome != FORK_SAME ? facts->fork->why.text
                                                            : NULL;
    (void)text_copy(text, size, lacks != NULL ? lacks : "");
    return lacks == NULL;
}

static void run_by(struct rejoin_plan *plan, const char *method, const char *code, const char *text)
{
    plan->method = method;
    plan->code = code;
    (void)text_copy(plan->text, sizeof plan->text, text);
}

/* Which of the two ways, and why not the shorter one. */
static void choose(const struct rejoin_facts *facts, struct rejoin_plan *plan)
{
    const struct server_seen *local = facts->local;
    uint64_t fork = facts->fork->fork.lsn;
    char text[REJOIN_TEXT_MAX];
    const char *against = !local->hints ? "wal_log_hints and data checksums are both off there"
                          : !local->full_page_writes ? "full_page_writes is off there"
                          : fork == 0 ? "where the two servers' histories part is not known"
                          : local->oldest_lsn > fork ? "the WAL since the two parted is not all there any more"
                                                     : NULL;
    const char *what = local->facts.in_recovery ? "the standby here does not follow the writer" : "the old primary here has gone "
                       "its own way since it lost its place";
    if (against == NULL) {
        (void)snprintf(text, sizeof text, "%s; pg_rewind takes it back to where they parted (%s)", what, facts->fork->why.text);
        run_by(plan, "pg_rewind", "rewind", text);
    } else {
        (void)snprintf(text, sizeof text, "%s; pg_rewind can't bring it back, as %s: it needs a new copy (pg_basebackup)", what,
                       against);
        run_by(plan, "pg_basebackup", "basebackup", text);
    }
}

static bool lost_is_open(const struct rejoin_facts *facts)
{
    return !facts->lost_kept && !facts->without_list && !(facts->local->seen && facts->local->facts.in_recovery);
}

void rejoin_decide(const struct rejoin_facts *facts, struct rejoin_plan *plan)
{
    char text[REJOIN_TEXT_MAX];
    if (!rejoin_allowed(facts, plan))
        return;
    if (facts->fork->outcome == FORK_UNREACHABLE ||
        (facts->fork->outcome == FORK_REFUSED && !facts->fork->facts_known)) {
        (void)snprintf(text, sizeof text, "refused: the writer's database in %s can't be reached from here: %s",
                       region_name(facts, plan->writer), facts->fork->why.text);
        refuse(plan, "writer_unreachable", EXIT_GATE, text, "It is the source of everything that follows: mend the way to it first.");
        return;
    }
    if (facts->fork->outcome == FORK_OTHER_SYSTEM) {
        (void)snprintf(text, sizeof text, "refused: the writer's database is not a copy of this one: %s", facts->fork->why.text);
        refuse(plan, "other_system", EXIT_GATE, text, "Look whether cluster.json leads to the right servers.");
        return;
    }
    if (facts->fork->facts.in_recovery) {
        refuse(plan, "writer_is_standby", EXIT_GATE, "refused: the database of the writer's region is a standby", "See failoverctl status.");
        return;
    }
    if (rejoin_streams(facts, text, sizeof text)) {
        plan->verdict = REJOIN_NOTHING;
        run_by(plan, NULL, "nothing_to_do", "nothing to do: it is a standby that streams from the writer already");
        return;
    }
    if (!facts->local->seen) {
        (void)snprintf(text, sizeof text, "the database here does not answer (%s), so which way works is not known: pg_rewind is tried first",
                       facts->local->why.text);
        run_by(plan, "either", "rewind_or_basebackup", text);
    } else {
        choose(facts, plan);
    }
    if (facts->service->hooks.rejoin.count == 0)
        (void)text_copy(plan->todo, sizeof plan->todo, "No hooks.rejoin is configured: run the commands by hand, on its host, as "
                        "PostgreSQL's user; its fence stays shut until it streams.");
    if (lost_is_open(facts))
        (void)text_copy(plan->todo, sizeof plan->todo, "What this database has that the writer lacks is not listed yet, and is gone "
                        "from it afterwards: start it (its fence is shut, nobody gets in) and look at failoverctl status, or give --without-list.");
}

/* Slots' names have underscores where those of regions have hyphens. */
void rejoin_slot_name(const struct rejoin_facts *facts, char out[SLOT_NAME_MAX])
{
    const char *own = facts->local->seen ? facts->local->slot : "";
    size_t length = strlen(own);
    if (length > 0 && length < SLOT_NAME_MAX && strspn(own, "abcdefghijklmnopqrstuvwxyz0123456789_") == length) {
        (void)text_copy(out, SLOT_NAME_MAX, own);
        return;
    }
    (void)snprintf(out, SLOT_NAME_MAX, SLOT_OURS_PREFIX "%.*s", (int)(SLOT_NAME_MAX - sizeof SLOT_OURS_PREFIX),
                   region_name(facts, facts->home));
    for (char *c = out; *c != '\0'; c++)
        if (*c == '-')
            *c = '_';
}

/* ---- commands ------------------------------------------------------------------------------ */

/* As one word of a POSIX shell. */
static void append_word(struct text *text, const char *word)
{
    text_append_char(text, '\'');
    for (const char *c = word; *c != '\0'; c++) {
        if (*c == '\'')
            text_append(text, "'\\''");
        else
            text_append_char(text, *c);
    }
    text_append_char(text, '\'');
}

static void add(json_t *commands, struct text *command)
{
    (void)json_array_append_new(commands, json_of_text(command->data));
    text_clear(command);
}

static void add_rewind(json_t *commands, const struct rejoin_plan *plan, const char *data, const char *config)
{
    char buffer[COMMAND_MAX];
    struct text command = TEXT_OF(buffer);
    size_t length = strlen(data);
    if (strncmp(config, data, length) == 0 && config[length] == '/') {
        /* Files of the server's own within the data directory are replaced by the source's. */
        text_append(&command, "for f in postgresql.conf pg_hba.conf pg_ident.conf; do cp -p ");
        append_word(&command, data);
        text_append(&command, "/$f ");
        append_word(&command, data);
        text_append(&command, ".$f.kept; done");
        add(commands, &command);
    }
    text_append(&command, "pg_rewind --target-pgdata=");
    append_word(&command, data);
    text_append(&command, " --source-server=");
    append_word(&command, plan->source);
    text_append(&command, " --write-recovery-conf --progress");
    if (config[0] != '\0' && (strncmp(config, data, length) != 0 || config[length] != '/')) {
        text_append(&command, " --config-file=");
        append_word(&command, config);
    }
    add(commands, &command);
    if (strncmp(config, data, length) == 0 && config[length] == '/') {
        text_append(&command, "for f in postgresql.conf pg_hba.conf pg_ident.conf; do cp -p ");
        append_word(&command, data);
        text_append(&command, ".$f.kept ");
        append_word(&command, data);
        text_append(&command, "/$f; done");
        add(commands, &command);
    }
    text_append(&command, "echo \"primary_slot_name = ''\" >> ");
    append_word(&command, data);
    text_append(&command, "/postgresql.auto.conf");
    add(commands, &command);
}

static void add_basebackup(json_t *commands, const struct rejoin_plan *plan, const char *data)
{
    char buffer[COMMAND_MAX];
    struct text command = TEXT_OF(buffer);
    text_append(&command, "mv ");
    append_word(&command, data);
    text_append_char(&command, ' ');
    append_word(&command, data);
    text_append(&command, ".before-rejoin");
    add(commands, &command);
    text_append(&command, "pg_basebackup --pgdata=");
    append_word(&command, data);
    text_append(&command, " --dbname=");
    append_word(&command, plan->source);
    text_append(&command, " --write-recovery-conf --wal-method=stream --checkpoint=fast --progress");
    add(commands, &command);
    text_append(&command, "echo \"primary_slot_name = ''\" >> ");
    append_word(&command, data);
    text_append(&command, "/postgresql.auto.conf");
    add(commands, &command);
}

static json_t *commands_json(const struct rejoin_facts *facts, const struct rejoin_plan *plan)
{
    json_t *commands = json_array();
    bool seen = facts->local->seen;
    const char *data = seen ? facts->local->data_directory : DATA_PLACEHOLDER;
    if (plan->method == NULL)
        return commands;
    (void)json_array_append_new(commands, json_string("systemctl stop postgresql   # or however it is stopped here"));
    if (strcmp(plan->method, "pg_basebackup") != 0)
        add_rewind(commands, plan, data, seen ? facts->local->config_file : "");
    else
        add_basebackup(commands, plan, data);
    (void)json_array_append_new(commands, json_string("systemctl start postgresql"));
    return commands;
}

static json_t *hook_json(const struct config_texts *hook)
{
    if (hook->count == 0)
        return json_null();
    json_t *words = json_array();
    for (size_t i = 0; i < hook->count; i++)
        (void)json_array_append_new(words, json_of_text(hook->items[i]));
    return words;
}

json_t *rejoin_plan_json(const struct rejoin_facts *facts, const struct rejoin_plan *plan)
{
    static const char *const verdicts[] = { [REJOIN_NOTHING] = "nothing_to_do", [REJOIN_RUN] = "run", [REJOIN_REFUSED] = "refused" };
    bool asked = facts->local != NULL;
    bool hook = facts->service->hooks.rejoin.count > 0;
    json_t *object = json_object();
    (void)json_object_set_new(object, "service", json_of_text(facts->service->name));
    (void)json_object_set_new(object, "region", json_of_text(region_name(facts, facts->home)));
    (void)json_object_set_new(object, "writer", plan->writer != REGION_NONE ? json_of_text(region_name(facts, plan->writer))
                                                                            : json_null());
    (void)json_object_set_new(object, "verdict", json_string(verdicts[plan->verdict]));
    (void)json_object_set_new(object, "answer", json_string(plan->code));
    (void)json_object_set_new(object, "text", json_of_text(plan->text));
    (void)json_object_set_new(object, "todo", json_of_text(plan->todo));
    (void)json_object_set_new(object, "method", plan->method != NULL ? json_string(plan->method) : json_null());
    (void)json_object_set_new(object, "data_directory",
                              asked && facts->local->seen ? json_of_text(facts->local->data_directory) : json_null());
    (void)json_object_set_new(object, "source", plan->source[0] != '\0' ? json_of_text(plan->source) : json_null());
    (void)json_object_set_new(object, "commands", asked ? commands_json(facts, plan) : json_array());
    (void)json_object_set_new(object, "hook", hook_json(&facts->service->hooks.rejoin));
    (void)json_object_set_new(object, "lost_writes_kept", json_boolean(facts->lost_kept));
    (void)json_object_set_new(object, "would_run", json_boolean(plan->verdict == REJOIN_RUN && hook && !lost_is_open(facts)));
    return object;
}
