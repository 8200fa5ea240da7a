/* failoverd: arguments and wiring only. Start reading at control/control.c for what it does, and at
 * policy/node.h for what it decides.
 *
 * Two loops, each on a thread of its own: control (this one) and probes. The store and the journal
 * have writer threads, nftables a worker; none of them decides anything.
 */
#include <event2/event.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/footprint.h"
#include "coordinator/base/log.h"
#include "coordinator/base/notify.h"
#include "coordinator/base/pg_session.h"
#include "coordinator/base/random.h"
#include "coordinator/config/config.h"
#include "coordinator/config/config_report.h"
#include "coordinator/control/certificate_check.h"
#include "coordinator/control/control.h"
#include "coordinator/control/probing.h"

#define FAILOVERD_VERSION "0.1.0"
#define CLUSTER_FILE "/etc/failoverd/cluster.json"
#define NODE_FILE "/etc/failoverd/node.json"
#define CONTROL_CONNECTIONS 32
#define JOURNAL_CLOSE_MS 2000
#define SETTLE_US INT64_C(5000000) /* after the start, when links are up and every check has run */

enum exit_status { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_CONFIG = 78 };

struct arguments {
    const char *cluster;
    const char *node;
    bool check;
    bool format;
    bool json;
    bool without_files;
};

struct daemon {
    struct arguments arguments;
    struct cluster_config *cluster;
    struct local_config *local;
    size_t self;
    struct loop *loop;
    struct fetch_pool *pool;
    struct resolver *resolver;
    struct history *history;
    struct journal *journal;
    struct audit *audit;
    struct store *store;
    struct store_found found;
    uint64_t restarts;
    struct fault store_fault;
    struct control *control;
    struct probing *probing;
    struct event *signals[3];
    struct timer settle;
};

/* ---- arguments ---- */

