/* Do name servers answer for a name: see dns.h.
 *
 * A round asks all servers at once and ends with the last of the answers; each question has the round's
 * deadline.
 */
#include "probes/dns.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"

#define SERVER_TEXT_MAX 64
/* The tries of one question wait twice as long each time: together they fill the deadline. */
#define ASK_TRIES 2
#define ASK_TRY_SHARES 3

struct dns_ask {
    struct dns_probe *probe;
    const char *server; /* NULL: the system's */
    struct resolve *question; /* NULL when it has ended */
    struct probe_round result;
};

struct dns_probe {
    struct resolver *resolver;
    struct loop *loop;
    struct timer soon; /* ends a round in which nothing could be asked */
    char name[RESOLVER_NAME_MAX];
    enum resolve_type type;
    char servers[RESOLVER_SERVERS_MAX][SERVER_TEXT_MAX];
    size_t server_count;
    char *expect[DNS_PROBE_VALUES_MAX]; /* spelled as resolver.h does */
    size_t expect_count;

    int64_t began_us;
    struct dns_ask asks[RESOLVER_SERVERS_MAX];
    size_t ask_count;
    size_t pending;
    probe_done *done; /* NULL: no round is in progress */
    void *arg;
};

/* ---- what an answer means ----------------------------------------------------------------- */

static bool value_wanted(const struct dns_probe *probe, const char *value)
{
    for (size_t i = 0; i < probe->expect_count; i++)
        if (strcmp(probe->expect[i], value) == 0)
            return true;
    return probe->expect_count == 0;
}

static void settle_records(const struct dns_probe *probe, const struct resolve_answer *answer,
                           struct probe_round *result)
{
    const char *other = NULL;
    for (size_t i = 0; i < answer->record_count; i++) {
        const struct resolve_record *record = &answer->records[i];
        if (record->type != probe->type)
            continue; /* an alias on the way */
        if (value_wanted(probe, record->value)) {
            probe_end_as(result, SAMPLE_OK, "%s %s", resolve_type_name(probe->type), record->value);
            return;
        }
        other = record->value;
    }
    if (other != NULL)
        probe_end_as(result, SAMPLE_FAILED, "the answer is %s, not what is wanted", other);
    else
        probe_end_as(result, SAMPLE_FAILED, "the answer holds no %s record", resolve_type_name(probe->type));
}

/* What kept the answer from coming: the servers, if they are what is checked, or ours. */
static enum sample_outcome blame(const struct dns_ask *ask)
{
    return ask->server != NULL ? SAMPLE_FAILED : SAMPLE_OBSERVER;
}

static void settle(const struct dns_ask *ask, const struct resolve_answer *answer, struct probe_round *result)
{
    result->latency_us = answer->took_us;
    switch (answer->outcome) {
    case RESOLVE_OK:
        settle_records(ask->probe, answer, result);
        return;
    case RESOLVE_NXDOMAIN:
        probe_end_as(result, SAMPLE_FAILED, "the name does not exist");
        return;
    case RESOLVE_NODATA:
        probe_end_as(result, SAMPLE_FAILED, "the name has no %s record", resolve_type_name(ask->probe->type));
        return;
    case RESOLVE_SERVFAIL:
        probe_end_as(result, blame(ask), "the server could not answer (code %d)", answer->rcode);
        return;
    case RESOLVE_REFUSED:
        probe_end_as(result, blame(ask), "the server refuses to answer us");
        return;
    case RESOLVE_TIMEOUT:
        probe_end_as(result, blame(ask), "no answer in time");
        return;
    case RESOLVE_UNREACHABLE:
        probe_end_as(result, blame(ask), "the server can't be reached");
        return;
    case RESOLVE_BAD_ANSWER:
        probe_end_as(result, blame(ask), "the answer is malformed");
        return;
    case RESOLVE_OBSERVER:
        probe_end_as(result, SAMPLE_OBSERVER, "this node can't ask: %s", answer->text);
        return;
    case RESOLVE_CANCELLED:
        probe_end_as(result, SAMPLE_OBSERVER, "cancelled");
        return;
    }
}

/* ---- a round ------------------------------------------------------------------------------ */

