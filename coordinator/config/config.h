/* The configuration: two JSON files turned into structs that never change.
 *
 * cluster.json is the same on every node and says who the nodes are and what the services need;
 * node.json is local and says which node this is and where its own files lie. Loading either one
 * collects every problem it can find, each with file, line, JSON path, what is wrong and what
 * would be right. A config with an error is never handed out: the caller keeps the one it has.
 *
 * The boundary: this module reads the two files and, when asked, looks at the permissions of the
 * files that they name. It opens no key, no socket, no database. Secrets are never in the config
 * itself, only names of files that hold them.
 *
 * Everything is owned by the config that it was loaded with and lives until config_*_free().
 * Every list is sorted by name (nodes, regions, services, a service's regions, its checks), so
 * that an index means the same on every node whatever the order in the file. Lists in which the
 * order has a meaning keep it: fence ladder, hook arguments, zones, records, values.
 *
 * Durations are int64_t microseconds (_us), sizes int64_t bytes (_bytes). A text that was left
 * out and has no default is NULL.
 */
#ifndef FAILOVERD_CONFIG_CONFIG_H
#define FAILOVERD_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "coordinator/base/fault.h"

#define CONFIG_MAX_FILE_BYTES (1024 * 1024)
#define CONFIG_MAX_DEPTH 32       /* nested objects and arrays in a file */
#define CONFIG_MAX_NAME 63        /* names of nodes, regions, services, checks: [a-z0-9-] */
#define CONFIG_MAX_TEXT 1024      /* any other text */
#define CONFIG_MAX_NODES 16
#define CONFIG_MIN_VOTERS 3
#define CONFIG_MAX_VOTERS 5
#define CONFIG_MAX_REGIONS 8
#define CONFIG_MAX_SERVICES 32
#define CONFIG_MAX_CHECKS 32      /* per service, over all its regions */
#define CONFIG_MAX_GUARDS 5       /* per region of a service */
#define CONFIG_MAX_ZONES 4        /* per service */
#define CONFIG_MAX_RECORDS 24     /* per zone */
#define CONFIG_MAX_VALUES 8       /* values of one record for one region */
#define CONFIG_MAX_SERVERS 8      /* name servers to ask */
#define CONFIG_MAX_RUNBOOK 32     /* items of a service; the ledger has a bit for each */
#define CONFIG_MAX_ITEMS 64       /* any other list */
#define CONFIG_MAX_STATUS_RANGES 16
#define CONFIG_MAX_CHANNELS 8     /* for notifications */
#define CONFIG_NOTIFY_LEVELS 4    /* of escalation: 0, told at once, to 3 */
#define CONFIG_MAX_PROBLEMS 100   /* further ones are counted, not kept */

/* An index that points nowhere. */
#define CONFIG_NONE ((size_t)-1)

/* ---- pieces ------------------------------------------------------------------------------ */

struct config_texts {
    const char **items;
    size_t count;
};

