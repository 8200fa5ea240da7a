/* Every option there is: see options.h. A decider ("type", "kind", "source") stands before the
 * rows that depend on it, and an option may have several rows when its default depends on it. */
#include "coordinator/config/options.h"

#include <string.h>

#include "coordinator/config/config.h"

#define MS(n) (INT64_C(1000) * (n))
#define SECONDS(n) (INT64_C(1000000) * (n))
#define MINUTES(n) SECONDS(60 * (n))
#define HOURS(n) MINUTES(60 * (n))
#define DAYS(n) HOURS(24 * (n))
#define TIB(n) (INT64_C(1) * (n) * 1024 * 1024 * 1024 * 1024)

#define AT(type, field) .at = offsetof(struct type, field)
#define COUNT_AT(type, field) .count_at = offsetof(struct type, field)
#define ELEMENT(type) .size = sizeof(struct type)
#define KEYED(type, field, keys) .size = sizeof(struct type), .key_at = offsetof(struct type, field), .key = (keys)
#define ROWS(array) array, sizeof(array) / sizeof(array)[0]

const char *const option_modes[] = { "automatic", "manual", "approve", NULL };
const char *const option_fences[] = { "kernel", "door", "hook", NULL };
const char *const option_check_types[] = { "http", "postgres", "tcp", "dns", NULL };
const char *const option_record_types[] = { "A", "AAAA", "CNAME", NULL };
const char *const option_record_kinds[] = { "simple", "alias", "weighted", "failover", NULL };
const char *const option_runbook_whens[] = { "before", "during", "after", NULL };
const char *const option_runbook_checks[] = { "person", "gates_open", "target_streaming", "no_warnings", "all_voters",
    "old_primary_fenced", "writes_work", "writer_healthy", "dns_in_force", "endpoints_verified", "standby_follows",
    "commit_lease", "audit", "certificate", NULL };
static const char *const operations[] = { "failover", "switchover", "failback", "adopt", NULL };
static const char *const no_answers[] = { "nothing", "go", NULL };
const char *const option_events[] = { "suspicion", "proposal", "begin",     "step",      "done",        "failed",
                                      "stuck",     "fence",    "no_quorum", "readiness", "certificate", "audit",
                                      "glass",     NULL };
_Static_assert(sizeof option_events / sizeof option_events[0] == CONFIG_EVENT_COUNT + 1, "each event has its word");
const char *const option_channel_kinds[] = { "slack", "pagerduty", "json", "exec", NULL };
static const char *const quorum_losses[] = { "fence", "keep", NULL };
static const char *const roles[] = { "primary", "secondary", NULL };
static const char *const sources[] = { "file", "environment", "instance", NULL };
static const char *const providers[] = { "route53", NULL };
static const char *const sslmodes[] = { "disable", "allow", "prefer", "require", "verify-ca", "verify-full", NULL };
static const char *const levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const formats[] = { "text", "json", NULL };

#define S "$.services.*."
#define R S "regions.*."
#define C R "checks.*."
#define D R "database."
#define B S "runbook[]."
#define N S "dns."
#define Z N "zones[]."
#define E Z "records[]."
#define H "$.notify.channels.*."

