/* The one table of commands: what the server takes, what the help says and what failoverctl sends
 * all come from here, so they can't disagree.
 */
#ifndef FAILOVERD_OPERATOR_COMMANDS_H
#define FAILOVERD_OPERATOR_COMMANDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "coordinator/base/fault.h"
#include "policy/quorum/ledger.h"

/* Each includes the ones before it. */
enum control_role { ROLE_NONE, ROLE_READ, ROLE_OPERATE, ROLE_FORCE };
const char *control_role_name(enum control_role role);

/* In the order of the help: to look, to act, and what is rarer. */
enum command_id {
    COMMAND_STATUS,
    COMMAND_EXPLAIN,
    COMMAND_HISTORY,
    COMMAND_OPERATION_SHOW,
    COMMAND_EVENTS,
    COMMAND_INCIDENTS,
    COMMAND_PROBE,
    COMMAND_PLAN,
    COMMAND_FAILOVER,
    COMMAND_SWITCHOVER,
    COMMAND_FAILBACK,
    COMMAND_WAIT,
    COMMAND_PAUSE,
    COMMAND_RESUME,
    COMMAND_OPERATION_PAUSE,
    COMMAND_OPERATION_RESUME,
    COMMAND_OPERATION_ABORT,
    COMMAND_OPERATION_SKIP,
    COMMAND_OPERATION_TICK,
    COMMAND_APPROVE,
    COMMAND_DECLINE,
    COMMAND_ACK,
    COMMAND_REJOIN,
    COMMAND_RECONCILE,
    COMMAND_DNS_ADOPT,
    COMMAND_VOTER_LIST,
    COMMAND_VOTER_ADD,
    COMMAND_VOTER_REMOVE,
    COMMAND_VOTER_REPLACE,
    COMMAND_NOTIFY_TEST,
    COMMAND_MAY_WRITE,
    COMMAND_AUDIT_VERIFY,
    COMMAND_AUDIT_SHOW,
    COMMAND_CHECK_CONFIG,
    COMMAND_HELP,
    COMMAND_COUNT
};

enum parameter_kind {
    PARAMETER_NAME,   /* [a-z0-9-], at most CONFIG_MAX_NAME */
    PARAMETER_TEXT,   /* at most COMMAND_TEXT_MAX, no control characters */
    PARAMETER_GATES,  /* array of gate names */
    PARAMETER_BYTES,  /* integer, 0 or more */
    PARAMETER_LOST,   /* integer, ms: 0 or more */
    PARAMETER_COUNT,  /* integer, 1..1000 */
    PARAMETER_FLAG,   /* boolean */
    PARAMETER_PLANNED, /* "failover", "switchover", "failback" */
    PARAMETER_HEX,    /* 16 hexadecimal digits: an operation's id, an incident's, or a run */
    PARAMETER_SEQ,    /* integer, 0 or more */
    PARAMETER_PAUSE,  /* integer, ms: 1 to COMMAND_PAUSE_MAX_S */
    PARAMETER_AT,     /* integer, ms since 1970 UTC */
    PARAMETER_STAGES, /* array of percents: 1 to SHIFT_STAGES_MAX of them, ascending, the last 100 */
    PARAMETER_HOLD,   /* integer, ms: 0 to a day */
    PARAMETER_TIME,   /* as in the journal: "2026-11-21T10:17:45.123Z" */
};

/* What `plan` is asked about. A failback is a rejoin and then a switchover to where the service began. */
enum planned { PLANNED_FAILOVER, PLANNED_SWITCHOVER, PLANNED_FAILBACK, PLANNED_COUNT };
const char *planned_name(enum planned planned);

#define COMMAND_PARAMETERS_MAX 12
#define COMMAND_HOLD_S (5 * 60) /* of a failback's stage, unless it is said */
#define COMMAND_TEXT_MAX 512
#define COMMAND_PAUSE_S (60 * 60)              /* unless it is said */
#define COMMAND_PAUSE_MAX_S (7 * 24 * 60 * 60) /* longer ones only until resumed */

struct command_parameter {
    const char *key;
    enum parameter_kind kind;
    bool required;
    bool force;      /* using it needs ROLE_FORCE */
};

struct command {
    enum command_id id;
    const char *name;      /* "failover", "dns adopt" */
    const char *arguments; /* for the help: "SERVICE --to REGION --reason TEXT ..." */
    enum control_role role;
    bool daemon;           /* served over the control socket */
    bool changes;          /* audited before it acts */
    const char *help;      /* one line */
    const char *more;      /* further lines for `help COMMAND`; may be "" */
    struct command_parameter parameters[COMMAND_PARAMETERS_MAX];
};

const struct command *command_row(enum command_id id);
/* It moves the writer, to the region that it names or, a failback, home. */
bool command_moves(enum command_id id);
/* A word that changes what is in the ledger and nothing else; it has an outcome at once. */
bool command_says(enum command_id id);
/* It answers a proposal. */
bool command_answers(enum command_id id);
/* NULL if there is none of that name. */
const struct command *command_find(const char *name);

/* What a request's arguments mean, checked. Names are not looked up in the configuration here. */
struct command_arguments {
    const char *service; /* borrowed from the request; NULL: left out */
    const char *to;
    const char *reason;
    const char *operation;
    const char *item;
    const char *node;
    const char *check;
    const char *region;
    uint32_t skipped_gates; /* bit per enum gate_id */
    int64_t accepted_loss_bytes; /* -1: left out */
    int64_t accepted_loss_us;    /* likewise */
    int64_t limit;          /* 0: left out */
    int64_t after;          /* -1: left out */
    const char *incident;
    const char *channel;
    const char *run;
    const char *since;
    struct shift shift;     /* of a failback; what was left out is filled in */
    bool dry_run;
    bool without_list;
    bool until_resumed;
    int64_t pause_us;       /* 0: left out */
    int64_t at_us;          /* since 1970; 0: left out */
    bool break_glass;
    const char *old_is_dead; /* how that is known */
    const char *mark;        /* which one is reconciled */
    enum planned planned;
    enum control_role role; /* what this request needs */
};

/* False with the fault set: unknown key, wrong type, missing, too long. Keys "id" and "command" are
 * the envelope's and are passed over. */
bool command_parse(const struct command *command, const json_t *request,
                   struct command_arguments *arguments, struct fault *fault) CHECKED;

/* The key of the first parameter that the command needs and the request lacks; NULL: none. A reason is asked for by
 * command_parse(), since a dry run needs none. */
const char *command_missing(const struct command *command, const json_t *request);

/* Exit codes of failoverctl; also in every reply that refuses. */
enum exit_code {
    EXIT_DONE = 0,         /* done, and verified where there is something to verify */
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_GATE = 3,         /* refused by a gate, or by what the service's state allows */
    EXIT_NO_QUORUM = 4,
    EXIT_UNREACHABLE = 5,  /* no daemon there, or it stopped answering */
    EXIT_RUNNING = 6,      /* it goes on without us */
    EXIT_NOT_WRITER = 7,   /* may-write: no */
    EXIT_CANT_KNOW = 8,    /* may-write: nothing says yes, and nothing says no */
};

void command_print_help(FILE *stream);
/* The lines of the help about options that every command takes. */
const char *command_common_options(void);
/* False if there is no such command. */
bool command_print_help_of(FILE *stream, const char *name) CHECKED;
/* A line for it, or for each whose name begins with that word. False if there is none. */
bool command_print_usage(FILE *stream, const char *name);

#endif