enum config_mode { CONFIG_MODE_AUTOMATIC, CONFIG_MODE_MANUAL, CONFIG_MODE_APPROVE };
enum config_no_answer { CONFIG_NO_ANSWER_NOTHING, CONFIG_NO_ANSWER_GO };
enum config_fence { CONFIG_FENCE_KERNEL, CONFIG_FENCE_DOOR, CONFIG_FENCE_HOOK, CONFIG_FENCE_COUNT };
enum config_quorum_loss { CONFIG_QUORUM_LOSS_FENCE, CONFIG_QUORUM_LOSS_KEEP };
enum config_runbook_when { CONFIG_RUNBOOK_BEFORE, CONFIG_RUNBOOK_DURING, CONFIG_RUNBOOK_AFTER };
/* Who checks an item of a runbook: a person who ticks it, or failoverd (coordinator/status/runbook_check.c). */
enum config_runbook_check {
    CONFIG_RUNBOOK_PERSON,
    CONFIG_RUNBOOK_GATES_OPEN,
    CONFIG_RUNBOOK_TARGET_STREAMING,
    CONFIG_RUNBOOK_NO_WARNINGS,
    CONFIG_RUNBOOK_ALL_VOTERS,
    CONFIG_RUNBOOK_OLD_PRIMARY_FENCED,
    CONFIG_RUNBOOK_WRITES_WORK,
    CONFIG_RUNBOOK_WRITER_HEALTHY,
    CONFIG_RUNBOOK_DNS_IN_FORCE,
    CONFIG_RUNBOOK_ENDPOINTS_VERIFIED,
    CONFIG_RUNBOOK_STANDBY_FOLLOWS,
    CONFIG_RUNBOOK_COMMIT_LEASE,
    CONFIG_RUNBOOK_AUDIT,
    CONFIG_RUNBOOK_CERTIFICATE,
    CONFIG_RUNBOOK_CHECK_COUNT
};
enum config_operation {
    CONFIG_OPERATION_FAILOVER,
    CONFIG_OPERATION_SWITCHOVER,
    CONFIG_OPERATION_FAILBACK,
    CONFIG_OPERATION_ADOPT,
    CONFIG_OPERATION_COUNT
};
enum config_check_type {
    CONFIG_CHECK_HTTP,
    CONFIG_CHECK_POSTGRES,
    CONFIG_CHECK_TCP,
    CONFIG_CHECK_DNS
};
enum config_record_type { CONFIG_RECORD_A, CONFIG_RECORD_AAAA, CONFIG_RECORD_CNAME };
enum config_record_kind {
    CONFIG_KIND_SIMPLE,
    CONFIG_KIND_ALIAS,
    CONFIG_KIND_WEIGHTED,
    CONFIG_KIND_FAILOVER
};
enum config_record_role { CONFIG_ROLE_PRIMARY, CONFIG_ROLE_SECONDARY };
enum config_credentials_source {
    CONFIG_CREDENTIALS_FILE,
    CONFIG_CREDENTIALS_ENVIRONMENT,
    CONFIG_CREDENTIALS_INSTANCE
};
enum config_log_level { CONFIG_LOG_ERROR, CONFIG_LOG_WARNING, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG };
enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };

/* Where AWS credentials come from. */
struct credentials_config {
    int source; /* enum config_credentials_source */
    const char *file;
    const char *profile;
};

/* ---- a service --------------------------------------------------------------------------- */

struct lease_config {
    int64_t duration_us;
    int64_t renew_every_us;
    int64_t clock_error_percent;
    int64_t fence_budget_us;
};

/* What a guard has for all rungs of its ladder together, and what of it a door's proof may need. */
#define CONFIG_FENCE_ACT_US (INT64_C(30) * 1000 * 1000)
#define CONFIG_FENCE_DOOR_US (INT64_C(12) * 1000 * 1000)

struct fence_hook_config {
    struct config_texts shut; /* program and arguments; count 0: none */
    struct config_texts open;
    int64_t deadline_us;      /* of each */
    bool on_standby;
};

struct fence_config {
    int ladder[CONFIG_FENCE_COUNT]; /* enum config_fence, in the order to try */
    size_t ladder_count;            /* at least 1 */
    struct fence_hook_config hook;
    bool accept_unconfirmed_fence;
    int on_quorum_loss; /* enum config_quorum_loss */
};

struct commit_lease_config {
    bool enabled;
};

struct rpo_config {
    int64_t bytes_bytes;
    int64_t seconds_us;
};

struct step_deadline_config {
    int64_t fence_us;
    int64_t promote_us;
    int64_t dns_us;
    int64_t verify_us;
};

struct hooks_config {
    struct config_texts after_open; /* program and arguments; count 0: no hook */
    int64_t deadline_us;
    struct config_texts rejoin;     /* the same */
    int64_t rejoin_deadline_us;
};

/* One thing to be seen to in an operation. Its place in the list is its bit in the ledger. */
struct runbook_item {
    const char *id;
    int when;   /* enum config_runbook_when */
    const char *text;
    int check;  /* enum config_runbook_check */
    int kinds[CONFIG_OPERATION_COUNT]; /* enum config_operation: those that it is for */
    size_t kind_count; /* at least 1 */
};