static const struct option cluster_rows[] = {
    { "$.cluster", OPTION_NAME, .required = true, AT(cluster_config, cluster),
      .means = "Name of the cluster, sent in every message so that two clusters never mix." },
    { "$.voters", OPTION_NAME, .list = true, .required = true, AT(cluster_config, voter_names),
      .min = CONFIG_MIN_VOTERS, .max = CONFIG_MAX_VOTERS,
      .means = "The nodes that vote: 3 or 5, best each in a region of its own. The file only says who votes at the very first start." },
    { "$.nodes", OPTION_MAP, .required = true, AT(cluster_config, nodes), COUNT_AT(cluster_config, node_count),
      KEYED(node_config, name, OPTION_NAME), .min = CONFIG_MIN_VOTERS, .max = CONFIG_MAX_NODES,
      .means = "Every failoverd, by name. The name is also in its certificate." },
    { "$.nodes.*.region", OPTION_NAME, .required = true, AT(node_config, region_name),
      .means = "The region that the node is in." },
    { "$.nodes.*.address", OPTION_ENDPOINT, .required = true, AT(node_config, address),
      .means = "Where the other nodes reach it." },
    { "$.heartbeat", OPTION_DURATION, AT(cluster_config, heartbeat_us), .fallback = "\"1s\"",
      .min = MS(100), .max = MINUTES(1), .means = "How often the nodes tell each other what they see." },
    { "$.failovers_at_once", OPTION_INTEGER, AT(cluster_config, failovers_at_once), .fallback = "0", .min = 0,
      .max = CONFIG_MAX_SERVICES,
      .means = "How many services may fail over at once by themselves; the others wait until those are promoted. 0: any number, since a lost region takes its services along." },
    { "$.services", OPTION_MAP, .required = true, AT(cluster_config, services), COUNT_AT(cluster_config, service_count),
      KEYED(service_config, name, OPTION_NAME), .min = 1, .max = CONFIG_MAX_SERVICES,
      .means = "What fails over, each as one." },

    { S "mode", OPTION_CHOICE, AT(service_config, mode), .fallback = "\"automatic\"", .choices = option_modes,
      .means = "What a majority's verdict comes to: a failover, nothing (a person orders one), or a proposal that waits for a person's word." },
    { S "approve_within", OPTION_DURATION, AT(service_config, approve_within_us), .fallback = "\"15m\"",
      .min = SECONDS(1), .max = DAYS(1), .means = "In mode approve: how long a proposal waits for an answer before on_no_answer counts." },
    { S "on_no_answer", OPTION_CHOICE, AT(service_config, on_no_answer), .fallback = "\"nothing\"", .choices = no_answers,
      .means = "In mode approve, when nobody answered in time: nothing (a later answer still counts), or go." },
    { S "initial_writer", OPTION_NAME, .required = true, AT(service_config, initial_writer_name),
      .means = "The region whose database is the primary when the cluster starts for the very first time; never looked at again." },
    { S "lease", OPTION_OBJECT, .means = "The permission to leave the writer's database open." },
    { S "lease.duration", OPTION_DURATION, AT(service_config, lease.duration_us), .fallback = "\"10s\"",
      .min = MS(500), .max = HOURS(1),
      .means = "How long a lease lasts: about the time to wait for a region that went silent. Longer than fence_budget + 2 x renew_every." },
    { S "lease.renew_every", OPTION_DURATION, AT(service_config, lease.renew_every_us), .fallback = "\"2s\"",
      .min = MS(50), .max = MINUTES(10), .means = "How often the guard asks for a new one." },
    { S "lease.clock_error_percent", OPTION_INTEGER, AT(service_config, lease.clock_error_percent), .fallback = "10",
      .min = 1, .max = 50, .means = "By how much the rates of two clocks may differ; NTP alone may slew by 8.3." },
    { S "lease.fence_budget", OPTION_DURATION, AT(service_config, lease.fence_budget_us), .fallback = "\"2s\"",
      .min = MS(50), .max = MINUTES(10), .means = "How long before the lease ends the guard starts to fence." },
    { S "fence", OPTION_OBJECT, .means = "How the old writer is kept from acknowledging writes." },
    { S "fence.ladder", OPTION_CHOICE, .list = true, AT(service_config, fence.ladder),
      COUNT_AT(service_config, fence.ladder_count), .fallback = "[\"kernel\"]", .choices = option_fences,
      .min = 1, .max = CONFIG_FENCE_COUNT,
      .means = "The fences in the order to try: kernel (nftables on the database's host, enforced also when the guard is dead), "
               "door (over SQL, needs a live guard) and hook (a program of yours, needs a live guard)." },
    { S "fence.hook", OPTION_OBJECT, .means = "The programs behind \"hook\" in the ladder, run by the region's own guard; what they promise is told above." },
    { S "fence.hook.shut", OPTION_TEXT, .list = true, AT(service_config, fence.hook.shut), .min = 1, .max = CONFIG_MAX_ITEMS,
      .means = "Program (absolute path) and arguments. Exit code 0 says: this region's database can't acknowledge a write any more." },
    { S "fence.hook.open", OPTION_TEXT, .list = true, AT(service_config, fence.hook.open), .min = 1, .max = CONFIG_MAX_ITEMS,
      .means = "Undoes it under a lease, or for a standby; exit code 0 also where nothing is to be done. Left out: a person does." },
    { S "fence.hook.deadline", OPTION_DURATION, AT(service_config, fence.hook.deadline_us), .fallback = "\"10s\"",
      .min = MS(100), .max = SECONDS(25), .means = "When a run of either is ended, with all that it started, and counts as failed." },
    { S "fence.hook.on_standby", OPTION_BOOL, AT(service_config, fence.hook.on_standby), .fallback = "false",
      .means = "Whether shut may be run on a standby, as on the target of a failover: only for a program that keeps others out "
               "and lets the guard in. One that stops the server leaves nothing to promote." },
    { S "fence.accept_unconfirmed_fence", OPTION_BOOL, AT(service_config, fence.accept_unconfirmed_fence),
      .fallback = "false",
      .means = "Go on after the wait although nothing enforces or confirms the fence. Two regions may then acknowledge writes at once." },
    { S "fence.on_quorum_loss", OPTION_CHOICE, AT(service_config, fence.on_quorum_loss), .fallback = "\"fence\"",
      .choices = quorum_losses,
      .means = "What the guard does when no majority renews the lease: fence the database, or keep it open, in which case only a confirmed fence or a person moves the writer." },
    { S "commit_lease", OPTION_OBJECT, .means = "A supplement to the fence: commits wait for the guard's confirmation, which it gives only while it holds its lease." },
    { S "commit_lease.enabled", OPTION_BOOL, AT(service_config, commit_lease.enabled), .fallback = "false",
      .means = "Whether the guard attaches to its primary as a synchronous standby. Where it is dead, paused or without a lease commits then hang instead of being acknowledged." },
    { S "rpo", OPTION_OBJECT, .means = "How much may be lost without a person's word." },
    { S "rpo.bytes", OPTION_SIZE, AT(service_config, rpo.bytes_bytes), .fallback = "\"16MiB\"", .min = 0, .max = TIB(1),
      .means = "Most WAL that the promoted standby may be missing." },
    { S "rpo.seconds", OPTION_DURATION, AT(service_config, rpo.seconds_us), .fallback = "\"60s\"", .min = 0,
      .max = DAYS(1), .means = "Longest time of writes that it may be missing." },
    { S "outage_min", OPTION_DURATION, AT(service_config, outage_min_us), .fallback = "\"0s\"", .min = 0, .max = DAYS(7),
      .means = "Wait this long after a majority judged the region failed." },
    { S "cooldown", OPTION_DURATION, AT(service_config, cooldown_us), .fallback = "\"30m\"", .min = 0, .max = DAYS(30),
      .means = "No automatic failover this soon after the last operation." },
    { S "confirm_timeout", OPTION_DURATION, AT(service_config, confirm_timeout_us), .fallback = "\"2s\"", .min = MS(100),
      .max = MINUTES(1), .means = "How long to wait for the other voters' fresh confirmation before beginning." },
    { S "evidence_max_age", OPTION_DURATION, AT(service_config, evidence_max_age_us), .fallback = "\"15s\"",
      .min = MS(500), .max = MINUTES(10),
      .means = "Verdicts older than this count as unknown. Longer than a check's interval and timeout plus a heartbeat." },
    { S "step_deadline", OPTION_OBJECT, .means = "When a step that isn't done asks a person." },
    { S "step_deadline.fence", OPTION_DURATION, AT(service_config, step_deadline.fence_us), .fallback = "\"1m\"",
      .min = SECONDS(1), .max = DAYS(1), .means = "Of making sure that the old writer is fenced; in a switchover also of the target getting all that it wrote." },
    { S "step_deadline.promote", OPTION_DURATION, AT(service_config, step_deadline.promote_us), .fallback = "\"1m\"",
      .min = SECONDS(1), .max = DAYS(1), .means = "Of promoting and opening the standby." },
    { S "step_deadline.dns", OPTION_DURATION, AT(service_config, step_deadline.dns_us), .fallback = "\"5m\"",
      .min = SECONDS(1), .max = DAYS(1), .means = "Of changing the records until they are in sync everywhere." },
    { S "step_deadline.verify", OPTION_DURATION, AT(service_config, step_deadline.verify_us), .fallback = "\"2m\"",
      .min = SECONDS(1), .max = DAYS(1), .means = "Of seeing the new region answer under the public name." },
    { S "hooks", OPTION_OBJECT, .means = "Programs of your own." },
    { S "hooks.after_open", OPTION_TEXT, .list = true, AT(service_config, hooks.after_open), .min = 1,
      .max = CONFIG_MAX_ITEMS,
      .means = "Program (absolute path) and arguments, run by the target's coordinator after its database was opened." },
    { S "hooks.deadline", OPTION_DURATION, AT(service_config, hooks.deadline_us), .fallback = "\"30s\"",
      .min = SECONDS(1), .max = HOURS(1), .means = "When a hook is killed and counts as failed." },
    { S "hooks.rejoin", OPTION_TEXT, .list = true, AT(service_config, hooks.rejoin), .min = 1, .max = CONFIG_MAX_ITEMS,
      .means = "Program (absolute path) and arguments that make an old primary a standby, run by failoverctl rejoin." },
    { S "hooks.rejoin_deadline", OPTION_DURATION, AT(service_config, hooks.rejoin_deadline_us), .fallback = "\"1h\"",
      .min = SECONDS(1), .max = DAYS(1), .means = "When that program is killed; a new copy of the database takes its time." },

    { S "runbook", OPTION_LIST, AT(service_config, runbook), COUNT_AT(service_config, runbook_count), ELEMENT(runbook_item),
      .min = 1, .max = CONFIG_MAX_RUNBOOK,
      .means = "What is to be seen to before, during and after an operation; left out: nothing. Told about above: add new items at the end." },
    { B "id", OPTION_NAME, .required = true, AT(runbook_item, id), .means = "Its name, as failoverctl operation tick takes it." },
    { B "when", OPTION_CHOICE, .required = true, AT(runbook_item, when), .choices = option_runbook_whens,
      .means = "When it is due." },
    { B "text", OPTION_TEXT, .required = true, AT(runbook_item, text), .max = 300,
      .means = "What is to be done, or to be so, for whoever is on call." },
    { B "check", OPTION_CHOICE, AT(runbook_item, check), .fallback = "\"person\"", .choices = option_runbook_checks,
      .means = "Who checks it: a person, who ticks it, or failoverd, which shows what that rests on." },
    { B "kinds", OPTION_CHOICE, .list = true, AT(runbook_item, kinds), COUNT_AT(runbook_item, kind_count),
      .fallback = "[\"failover\", \"switchover\", \"failback\"]", .choices = operations, .min = 1,
      .max = CONFIG_OPERATION_COUNT, .means = "The operations that it is for; adopt is dns adopt." },

    { S "regions", OPTION_MAP, .required = true, AT(service_config, regions), COUNT_AT(service_config, region_count),
      KEYED(service_region_config, name, OPTION_NAME), .min = 1, .max = CONFIG_MAX_REGIONS,
      .means = "The regions that serve, by name; each has a node. A witness region is left out." },
    { R "priority", OPTION_INTEGER, AT(service_region_config, priority), .fallback = "10", .min = 0, .max = 1000,
      .means = "Among equally good targets the lower one wins." },
    { R "guards", OPTION_NAME, .list = true, AT(service_region_config, guard_names), .min = 1, .max = CONFIG_MAX_GUARDS,
      .means = "Nodes of this region that fence, promote and open its database; needed where there is one. For the kernel fence a guard runs on the database's own host." },
    { R "remote_hook", OPTION_OPTIONAL, AT(service_region_config, remote_hook), ELEMENT(remote_hook_config),
      .means = "Cuts this region's database off from outside, as an API or a power switch can: run by the coordinator of the region that takes over "
               "when no guard confirmed the fence; what it promises is told above." },
    { R "remote_hook.shut", OPTION_TEXT, .list = true, .required = true, AT(remote_hook_config, shut), .min = 1,
      .max = CONFIG_MAX_ITEMS,
      .means = "Program (absolute path) and arguments. Exit code 0 says: no client can reach this region's database any more, until a person undoes that." },
    { R "remote_hook.deadline", OPTION_DURATION, AT(remote_hook_config, deadline_us), .fallback = "\"20s\"",
      .min = MS(100), .max = MINUTES(5),
      .means = "When a run is ended, with all that it started, and proves nothing. Shorter than step_deadline.fence." },
    { R "checks", OPTION_MAP, AT(service_region_config, checks), COUNT_AT(service_region_config, check_count),
      KEYED(check_config, name, OPTION_NAME), .min = 0, .max = CONFIG_MAX_CHECKS,
      .means = "What every voter looks at to judge the region, by name." },
    { C "type", OPTION_CHOICE, .required = true, AT(check_config, type), .choices = option_check_types,
      .means = "What is checked." },
    { C "interval", OPTION_DURATION, AT(check_config, interval_us), .fallback = "\"5s\"", .when = "type=http|tcp",
      .min = MS(100), .max = HOURS(1), .means = "Time from one start to the next." },
    { C "interval", OPTION_DURATION, AT(check_config, interval_us), .fallback = "\"2s\"", .when = "type=postgres",
      .min = MS(100), .max = HOURS(1), .means = "Time from one start to the next." },
    { C "interval", OPTION_DURATION, AT(check_config, interval_us), .fallback = "\"10s\"", .when = "type=dns",
      .min = MS(100), .max = HOURS(1), .means = "Time from one start to the next." },
    { C "fall", OPTION_INTEGER, AT(check_config, fall), .fallback = "3", .min = 1, .max = 100,
      .means = "How many failures a failing run needs." },
    { C "rise", OPTION_INTEGER, AT(check_config, rise), .fallback = "2", .min = 1, .max = 100,
      .means = "How many successes in a row end it." },
    { C "for", OPTION_DURATION, AT(check_config, for_us), .fallback = "\"5m\"", .when = "type=http|tcp|dns", .min = 0,
      .max = DAYS(1), .means = "How long a failing run lasts before the check counts as failed." },
    { C "for", OPTION_DURATION, AT(check_config, for_us), .fallback = "\"2m\"", .when = "type=postgres", .min = 0,
      .max = DAYS(1), .means = "How long a failing run lasts before the check counts as failed." },
    { C "timeout", OPTION_DURATION, AT(check_config, timeout_us), .fallback = "\"3s\"", .when = "type=postgres|tcp|dns",
      .min = MS(10), .max = MINUTES(1), .means = "When an attempt counts as failed." },
    { C "url", OPTION_URL, .required = true, AT(check_config, http.url), .when = "type=http",
      .means = "What to fetch; every address of the name is tried." },
    { C "timeouts", OPTION_OBJECT, .when = "type=http", .means = "When an attempt counts as failed, by phase." },
    { C "timeouts.connect", OPTION_DURATION, AT(check_config, http.connect_us), .fallback = "\"1s\"", .min = MS(10),
      .max = MINUTES(1), .means = "TCP connection." },
    { C "timeouts.tls", OPTION_DURATION, AT(check_config, http.tls_us), .fallback = "\"2s\"", .min = MS(10),
      .max = MINUTES(1), .means = "TLS handshake." },
    { C "timeouts.first_byte", OPTION_DURATION, AT(check_config, http.first_byte_us), .fallback = "\"2s\"",
      .min = MS(10), .max = MINUTES(1), .means = "First byte of the answer." },
    { C "timeouts.total", OPTION_DURATION, AT(check_config, http.total_us), .fallback = "\"4s\"", .min = MS(10),
      .max = MINUTES(1), .means = "All of it; no phase may be longer." },
    { C "expect", OPTION_OBJECT, .when = "type=http", .means = "What a good answer is; all of it must hold." },
    { C "expect.status", OPTION_STATUS, .list = true, AT(check_config, http.status),
      COUNT_AT(check_config, http.status_count), .fallback = "[\"200-299\"]", .min = 1, .max = CONFIG_MAX_STATUS_RANGES,
      .means = "Good HTTP status codes and ranges." },
    { C "expect.contains", OPTION_TEXT, AT(check_config, http.contains), .means = "A text that the body holds." },
    { C "expect.json", OPTION_MAP, AT(check_config, http.json), COUNT_AT(check_config, http.json_count),
      KEYED(json_expectation, pointer, OPTION_POINTER), .min = 0, .max = CONFIG_MAX_ITEMS,
      .means = "Values that the JSON body has, by JSON pointer." },
    { C "expect.json.*", OPTION_SCALAR, AT(json_expectation, value_json),
      .means = "The value there: text, number, true, false or null." },
    { C "ca_file", OPTION_FILE, AT(check_config, http.ca_file), .when = "type=http",
      .means = "Authorities that may have signed the server's certificate; left out: the system's." },
    { C "certificate_check", OPTION_BOOL, AT(check_config, http.certificate_check), .fallback = "true",
      .when = "type=http", .means = "Whether a wrong certificate is a failure." },
    { C "server_name", OPTION_HOST, AT(check_config, http.server_name), .when = "type=http",
      .means = "Name to ask for and to find in the certificate; left out: the URL's host." },
    { C "write_check", OPTION_BOOL, AT(check_config, postgres.write_check), .fallback = "true", .when = "type=postgres",
      .means = "Whether a real write is tried where the database is the primary." },
    { C "address", OPTION_ENDPOINT, .required = true, AT(check_config, tcp.address), .when = "type=tcp",
      .means = "Where to connect." },
    { C "name", OPTION_DNS_NAME, .required = true, AT(check_config, dns.name), .when = "type=dns",
      .means = "The name to ask for." },
    { C "servers", OPTION_IP_ENDPOINT, .list = true, AT(check_config, dns.servers), .when = "type=dns", .min = 1,
      .max = CONFIG_MAX_SERVERS, .means = "Name servers to ask; left out: the system's." },
    { C "record", OPTION_CHOICE, AT(check_config, dns.record), .fallback = "\"A\"", .choices = option_record_types,
      .when = "type=dns", .means = "The type to ask for." },
    { C "expect_any", OPTION_HOST, .list = true, AT(check_config, dns.expect_any), .when = "type=dns", .min = 1,
      .max = CONFIG_MAX_ITEMS, .means = "Good answers, one of which must come; left out: any answer is good." },

    { R "database", OPTION_OPTIONAL, AT(service_region_config, database), ELEMENT(database_config),
      .means = "The region's PostgreSQL. A region without one can never be the writer." },
    { D "host", OPTION_HOST, .required = true, AT(database_config, host), .means = "Its name (found in its certificate) or address." },
    { D "hostaddr", OPTION_IP, AT(database_config, hostaddr), .means = "Its address, to do without looking up the name." },
    { D "port", OPTION_INTEGER, AT(database_config, port), .fallback = "5432", .min = 1, .max = 65535, .means = "Its port." },
    { D "dbname", OPTION_TEXT, AT(database_config, dbname), .fallback = "\"postgres\"", .means = "The database to connect to." },
    { D "user", OPTION_TEXT, AT(database_config, user), .fallback = "\"failoverd\"", .means = "The role of probes and guard." },
    { D "password_file", OPTION_FILE, AT(database_config, password_file),
      .means = "Its password, alone in a file that only failoverd may read; left out: none is needed." },
    { D "sslmode", OPTION_WORD, AT(database_config, sslmode), .fallback = "\"verify-full\"", .choices = sslmodes,
      .means = "As libpq's. Below verify-ca nothing proves that it is the right server." },
    { D "ca_file", OPTION_FILE, AT(database_config, ca_file), .means = "Authorities that may have signed its certificate; needed for verify-ca and verify-full." },
    { D "guard_host", OPTION_SOCKET, AT(database_config, guard_host),
      .means = "How the guard reaches it: the folder of its Unix socket, or an address; left out: as everybody." },
    { D "canary_user", OPTION_TEXT, AT(database_config, canary_user),
      .means = "An ordinary role whose refused login proves that the door is shut; needed for the door." },
    { D "canary_password_file", OPTION_FILE, AT(database_config, canary_password_file), .means = "The password of that role." },
    { D "commit_user", OPTION_TEXT, AT(database_config, commit_user),
      .means = "A role with REPLICATION and nothing else, as which the guard streams for the commit lease; needed for it." },
    { D "commit_password_file", OPTION_FILE, AT(database_config, commit_password_file), .means = "The password of that role." },
    { D "kernel_allow", OPTION_IP, .list = true, AT(database_config, kernel_allow), .min = 1, .max = CONFIG_MAX_ITEMS,
      .means = "Addresses that the kernel fence lets through for replication: the other regions' databases." },
    { D "replication_conninfo", OPTION_TEXT, AT(database_config, replication_conninfo),
      .means = "What standbys elsewhere put into primary_conninfo to follow this one; with passfile, never a password." },

    { S "dns", OPTION_OPTIONAL, AT(service_config, dns), ELEMENT(dns_config),
      .means = "The records that follow the writer; left out: no traffic is moved." },
    { N "provider", OPTION_WORD, AT(dns_config, provider), .fallback = "\"route53\"", .choices = providers, .means = "Who serves the zones." },
    { N "endpoint", OPTION_URL, AT(dns_config, endpoint), .fallback = "\"https://route53.amazonaws.com\"",
      .means = "Where its API is; scheme, host and port." },
    { N "region", OPTION_NAME, AT(dns_config, region), .fallback = "\"us-east-1\"", .means = "The AWS region to sign for." },
    { N "credentials", OPTION_OBJECT, .means = "Where the AWS keys come from; node.json may override it." },
    { N "credentials.source", OPTION_CHOICE, AT(dns_config, credentials.source), .fallback = "\"instance\"",
      .choices = sources, .means = "A file, the environment, or the machine's role." },
    { N "credentials.file", OPTION_FILE, .required = true, AT(dns_config, credentials.file), .when = "source=file",
      .means = "A file of AWS's form that only failoverd may read." },
    { N "credentials.profile", OPTION_TEXT, AT(dns_config, credentials.profile), .fallback = "\"default\"",
      .when = "source=file", .means = "The profile in it." },
    { N "ca_file", OPTION_FILE, AT(dns_config, ca_file), .means = "Authorities that may have signed the API's certificate; left out: the system's." },
    { N "zones", OPTION_LIST, .required = true, AT(dns_config, zones), COUNT_AT(dns_config, zone_count),
      ELEMENT(zone_config), .min = 1, .max = CONFIG_MAX_ZONES, .means = "The hosted zones, changed in this order." },
    { Z "id", OPTION_ZONE_ID, .required = true, AT(zone_config, id), .means = "The hosted zone's id." },
    { Z "name", OPTION_DNS_NAME, .required = true, AT(zone_config, name), .means = "The hosted zone's name." },
    { Z "name_servers", OPTION_IP_ENDPOINT, .list = true, AT(zone_config, name_servers), .min = 1,
      .max = CONFIG_MAX_SERVERS, .means = "Its name servers, asked after a change; left out: those of its NS records." },
    { Z "fence_record", OPTION_DNS_NAME, .required = true, AT(zone_config, fence_record),
      .means = "Name of a TXT record of our own that keeps an older change from overwriting a newer one." },
    { Z "records", OPTION_LIST, .required = true, AT(zone_config, records), COUNT_AT(zone_config, record_count),
      ELEMENT(record_config), .min = 1, .max = CONFIG_MAX_RECORDS, .means = "The record sets that follow the writer." },
    { E "name", OPTION_DNS_NAME, .required = true, AT(record_config, name), .means = "Its name, within the zone." },
    { E "type", OPTION_CHOICE, .required = true, AT(record_config, type), .choices = option_record_types, .means = "Its type." },
    { E "kind", OPTION_CHOICE, AT(record_config, kind), .fallback = "\"simple\"", .choices = option_record_kinds,
      .means = "Its routing policy." },
    { E "ttl", OPTION_INTEGER, AT(record_config, ttl_s), .fallback = "60", .min = 1, .max = 86400,
      .when = "kind=simple|weighted|failover", .means = "How many seconds resolvers keep it." },
    { E "values", OPTION_MAP, AT(record_config, values), COUNT_AT(record_config, value_count),
      KEYED(record_values, region_name, OPTION_NAME), .min = 1, .max = CONFIG_MAX_REGIONS,
      .when = "kind=simple|weighted|failover", .means = "What it holds while that region is the writer, for every region with a database." },
    { E "values.*", OPTION_HOST, .list = true, AT(record_values, values), .min = 1, .max = CONFIG_MAX_VALUES,
      .means = "Addresses, or one name for CNAME." },
    { E "alias", OPTION_MAP, AT(record_config, alias), COUNT_AT(record_config, alias_count),
      KEYED(record_alias, region_name, OPTION_NAME), .min = 1, .max = CONFIG_MAX_REGIONS,
      .when = "kind=alias|weighted|failover", .means = "What it is an alias of while that region is the writer; instead of values." },
    { E "alias.*.zone", OPTION_ZONE_ID, .required = true, AT(record_alias, zone), .means = "Hosted zone id of the target." },
    { E "alias.*.name", OPTION_DNS_NAME, .required = true, AT(record_alias, name), .means = "Name of the target." },
    { E "alias.*.evaluate", OPTION_BOOL, AT(record_alias, evaluate), .fallback = "false", .means = "Whether Route 53 heeds the target's health." },
    { E "set_identifier", OPTION_TEXT, .required = true, AT(record_config, set_identifier), .min = 1, .max = 128,
      .when = "kind=weighted|failover", .means = "Which of the record sets of that name and type it is." },
    { E "weight", OPTION_MAP, .required = true, AT(record_config, weight), COUNT_AT(record_config, weight_count),
      KEYED(record_weight, region_name, OPTION_NAME), .min = 1, .max = CONFIG_MAX_REGIONS, .when = "kind=weighted",
      .means = "Its weight while that region is the writer." },
    { E "weight.*", OPTION_INTEGER, AT(record_weight, weight), .min = 0, .max = 255, .means = "0 sends it nothing." },
    { E "role", OPTION_CHOICE, .required = true, AT(record_config, role), .choices = roles, .when = "kind=failover",
      .means = "Its role in Route 53's own failover." },
    { E "health_check_id", OPTION_TEXT, AT(record_config, health_check_id), .min = 1, .max = 64,
      .when = "kind=weighted|failover", .means = "A Route 53 health check that takes it out when it fails." },
    { N "verify_endpoints", OPTION_URL, .list = true, AT(dns_config, verify_endpoints), .min = 1, .max = CONFIG_MAX_ITEMS,
      .means = "Fetched under the public name after the change; the operation is done when they answer." },

    { "$.notify", OPTION_OBJECT, .means = "How people are told what happens." },
    { "$.notify.channels", OPTION_MAP, AT(cluster_config, notify.channels), COUNT_AT(cluster_config, notify.channel_count),
      KEYED(channel_config, name, OPTION_NAME), .min = 1, .max = CONFIG_MAX_CHANNELS,
      .means = "The ways to tell them, by name; left out: nobody is told." },
    { H "kind", OPTION_CHOICE, .required = true, AT(channel_config, kind), .choices = option_channel_kinds,
      .means = "A Slack-compatible webhook, PagerDuty's Events API v2, a POST of a JSON object, or a program with that object on its stdin." },
    { H "url_file", OPTION_FILE, .required = true, AT(channel_config, url_file), .when = "kind=slack|json",
      .means = "A file of this node that holds the URL, alone, and that only failoverd may read: such a URL is a secret." },
    { H "routing_key_file", OPTION_FILE, .required = true, AT(channel_config, routing_key_file), .when = "kind=pagerduty",
      .means = "A file of this node that holds the integration's routing key, alone, and that only failoverd may read." },
    { H "endpoint", OPTION_URL, AT(channel_config, endpoint), .fallback = "\"https://events.pagerduty.com/v2/enqueue\"",
      .when = "kind=pagerduty", .means = "Where that API is." },
    { H "ca_file", OPTION_FILE, AT(channel_config, ca_file), .when = "kind=slack|pagerduty|json",
      .means = "Authorities that may have signed the receiver's certificate; left out: the system's." },
    { H "template", OPTION_TEXT, AT(channel_config, template), .when = "kind=slack|json", .min = 1, .max = 512,
      .means = "What is said, with {service} {region} {event} {text} {operation} {node} {todo} {incident} {severity} {time}; left out: a sentence of ours." },
    { H "program", OPTION_TEXT, .list = true, .required = true, AT(channel_config, program), .when = "kind=exec", .min = 1,
      .max = CONFIG_MAX_ITEMS, .means = "Program (absolute path) and arguments. Exit code 0 says that it was told." },
    { H "deadline", OPTION_DURATION, AT(channel_config, deadline_us), .fallback = "\"10s\"", .min = SECONDS(1),
      .max = MINUTES(1), .means = "When one try is given up; it is tried again later." },
    { H "level", OPTION_INTEGER, AT(channel_config, level), .fallback = "0", .min = 0, .max = CONFIG_NOTIFY_LEVELS - 1,
      .means = "0: told at once. Higher: told of what needs a person and was not acknowledged by that level's time." },
    { H "events", OPTION_CHOICE, .list = true, AT(channel_config, events), COUNT_AT(channel_config, event_count),
      .choices = option_events, .min = 1, .max = CONFIG_EVENT_COUNT, .means = "Which events it is told of; left out: all." },
    { "$.notify.escalation", OPTION_OBJECT, .means = "When an incident that needs a person, and that nobody acknowledged, is told to the next level's channels." },
    { "$.notify.escalation.level_1", OPTION_DURATION, AT(cluster_config, notify.escalate_us[1]), .fallback = "\"15m\"",
      .min = SECONDS(1), .max = DAYS(7), .means = "To those of level 1, counted from when it began to need a person." },
    { "$.notify.escalation.level_2", OPTION_DURATION, AT(cluster_config, notify.escalate_us[2]), .fallback = "\"30m\"",
      .min = SECONDS(1), .max = DAYS(7), .means = "To those of level 2, counted from the same moment." },
    { "$.notify.escalation.level_3", OPTION_DURATION, AT(cluster_config, notify.escalate_us[3]), .fallback = "\"60m\"",
      .min = SECONDS(1), .max = DAYS(7), .means = "To those of level 3." },
};

