/* The control socket: people's way in.
 *
 * A Unix socket with mode 0660. Who is on the other side comes from the kernel (SO_PEERCRED,
 * SO_PEERGROUPS), what they may do from the node's configuration. One JSON object per line both
 * ways; README.md has the protocol. A connection asks one thing at a time: while an answer is being
 * made nothing more is read of it.
 *
 * Nobody on the other side can do harm: lines, connections and unread answers are bounded, a
 * connection that stays silent is closed, and when all places are taken the longest silent one has to
 * go. A command that changes something is in the audit trail, synced, before the handler sees it; if
 * that fails it is refused.
 *
 * All on one loop's thread; no call blocks but control_server_new (users and groups are looked up).
 */
#ifndef FAILOVERD_OPERATOR_CONTROL_SERVER_H
#define FAILOVERD_OPERATOR_CONTROL_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/config/config.h"
#include "coordinator/operator/commands.h"
#include "coordinator/report/audit.h"
#include "policy/message.h"

#define CONTROL_CONNECTIONS_MAX 64
#define CONTROL_LINE_MAX (64 * 1024)
#define CONTROL_REPLY_MAX (8 * 1024 * 1024)
#define CONTROL_IDLE_MS_DEFAULT 60000
#define CONTROL_WRITE_MS 10000   /* an answer of which nothing is taken for so long */
#define CONTROL_ANSWER_MS 120000 /* for a handler that never answers */
#define CONTROL_GROUPS_MAX 256   /* of a person that are looked at */
#define CONTROL_USER_MAX 64

struct control_person {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    char user[CONTROL_USER_MAX]; /* "" if the name is not known */
    enum control_role role;
};

struct control_request {
    uint64_t ticket;   /* for control_reply; never 0 */
    const struct command *command;
    struct command_arguments arguments;
    const json_t *object;
    struct control_person who;
};

/* Carries a request out. The request is valid until it has been answered. True: answered already, or
 * will be, by control_reply() or one of its sisters, at most once, also from within. False: the
 * daemon can't serve it; the asker is told so. */
typedef bool control_handler(void *arg, const struct control_request *request);

struct control_server;

struct control_server_settings {
    const char *path;
    const struct control_config *roles;  /* read once */
    control_handler *handle;
    void *arg;
    struct audit *audit;      /* outlives the server; NULL (tests): nothing is audited */
    int64_t idle_ms;          /* 0: the default */
};

/* Listens. A socket file left behind by a dead process is replaced; one that is served, or a file of
 * another kind, is refused. NULL with the fault set. */
struct control_server *control_server_new(struct loop *loop,
                                          const struct control_server_settings *settings,
                                          struct fault *fault);

/* Closes all, removes the socket file if it is still ours. Before the audit trail is freed. NULL is
 * allowed. */
void control_server_free(struct control_server *server);

/* The answer: { "id", "ok": true, "result": ... }. `result` is stolen. A ticket whose asker has gone
 * is dropped. */
void control_reply(struct control_server *server, uint64_t ticket, json_t *result);

/* What that ticket asks is about a switchover that is put down for a time: its answer is worded for that. */
void control_about_later(struct control_server *server, uint64_t ticket);

/* A refusal: { "id", "ok": false, "error": {"code", "text", "todo", "exit", ...more} }. `more` is stolen,
 * may be NULL. */
void control_refuse(struct control_server *server, uint64_t ticket, const char *code,
                    enum exit_code exit, const char *text, const char *todo, json_t *more);

/* The core's answer to an order (EFFECT_REPLY). Writes the outcome to the audit trail too. */
void control_answer_order(struct control_server *server, uint64_t ticket,
                          const struct cluster_config *cluster,
                          const struct message_order_reply *reply);

/* The service of a request that waits for its answer; NULL: it names none, or its asker has gone. */
const char *control_asked_service(struct control_server *server, uint64_t ticket);

/* Whose order it is, and why. */
void control_sign(const struct control_request *request, struct order *order);

/* An answer to a proposal, of COMMAND_APPROVE or COMMAND_DECLINE. It names no service: the caller looks for that. */
void control_answer_of(const struct control_request *request, struct order *order);

/* What the core is asked for, from a request for a command that orders or says something (*service CONFIG_NONE where
 * that names an operation and no service, which the caller has to find), or what a
 * plan is to be made of, from COMMAND_PLAN (of which the kind is not told, and the region may be none). False,
 * having refused the request, when service or region are not of the configuration. *service is an index
 * into cluster->services. */
bool control_order(struct control_server *server, const struct control_request *request,
                   const struct cluster_config *cluster, size_t *service, struct order *order) CHECKED;

/* The same from a request for COMMAND_VOTER_ADD, _REMOVE or _REPLACE. False, having refused it, when the node is not of
 * the configuration. */
bool control_voter_order(struct control_server *server, const struct control_request *request,
                         const struct cluster_config *cluster, struct voter_order *order) CHECKED;

struct control_counters {
    size_t connections;
    uint64_t accepted;
    uint64_t requests;
    uint64_t denied;     /* role too small */
    uint64_t malformed;  /* lines that are no request */
    uint64_t evicted;    /* silent ones that made room */
    uint64_t timed_out;
};
void control_counters(const struct control_server *server, struct control_counters *counters);

#endif