struct status_range {
    int low;
    int high; /* inclusive */
};

/* A JSON pointer and the value it must lead to, as compact JSON: "\"ok\"", "3", "true", "null". */
struct json_expectation {
    const char *pointer;
    const char *value_json;
};

struct http_check_config {
    const char *url;
    int64_t connect_us;
    int64_t tls_us;
    int64_t first_byte_us;
    int64_t total_us;
    struct status_range status[CONFIG_MAX_STATUS_RANGES];
    size_t status_count; /* at least 1 */
    const char *contains;
    struct json_expectation *json;
    size_t json_count;
    const char *ca_file; /* NULL: the system's */
    bool certificate_check;
    const char *server_name; /* NULL: the host of the URL */
};

struct postgres_check_config {
    bool write_check; /* only ever done where the database is the primary */
};

struct tcp_check_config {
    const char *address; /* "host:port" or "[v6]:port" */
};

struct dns_check_config {
    const char *name;
    struct config_texts servers; /* "ip:port"; none: the system's */
    int record; /* enum config_record_type */
    struct config_texts expect_any; /* none: any answer will do */
};

/* One check of one region. The part of the other types is all zero. */
struct check_config {
    const char *name;
    int type; /* enum config_check_type */
    int64_t interval_us;
    int64_t timeout_us; /* of the whole check; for http the same as http.total_us */
    int64_t fall;
    int64_t rise;
    int64_t for_us;
    struct http_check_config http;
    struct postgres_check_config postgres;
    struct tcp_check_config tcp;
    struct dns_check_config dns;
    size_t index; /* its number within the service, over all regions in order: 0..check_count-1 */
};

struct database_config {
    const char *host;
    const char *hostaddr; /* NULL: host is an IP address, or is resolved by us */
    int64_t port;
    const char *dbname;
    const char *user;
    const char *password_file;
    const char *sslmode; /* as libpq spells it */
    const char *ca_file;
    const char *guard_host; /* socket folder or address as seen by the guard; NULL: host/hostaddr */
    const char *canary_user;
    const char *canary_password_file;
    const char *commit_user; /* streams for the commit lease; NULL: there is none */
    const char *commit_password_file;
    struct config_texts kernel_allow; /* IP addresses */
    const char *replication_conninfo;
};

/* What the coordinator of another region runs to cut this region's database off. */
struct remote_hook_config {
    struct config_texts shut; /* program and arguments; at least 1 */
    int64_t deadline_us;
};

/* What a region is to one service. */
struct service_region_config {
    const char *name;
    size_t region; /* index into cluster_config.regions */
    int64_t priority; /* lower wins among equals */
    struct config_texts guard_names;
    size_t guards[CONFIG_MAX_GUARDS]; /* indexes into cluster_config.nodes, in the file's order */
    size_t guard_count;
    struct remote_hook_config *remote_hook; /* NULL: none */
    struct check_config *checks;
    size_t check_count;
    struct database_config *database; /* NULL: can't ever be the writer */
};

/* What a record set holds while `region` is the writer. Which parts are set depends on the kind. */
struct record_values {
    const char *region_name;
    size_t region; /* index into cluster_config.regions */
    struct config_texts values;
};
struct record_alias {
    const char *region_name;
    size_t region;
    const char *zone; /* hosted zone id of the target */
    const char *name;
    bool evaluate;
};
struct record_weight {
    const char *region_name;
    size_t region;
    int64_t weight; /* 0..255 */
};

/* One record set, a function of the writer: values[], alias[] and weight[] are per writer region.
 * A weighted or failover group is several records with one name and type and different
 * set_identifiers. */