static const struct option node_rows[] = {
    { "$.name", OPTION_NAME, .required = true, AT(local_config, name), .means = "Which of the cluster's nodes this is." },
    { "$.state_dir", OPTION_FILE, AT(local_config, state_dir), .fallback = "\"/var/lib/failoverd\"",
      .means = "Folder for what must outlive a restart; on a disk that keeps what was synced." },
    { "$.listen", OPTION_IP_ENDPOINT, AT(local_config, listen), .fallback = "\"0.0.0.0:7400\"", .means = "Where to listen for the other nodes." },
    { "$.control_socket", OPTION_FILE, AT(local_config, control_socket), .fallback = "\"/run/failoverd/control.sock\"",
      .means = "The socket that failoverctl connects to; at most 107 characters." },
    { "$.tls", OPTION_OBJECT, .required = true, .means = "PEM files for talking to the other nodes." },
    { "$.tls.ca", OPTION_FILE, .required = true, AT(local_config, tls.ca), .means = "The cluster's own authority." },
    { "$.tls.certificate", OPTION_FILE, .required = true, AT(local_config, tls.certificate), .means = "This node's certificate, with its name as the only DNS name." },
    { "$.tls.key", OPTION_FILE, .required = true, AT(local_config, tls.key), .means = "Its key, readable by failoverd alone." },
    { "$.control", OPTION_OBJECT, .means = "Who may do what over the control socket; each role includes the one before." },
    { "$.control.read", OPTION_PRINCIPAL, .list = true, AT(local_config, control.read), .fallback = "[\"root\", \"group:failoverd\"]",
      .min = 1, .max = CONFIG_MAX_ITEMS, .means = "May look." },
    { "$.control.operate", OPTION_PRINCIPAL, .list = true, AT(local_config, control.operate), .fallback = "[\"root\"]",
      .min = 1, .max = CONFIG_MAX_ITEMS, .means = "May start and stop operations whose gates are open." },
    { "$.control.force", OPTION_PRINCIPAL, .list = true, AT(local_config, control.force), .fallback = "[\"root\"]",
      .min = 1, .max = CONFIG_MAX_ITEMS, .means = "May override gates by name." },
    { "$.log", OPTION_OBJECT, .means = "What is written to standard error." },
    { "$.log.level", OPTION_CHOICE, AT(local_config, log.level), .fallback = "\"info\"", .choices = levels, .means = "How much." },
    { "$.log.format", OPTION_CHOICE, AT(local_config, log.format), .fallback = "\"text\"", .choices = formats, .means = "In which form." },
    { "$.journal", OPTION_FILE, AT(local_config, journal), .fallback = "\"/var/lib/failoverd/journal.jsonl\"",
      .means = "One JSON line for each event." },
    { "$.audit", OPTION_FILE, AT(local_config, audit), .fallback = "\"" CONFIG_AUDIT_DEFAULT "\"",
      .means = "The audit trail: what people ordered, hash-chained, written before it is done; a disk that refuses it refuses orders." },
    { "$.aws_credentials", OPTION_OPTIONAL, AT(local_config, aws_credentials), ELEMENT(credentials_config),
      .means = "Overrides the services' dns.credentials on this node." },
    { "$.aws_credentials.source", OPTION_CHOICE, .required = true, AT(credentials_config, source),
      .choices = sources, .means = "A file, the environment, or the machine's role." },
    { "$.aws_credentials.file", OPTION_FILE, .required = true, AT(credentials_config, file), .when = "source=file",
      .means = "A file of AWS's form that only failoverd may read." },
    { "$.aws_credentials.profile", OPTION_TEXT, AT(credentials_config, profile), .fallback = "\"default\"",
      .when = "source=file", .means = "The profile in it." },
};