static const char *server_name(const struct dns_ask *ask)
{
    return ask->server != NULL ? ask->server : "the system's name servers";
}

static size_t count_right(const struct dns_probe *probe)
{
    size_t right = 0;
    for (size_t i = 0; i < probe->ask_count; i++)
        right += probe->asks[i].result.outcome == SAMPLE_OK;
    return right;
}

/* One right answer is enough, the fastest of them stands for all. Without any: our own inability to
 * ask counts before the servers' failures, because one of those not asked may have known. */
static const struct dns_ask *deciding(const struct dns_probe *probe)
{
    static const int rank[] = { [SAMPLE_FAILED] = 0, [SAMPLE_OBSERVER] = 1, [SAMPLE_OK] = 2 };
    const struct dns_ask *chosen = &probe->asks[0];
    for (size_t i = 1; i < probe->ask_count; i++) {
        const struct dns_ask *ask = &probe->asks[i];
        int mine = rank[ask->result.outcome], best = rank[chosen->result.outcome];
        if (mine > best || (mine == best && mine == 2 && ask->result.latency_us < chosen->result.latency_us))
            chosen = ask;
    }
    return chosen;
}

static void judge(void *arg)
{
    struct dns_probe *probe = arg;
    const struct dns_ask *ask = deciding(probe);
    size_t right = count_right(probe);
    struct probe_round round = ask->result;
    if (round.outcome != SAMPLE_OK) {
        round.latency_us = base_mono_us() - probe->began_us;
        probe_say(&round, "%s: %s", server_name(ask), ask->result.detail);
    } else if (right < probe->ask_count) {
        probe_say(&round, "%s from %zu of %zu servers", ask->result.detail, right, probe->ask_count);
    }
    round.phases.name_us = round.latency_us;
    (void)text_copy(round.address, sizeof round.address, ask->server != NULL ? ask->server : "");
    probe_done *done = probe->done;
    probe->done = NULL;
    done(probe->arg, &round); /* last: it may free the probe */
}

static void on_answer(const struct resolve_answer *answer, void *arg)
{
    struct dns_ask *ask = arg;
    struct dns_probe *probe = ask->probe;
    ask->question = NULL;
    settle(ask, answer, &ask->result);
    if (--probe->pending == 0)
        judge(probe);
}

static void begin_ask(struct dns_ask *ask, int64_t timeout_us)
{
    struct dns_probe *probe = ask->probe;
    struct fault fault = { "" };
    int64_t deadline_ms = timeout_us / CLOCK_US_PER_MS;
    struct resolve_query query = {
        .name = probe->name,
        .type = probe->type,
        .server = ask->server,
        .want_recursion = true, /* a zone's own servers take no notice of it */
        .deadline_ms = deadline_ms > 0 ? deadline_ms : 1,
        .try_ms = deadline_ms > ASK_TRY_SHARES ? deadline_ms / ASK_TRY_SHARES : 1,
        .tries = ASK_TRIES,
        .done = on_answer,
        .arg = ask,
    };
    ask->question = resolver_query(probe->resolver, &query, &fault);
    if (ask->question == NULL) {
        probe_end_as(&ask->result, SAMPLE_OBSERVER, "this node can't ask: %s", fault.text);
        probe->pending--;
    }
}

void dns_probe_run(struct dns_probe *probe, int64_t timeout_us, probe_done *done, void *arg)
{
    ensure(probe->done == NULL && done != NULL);
    probe->done = done;
    probe->arg = arg;
    probe->began_us = base_mono_us();
    probe->ask_count = probe->server_count > 0 ? probe->server_count : 1;
    probe->pending = probe->ask_count;
    for (size_t i = 0; i < probe->ask_count; i++) {
        struct dns_ask *ask = &probe->asks[i];
        *ask = (struct dns_ask){ .probe = probe, .server = probe->server_count > 0 ? probe->servers[i] : NULL };
        begin_ask(ask, timeout_us);
    }
    if (probe->pending == 0)
        timer_set_after_us(&probe->soon, 0);
}