struct record_config {
    const char *name;
    int type; /* enum config_record_type */
    int64_t ttl_s;
    int kind; /* enum config_record_kind */
    struct record_values *values; /* simple; weighted and failover have these or an alias */
    size_t value_count;
    struct record_alias *alias; /* alias */
    size_t alias_count;
    const char *set_identifier; /* weighted, failover */
    struct record_weight *weight; /* weighted */
    size_t weight_count;
    int role; /* enum config_record_role; failover */
    const char *health_check_id; /* Route 53 health check attached to it, or NULL */
};

struct zone_config {
    const char *id;
    const char *name;
    struct config_texts name_servers; /* "ip:port"; none: the zone's NS records are resolved */
    const char *fence_record;
    struct record_config *records;
    size_t record_count;
};

struct dns_config {
    const char *provider; /* "route53" */
    const char *endpoint; /* URL */
    const char *region;   /* for the signature */
    struct credentials_config credentials;
    const char *ca_file; /* NULL: the system's */
    struct zone_config *zones;
    size_t zone_count;
    struct config_texts verify_endpoints; /* URLs */
};

struct service_config {
    const char *name;
    int mode; /* enum config_mode */
    int64_t approve_within_us;
    int on_no_answer; /* enum config_no_answer */
    const char *initial_writer_name;
    size_t initial_writer; /* index into regions[] below */
    struct lease_config lease;
    struct fence_config fence;
    struct commit_lease_config commit_lease;
    struct rpo_config rpo;
    int64_t outage_min_us;
    int64_t cooldown_us;
    int64_t confirm_timeout_us;
    int64_t evidence_max_age_us;
    struct step_deadline_config step_deadline;
    struct hooks_config hooks;
    struct runbook_item *runbook;
    size_t runbook_count; /* 0: none */
    struct service_region_config *regions;
    size_t region_count;
    size_t check_count; /* over all regions */
    struct dns_config *dns; /* NULL: no DNS is changed */
};

/* ---- the cluster ------------------------------------------------------------------------- */

struct node_config {
    const char *name;
    const char *region_name;
    size_t region; /* index into cluster_config.regions */
    const char *address; /* where its peers reach it: "host:port", "ip:port" or "[v6]:port" */
    bool voter;
};

/* A region that has a node. Which services it serves is in the services. */
struct region_config {
    const char *name;
    size_t node_count;
    size_t voter_count;
};

/* ---- telling people ---------------------------------------------------------------------- */

/* What people are told of; the order is that of option_events. What each means is coordinator/notify's. */
enum config_event {
    CONFIG_EVENT_SUSPICION,
    CONFIG_EVENT_PROPOSAL,
    CONFIG_EVENT_BEGIN,
    CONFIG_EVENT_STEP,
    CONFIG_EVENT_DONE,
    CONFIG_EVENT_FAILED,
    CONFIG_EVENT_STUCK,
    CONFIG_EVENT_FENCE,
    CONFIG_EVENT_NO_QUORUM,
    CONFIG_EVENT_READINESS,
    CONFIG_EVENT_CERTIFICATE,
    CONFIG_EVENT_AUDIT,
    CONFIG_EVENT_GLASS,
    CONFIG_EVENT_COUNT
};

enum config_channel_kind { CONFIG_CHANNEL_SLACK, CONFIG_CHANNEL_PAGERDUTY, CONFIG_CHANNEL_JSON, CONFIG_CHANNEL_EXEC };

/* A way to tell people. Which fields are set depends on the kind. */
struct channel_config {
    const char *name;
    int kind; /* enum config_channel_kind */
    const char *url_file;         /* slack, json: the URL is a secret, so only its file is named */
    const char *routing_key_file; /* pagerduty */
    const char *endpoint;         /* pagerduty: URL */
    const char *ca_file;          /* NULL: the system's */
    const char *template;         /* slack, json; NULL: the usual sentence */
    struct config_texts program;  /* exec: program and arguments */
    int64_t deadline_us;          /* of one try */
    int64_t level;                /* 0: told at once; else of incidents that nobody acknowledged by then */
    int events[CONFIG_EVENT_COUNT]; /* enum config_event */
    size_t event_count;           /* 0: all */
};