static void print_usage(FILE *stream)
{
    fputs("failoverd: coordinates the failover of services between regions\n\n"
          "  failoverd [--cluster FILE] [--node FILE]            run\n"
          "  failoverd --check [--cluster FILE] [--node FILE]    check the configuration and its files\n"
          "            [--no-files] [--json]                     not the files it names; as JSON\n"
          "  failoverd --format [--cluster FILE] [--node FILE]   make this node's store, once, before its\n"
          "                                                      first start\n"
          "  failoverd --options                                 print every option as JSON\n"
          "  failoverd --version | --help\n\n"
          "FILE is " CLUSTER_FILE " and " NODE_FILE " if both are left out.\n",
          stream);
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        { "cluster", required_argument, NULL, 'c' }, { "node", required_argument, NULL, 'n' },
        { "check", no_argument, NULL, 'k' },         { "format", no_argument, NULL, 'f' },
        { "json", no_argument, NULL, 'j' },          { "no-files", no_argument, NULL, 'F' },
        { "options", no_argument, NULL, 'o' },       { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
    };
    *arguments = (struct arguments){ .cluster = NULL };
    int option;
    while ((option = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
        switch (option) {
        case 'c': arguments->cluster = optarg; break;
        case 'n': arguments->node = optarg; break;
        case 'k': arguments->check = true; break;
        case 'f': arguments->format = true; break;
        case 'j': arguments->json = true; break;
        case 'F': arguments->without_files = true; break;
        case 'o': return config_print_options(stdout) ? STATUS_OK : STATUS_FAILED;
        case 'V': puts("failoverd " FAILOVERD_VERSION); return STATUS_OK;
        case 'h': print_usage(stdout); return STATUS_OK;
        default: print_usage(stderr); return STATUS_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "failoverd: unexpected argument '%s'\n\n", argv[optind]);
        print_usage(stderr);
        return STATUS_USAGE;
    }
    /* A check may be of one file alone; everything else needs both. */
    bool both = (arguments->cluster == NULL && arguments->node == NULL) || !arguments->check;
    if (both && arguments->cluster == NULL)
        arguments->cluster = CLUSTER_FILE;
    if (both && arguments->node == NULL)
        arguments->node = NODE_FILE;
    return -1;
}

/* ---- configuration ---- */

static bool load(struct daemon *d)
{
    struct config_problems problems = { 0 };
    d->cluster = config_load_cluster(d->arguments.cluster, &problems);
    d->local = config_load_node(d->arguments.node, &problems);
    bool good = d->cluster != NULL && d->local != NULL &&
                config_check(d->cluster, d->local, &problems) &&
                config_check_named_files(d->cluster, d->local, certificate_check, &problems);
    config_print_problems(&problems, stderr);
    config_problems_free(&problems);
    if (!good) {
        fputs("failoverd: the configuration is refused; nothing was started\n", stderr);
        return false;
    }
    d->self = config_find_node(d->cluster, d->local->name);
    return d->self != CONFIG_NONE;
}

static void open_log(const struct daemon *d)
{
    struct log_settings settings = log_settings_default();
    static const enum log_level levels[] = {
        [CONFIG_LOG_ERROR] = LOG_LEVEL_ERROR,
        [CONFIG_LOG_WARNING] = LOG_LEVEL_WARNING,
        [CONFIG_LOG_INFO] = LOG_LEVEL_INFO,
        [CONFIG_LOG_DEBUG] = LOG_LEVEL_DEBUG,
    };
    settings.level = levels[d->local->log.level];
    settings.form = d->local->log.format == CONFIG_LOG_JSON ? LOG_FORM_JSON : LOG_FORM_TEXT;
    log_open(&settings);
}

/* ---- store ---- */

static struct store_settings store_settings_of(const struct daemon *d)
{
    return (struct store_settings){ .folder = d->local->state_dir,
                                    .cluster = d->cluster->cluster,
                                    .node = d->local->name };
}

static int format(const struct daemon *d)
{
    struct fault fault;
    struct store_settings settings = store_settings_of(d);
    if (!store_format(&settings, &fault)) {
        fprintf(stderr, "failoverd: %s\n", fault.text);
        return STATUS_FAILED;
    }
    printf("failoverd: made the store of node %s of cluster %s in %s\n", d->local->name,
           d->cluster->cluster, d->local->state_dir);
    return STATUS_OK;
}

/* A store that is missing or bad keeps the voter mute; the node still observes, and says so. One
 * that another process holds, or of another node, is a mistake that must not run at all. */
static bool open_store(struct daemon *d)
{
    struct store_settings settings = store_settings_of(d);
    enum store_outcome outcome = store_open(&settings, &d->store, &d->found, &d->store_fault);
    if (outcome == STORE_OK && store_start(d->store, &d->restarts, &d->store_fault))
        return true;
    log_event(LOG_LEVEL_ERROR, "the store can't be used: this voter stays mute",
              LOG_STR("outcome", store_outcome_name(outcome)),
              LOG_STR("reason", d->store_fault.text));
    store_close(d->store);
    d->store = NULL;
    /* Nothing counts restarts now; a number that no other process of this node has had does as well. */
    d->restarts = base_random_u64() & UINT32_MAX;
    return outcome != STORE_LOCKED && outcome != STORE_FOREIGN;
}

/* ---- running ---- */

static void on_stop(evutil_socket_t signal_number, short what, void *arg)
{
    (void)what;
    struct daemon *d = arg;
    log_event(LOG_LEVEL_INFO, "stopping", LOG_INT("signal", signal_number));
    notify_send("STOPPING=1");
    loop_stop(d->loop);
}

static void on_reload(evutil_socket_t signal_number, short what, void *arg)
{
    (void)signal_number;
    (void)what;
    struct daemon *d = arg;
    struct fault fault;
    if (control_reload_tls(d->control, &fault))
        log_message(LOG_LEVEL_INFO, "new handshakes use the certificates as they are on disk now; "
                                    "other changes need a restart");
    else
        log_event(LOG_LEVEL_ERROR, "the new certificates are refused; the old ones stay in use",
                  LOG_STR("reason", fault.text));
}

static void on_settled(void *arg)
{
    (void)arg;
    footprint_settle();
}

static bool watch_signals(struct daemon *d)
{
    struct event_base *base = loop_base(d->loop);
    d->signals[0] = evsignal_new(base, SIGTERM, on_stop, d);
    d->signals[1] = evsignal_new(base, SIGINT, on_stop, d);
    d->signals[2] = evsignal_new(base, SIGHUP, on_reload, d);
    for (size_t i = 0; i < 3; i++)
        if (d->signals[i] == NULL || evsignal_add(d->signals[i], NULL) != 0)
            return false;
    return true;
}

static bool open_journal(struct daemon *d, struct fault *fault)
{
    d->history = history_new();
    if (d->history == NULL)
        return fault_set(fault, "out of memory for the history");
    struct journal_settings settings = { .path = d->local->journal,
                                         .node = d->local->name,
                                         .cluster = d->cluster,
                                         .loop = d->loop,
                                         .history = d->history };
    d->journal = journal_new(&settings, fault);
    return d->journal != NULL;
}

/* After the store, whose lock says that no other failoverd of this node writes there. */
static bool open_audit(struct daemon *d, struct fault *fault)
{
    struct audit_settings settings = { .path = d->local->audit,
                                       .node = d->local->name,
                                       .loop = d->loop,
                                       .journal = d->journal };
    d->audit = audit_new(&settings, fault);
    return d->audit != NULL;
}

static bool open_control(struct daemon *d, struct fault *fault)
{
    struct control_parts parts = {
        .loop = d->loop,
        .probing = d->probing,
        .cluster = d->cluster,
        .local = d->local,
        .self = d->self,
        .version = FAILOVERD_VERSION,
        .pool = d->pool,
        .resolver = d->resolver,
        .journal = d->journal,
        .audit = d->audit,
        .history = d->history,
        .store = d->store,
        .found = &d->found,
        .restarts = d->restarts,
        .store_text = d->store == NULL ? d->store_fault.text
                      : d->found.doubt ? d->found.doubt_text
                                       : "",
    };
    d->control = control_new(&parts, fault);
    return d->control != NULL;
}

static bool open_all(struct daemon *d, struct fault *fault)
{
    d->loop = loop_new("control", fault);
    if (d->loop == NULL)
        return false;
    d->pool = fetch_pool_new(d->loop, CONTROL_CONNECTIONS, fault);
    d->resolver = d->pool != NULL ? resolver_new(d->loop, fault) : NULL;
    if (d->resolver == NULL || !open_journal(d, fault))
        return false;
    if (!open_store(d))
        return fault_set(fault, "the store: %s", d->store_fault.text);
    if (!open_audit(d, fault))
        return false;
    d->probing = probing_new(d->cluster, d->self, fault);
    if (d->probing == NULL || !open_control(d, fault))
        return false;
    if (!probing_start(d->probing, d->control, fault))
        return false;
    return watch_signals(d) || fault_set(fault, "can't watch for signals");
}

/* Backwards: whoever posts ends before whom it posts to. */
static void close_all(struct daemon *d)
{
    for (size_t i = 0; i < 3; i++)
        if (d->signals[i] != NULL)
            event_free(d->signals[i]);
    timer_cancel(&d->settle);
    probing_stop(d->probing);
    control_free(d->control);
    probing_free(d->probing);
    if (!audit_free(d->audit, JOURNAL_CLOSE_MS))
        log_message(LOG_LEVEL_WARNING, "some lines of the audit trail could not be written in time");
    if (!journal_free(d->journal, JOURNAL_CLOSE_MS))
        log_message(LOG_LEVEL_WARNING, "some journal lines could not be written in time");
    history_free(d->history);
    store_close(d->store);
    resolver_free(d->resolver);
    fetch_pool_free(d->pool);
    loop_free(d->loop);
    config_local_free(d->local);
    config_cluster_free(d->cluster);
}

static int run(struct daemon *d)
{
    struct fault fault;
    notify_open();
    if (!open_all(d, &fault)) {
        log_event(LOG_LEVEL_ERROR, "failoverd can't start", LOG_STR("reason", fault.text));
        close_all(d);
        return STATUS_FAILED;
    }
    log_event(LOG_LEVEL_INFO, "failoverd runs", LOG_STR("version", FAILOVERD_VERSION),
              LOG_STR("cluster", d->cluster->cluster), LOG_STR("node", d->local->name),
              LOG_STR("region", d->cluster->regions[d->cluster->nodes[d->self].region].name));
    timer_init(&d->settle, d->loop, on_settled, NULL);
    timer_set_after_us(&d->settle, SETTLE_US);
    bool ran = loop_run(d->loop, &fault);
    if (!ran)
        log_event(LOG_LEVEL_ERROR, "the control loop ended", LOG_STR("reason", fault.text));
    close_all(d);
    return ran ? STATUS_OK : STATUS_FAILED;
}

int main(int argc, char **argv)
{
    static struct daemon daemon;
    int status = parse(argc, argv, &daemon.arguments);
    if (status >= 0)
        return status;
    (void)signal(SIGPIPE, SIG_IGN);
    footprint_prepare();
    pg_session_forget_environment();
    if (daemon.arguments.check) {
        struct config_report_options options = { .json = daemon.arguments.json,
                                                 .without_files = daemon.arguments.without_files,
                                                 .tls_check = certificate_check };
        return config_check_files(daemon.arguments.cluster, daemon.arguments.node, &options,
                                  stdout);
    }
    if (!load(&daemon))
        return STATUS_CONFIG;
    open_log(&daemon);
    return daemon.arguments.format ? format(&daemon) : run(&daemon);
}