void dns_probe_cancel(struct dns_probe *probe)
{
    if (probe->done == NULL)
        return;
    timer_cancel(&probe->soon);
    for (size_t i = 0; i < probe->ask_count; i++)
        if (probe->asks[i].question != NULL)
            resolve_cancel(probe->asks[i].question);
    probe->ask_count = 0;
    probe->done = NULL;
}

/* ---- making and freeing ------------------------------------------------------------------- */

/* Spells a value as answers do: addresses canonical, names in lower case without the final dot. */
static char *canonical(enum resolve_type type, const char *value, struct fault *fault)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char address[INET6_ADDRSTRLEN];
    int family = type == RESOLVE_TYPE_A ? AF_INET : AF_INET6;
    char *copy = NULL;
    if (type == RESOLVE_TYPE_A || type == RESOLVE_TYPE_AAAA) {
        if (inet_pton(family, value, bytes) != 1 || inet_ntop(family, bytes, address, sizeof address) == NULL)
            (void)fault_set(fault, "\"%.60s\" is not an %s address", value, family == AF_INET ? "IPv4" : "IPv6");
        else if ((copy = strdup(address)) == NULL)
            (void)fault_set(fault, "out of memory");
        return copy;
    }
    copy = strdup(value);
    if (copy == NULL) {
        (void)fault_set(fault, "out of memory");
    } else if (type == RESOLVE_TYPE_CNAME || type == RESOLVE_TYPE_NS) {
        size_t length = strlen(copy);
        for (size_t i = 0; i < length; i++)
            copy[i] = (char)tolower((unsigned char)copy[i]);
        if (length > 1 && copy[length - 1] == '.')
            copy[length - 1] = '\0';
    }
    return copy;
}

static bool take_settings(struct dns_probe *probe, const struct dns_probe_settings *settings, struct fault *fault)
{
    if (settings->name == NULL || settings->name[0] == '\0' ||
        !text_copy(probe->name, sizeof probe->name, settings->name))
        return fault_set(fault, "a name of 1 to %d characters is needed", RESOLVER_NAME_MAX - 1);
    if (strcmp(resolve_type_name(settings->type), "?") == 0)
        return fault_set(fault, "record type %d can't be asked for", (int)settings->type);
    if (settings->server_count > RESOLVER_SERVERS_MAX)
        return fault_set(fault, "more than %d name servers", RESOLVER_SERVERS_MAX);
    if (settings->expect_count > DNS_PROBE_VALUES_MAX)
        return fault_set(fault, "more than %d expected values", DNS_PROBE_VALUES_MAX);
    probe->type = settings->type;
    for (size_t i = 0; i < settings->server_count; i++)
        if (!text_copy(probe->servers[i], sizeof probe->servers[i], settings->servers[i]))
            return fault_set(fault, "\"%.80s\" is not the address of a name server", settings->servers[i]);
    probe->server_count = settings->server_count;
    for (size_t i = 0; i < settings->expect_count; i++) {
        probe->expect[i] = canonical(probe->type, settings->expect_any[i], fault);
        if (probe->expect[i] == NULL)
            return false;
        probe->expect_count++;
    }
    return true;
}

struct dns_probe *dns_probe_new(struct loop *loop, struct resolver *resolver,
                                const struct dns_probe_settings *settings, struct fault *fault)
{
    struct dns_probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    probe->loop = loop;
    probe->resolver = resolver;
    timer_init(&probe->soon, loop, judge, probe);
    if (!take_settings(probe, settings, fault)) {
        dns_probe_free(probe);
        return NULL;
    }
    return probe;
}

void dns_probe_free(struct dns_probe *probe)
{
    if (probe == NULL)
        return;
    dns_probe_cancel(probe);
    for (size_t i = 0; i < probe->expect_count; i++)
        free(probe->expect[i]);
    free(probe);
}

static void class_run(void *self, int64_t timeout_us, probe_done *done, void *arg)
{
    dns_probe_run(self, timeout_us, done, arg);
}

static void class_cancel(void *self)
{
    dns_probe_cancel(self);
}

static void class_free(void *self)
{
    dns_probe_free(self);
}

const struct probe_class dns_probe_class = { "dns", class_run, class_cancel, class_free };