struct notify_config {
    struct channel_config *channels;
    size_t channel_count;
    int64_t escalate_us[CONFIG_NOTIFY_LEVELS]; /* when a level is told; [0] is 0 */
};

/* What a template may name. */
enum config_placeholder {
    CONFIG_PLACEHOLDER_SERVICE,
    CONFIG_PLACEHOLDER_REGION,
    CONFIG_PLACEHOLDER_EVENT,
    CONFIG_PLACEHOLDER_TEXT,
    CONFIG_PLACEHOLDER_OPERATION,
    CONFIG_PLACEHOLDER_NODE,
    CONFIG_PLACEHOLDER_TODO,
    CONFIG_PLACEHOLDER_INCIDENT,
    CONFIG_PLACEHOLDER_SEVERITY,
    CONFIG_PLACEHOLDER_TIME,
    CONFIG_PLACEHOLDER_COUNT
};

struct config_template_piece {
    const char *text; /* a stretch of it as it stands; NULL: a placeholder */
    size_t length;
    enum config_placeholder placeholder;
};

/* The next piece of a template: text, or {name}; "{{" and "}}" stand for the braces themselves. False at its end, and
 * with the fault set where a brace is wrong or the name is none (*fault is "" at the end). */
bool config_template_next(const char **at, struct config_template_piece *piece, struct fault *fault) CHECKED;

/* Whether the channel is told of this event, by its own list. */
bool config_channel_wants(const struct channel_config *channel, int event);
const char *config_event_name(int event);
const char *config_channel_kind_name(int kind);

struct config_arena; /* owns every text and list of one config */

struct cluster_config {
    const char *cluster;
    struct config_texts voter_names;
    size_t voters[CONFIG_MAX_VOTERS]; /* indexes into nodes, ascending */
    size_t voter_count;               /* 3 or 5 */
    struct node_config *nodes;
    size_t node_count;
    struct region_config *regions;
    size_t region_count;
    int64_t heartbeat_us;
    int64_t failovers_at_once; /* 0: no limit */
    struct service_config *services;
    size_t service_count;
    struct notify_config notify;
    uint64_t digest; /* of cluster name, voters, nodes, heartbeat, notify */
    uint64_t service_digests[CONFIG_MAX_SERVICES];
    const char *path; /* the file it came from */
    struct config_arena *arena;
};

/* ---- this node --------------------------------------------------------------------------- */

struct tls_config {
    const char *ca;
    const char *certificate;
    const char *key;
};

/* Who may do what over the control socket: "root", "user:NAME", "group:NAME". */
struct control_config {
    struct config_texts read;
    struct config_texts operate;
    struct config_texts force;
};

struct log_config {
    int level;  /* enum config_log_level */
    int format; /* enum config_log_format */
};

#define CONFIG_AUDIT_DEFAULT "/var/lib/failoverd/audit.jsonl"

struct local_config {
    const char *name;
    const char *state_dir;
    const char *listen; /* "ip:port" */
    const char *control_socket;
    struct tls_config tls;
    struct control_config control;
    struct log_config log;
    const char *journal;
    const char *audit;
    struct credentials_config *aws_credentials; /* NULL: as the cluster file says */
    const char *path;
    struct config_arena *arena;
};

/* ---- problems ---------------------------------------------------------------------------- */

enum config_severity { CONFIG_WARNING, CONFIG_ERROR };

struct config_problem {
    enum config_severity severity;
    char file[256];
    size_t line;     /* 1-based; 0: the file as a whole */
    char path[256];  /* "$.services.shop.lease.duration"; "" where there is none */
    char text[640];  /* what is wrong and what would be right */
};

/* Zero-initialise before use ({0}); free with config_problems_free(). */
struct config_problems {
    struct config_problem *items; /* in the order of file, then line */
    size_t count;
    size_t lost; /* found beyond CONFIG_MAX_PROBLEMS */
    size_t errors;
    size_t warnings;
};

void config_problems_free(struct config_problems *problems);

/* "cluster.json:12: $.voters[1]: ..." into `text`, always terminated. */
void config_problem_text(const struct config_problem *problem, char *text, size_t size);