const struct option_table cluster_options = { ROWS(cluster_rows), sizeof(struct cluster_config) };
const struct option_table node_options = { ROWS(node_rows), sizeof(struct local_config) };

static const struct {
    const char *name;
    const char *example;
} types[OPTION_TYPE_COUNT] = {
    [OPTION_OBJECT] = { "object", "an object { ... }" },
    [OPTION_OPTIONAL] = { "optional object", "an object { ... }" },
    [OPTION_MAP] = { "map", "an object { \"name\": ... }" },
    [OPTION_LIST] = { "list", "a list [ ... ]" },
    [OPTION_TEXT] = { "text", "a text \"...\"" },
    [OPTION_NAME] = { "name", "a name such as \"use1-a\"" },
    [OPTION_FILE] = { "file", "an absolute path such as \"/etc/failoverd/ca.pem\"" },
    [OPTION_URL] = { "URL", "a URL such as \"https://shop.example.com/health\"" },
    [OPTION_HOST] = { "host", "a host name or IP address in quotes" },
    [OPTION_SOCKET] = { "socket folder or host", "a socket's folder or a host in quotes" },
    [OPTION_IP] = { "IP address", "an IP address such as \"192.0.2.1\"" },
    [OPTION_ENDPOINT] = { "host:port", "an address such as \"192.0.2.1:7400\"" },
    [OPTION_IP_ENDPOINT] = { "IP:port", "an address such as \"192.0.2.1:53\"" },
    [OPTION_DNS_NAME] = { "DNS name", "a DNS name such as \"shop.example.com\"" },
    [OPTION_ZONE_ID] = { "zone id", "a hosted zone id such as \"Z0123456789ABC\"" },
    [OPTION_PRINCIPAL] = { "principal", "\"root\", \"user:NAME\" or \"group:NAME\"" },
    [OPTION_WORD] = { "choice", "one of the words" },
    [OPTION_DURATION] = { "duration", "a duration such as \"10s\", in quotes and with a unit" },
    [OPTION_SIZE] = { "size", "a size such as \"16MiB\", in quotes and with a unit" },
    [OPTION_INTEGER] = { "integer", "a whole number" },
    [OPTION_BOOL] = { "boolean", "true or false, without quotes" },
    [OPTION_CHOICE] = { "choice", "one of the words" },
    [OPTION_STATUS] = { "status range", "an HTTP status such as \"200-299\", in quotes" },
    [OPTION_SCALAR] = { "scalar", "a text, a number, true, false or null" },
    [OPTION_POINTER] = { "JSON pointer", "a JSON pointer such as \"/status\"" },
};