/* ---- loading ----------------------------------------------------------------------------- */

/* Reads, checks and resolves the cluster file. NULL if there is any error; warnings alone don't
 * refuse it. What was found is added to `problems` either way. */
struct cluster_config *config_load_cluster(const char *path, struct config_problems *problems) CHECKED;

/* As above for the node file. */
struct local_config *config_load_node(const char *path, struct config_problems *problems) CHECKED;

/* NULL is allowed. */
void config_cluster_free(struct cluster_config *cluster);
void config_local_free(struct local_config *node);

/* The two against each other: the node is one of the cluster's. True if no error was added. */
bool config_check(const struct cluster_config *cluster, const struct local_config *node,
                  struct config_problems *problems) CHECKED;

#define CONFIG_CERTIFICATE_WARN_DAYS 30

/* Checks certificate against key, CA and node name; what tls_check_files() of coordinator/peer
 * does, handed in so that this module stays clear of it. The days left are whole, rounded down. */
typedef bool config_tls_check(const struct tls_config *files, const char *node_name,
                              int64_t *days_left, int64_t *ca_days_left, struct fault *fault);

/* The files that the two configs name and that this node will need: there, readable, and secrets
 * readable by their owner alone. `tls_check` may be NULL. True if no error was added. */
bool config_check_named_files(const struct cluster_config *cluster, const struct local_config *node,
                              config_tls_check *tls_check, struct config_problems *problems) CHECKED;

/* Reads a secret (one password) from `path` into `text`, without its line end. Refuses a file
 * that group or others may read, that is no regular file, or that does not fit. Blocking: call
 * it at start or reload only. The caller wipes `text`. */
bool config_read_secret(const char *path, char *text, size_t size, struct fault *fault) CHECKED;

/* ---- finding ----------------------------------------------------------------------------- */

/* By name; CONFIG_NONE if there is none. */
size_t config_find_node(const struct cluster_config *cluster, const char *name);
size_t config_find_region(const struct cluster_config *cluster, const char *name);
size_t config_find_service(const struct cluster_config *cluster, const char *name);

/* The service's entry for a region of the cluster, or NULL if it doesn't serve there. */
const struct service_region_config *config_service_region(const struct service_config *service,
                                                          size_t region);

/* Whether `node` may fence the database of the service's region. */
bool config_is_guard(const struct service_region_config *region, size_t node);

/* Whether `fence` (enum config_fence) stands in the service's ladder. */
bool config_has_fence(const struct service_config *service, int fence);

/* The part of a record that holds while `region` (of the cluster) is the writer; NULL: none. */
const struct record_values *config_record_values(const struct record_config *record, size_t region);
const struct record_alias *config_record_alias(const struct record_config *record, size_t region);
const struct record_weight *config_record_weight(const struct record_config *record, size_t region);

/* ---- what must agree --------------------------------------------------------------------- */

/* 64-bit hashes of the effective settings, defaults filled in, so that "10s", "10000ms" and
 * leaving out the default agree, and so does any order of keys. Names of files on this host don't
 * count: nodes may differ in them. 0 when there was no memory. Also kept in cluster_config.digest and
 * service_digests[]. */
uint64_t config_digest_cluster(const struct cluster_config *cluster);
uint64_t config_digest_service(const struct service_config *service);
/* Of who is told of what. Nodes compare it with each other, together with the service's. */
uint64_t config_digest_notify(const struct cluster_config *cluster);

/* Names for people and for status. */
const char *config_mode_name(int mode);
const char *config_fence_name(int fence);
const char *config_check_type_name(int type);
const char *config_runbook_when_name(int when);
const char *config_runbook_check_name(int check);
const char *config_record_type_name(int type);
const char *config_record_kind_name(int kind);

/* Splits "host:port" or "[v6]:port" as found in a checked config. False if it does not fit or is
 * none. `host` comes without brackets. */
bool config_split_endpoint(const char *endpoint, char *host, size_t host_size, uint16_t *port) CHECKED;

#endif