const char *option_type_name(enum option_type type)
{
    return types[type].name;
}

const char *option_type_example(enum option_type type)
{
    return types[type].example;
}

const char *option_key(const struct option *row)
{
    return strrchr(row->path, '.') + 1;
}

bool option_is_child(const struct option *row, const char *pattern)
{
    size_t length = (size_t)(strrchr(row->path, '.') - row->path);
    return strlen(pattern) == length && memcmp(row->path, pattern, length) == 0;
}

bool option_applies_to(const struct option *row, const char *word)
{
    const char *at = strchr(row->when, '=') + 1;
    for (;;) {
        size_t length = strcspn(at, "|");
        if (strlen(word) == length && memcmp(at, word, length) == 0)
            return true;
        if (at[length] == '\0')
            return false;
        at += length + 1;
    }
}

const struct option *option_decider(const struct option_table *table, const struct option *row)
{
    if (row->when == NULL)
        return NULL;
    size_t parent = (size_t)(option_key(row) - row->path);
    size_t key = strcspn(row->when, "=");
    for (size_t i = 0; i < table->count; i++) {
        const char *path = table->rows[i].path;
        if (strlen(path) == parent + key && memcmp(path, row->path, parent) == 0 &&
            memcmp(path + parent, row->when, key) == 0)
            return &table->rows[i];
    }
    return NULL;
}

bool option_applies(const struct option_table *table, const struct option *row, const void *base, bool *undecided)
{
    *undecided = false;
    const struct option *decider = option_decider(table, row);
    if (decider == NULL)
        return true;
    int choice;
    memcpy(&choice, (const char *)base + decider->at, sizeof choice);
    *undecided = choice < 0;
    return choice >= 0 && option_applies_to(row, decider->choices[choice]);
}
