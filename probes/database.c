/* The PostgreSQL look at a server known by name: see database.h.
 *
 * It stands around postgres.c: finds the address, makes the inner probe anew when that changed, and
 * turns its facts into a round.
 */
#include "probes/database.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"
#include "probes/addresses.h"

#define OBSERVER_NAME_MAX 64

struct database_probe {
    struct loop *loop;
    struct pg_target *target; /* as configured */
    char observer[OBSERVER_NAME_MAX];
    bool write_check;
    const _Atomic bool *may_write;
    int64_t fresh_every_us;
    struct addresses *addresses; /* NULL: the target says where to connect to */
    char address[RESOLVER_ADDRESS_MAX]; /* of the inner probe; "" when there was no need of one */
    struct postgres_probe *inner; /* NULL until the first round, and after a cancelled one */
    int64_t began_us;
    int64_t deadline_us;
    struct probe_round round;
    probe_done *done; /* NULL: no round is in progress */
    void *arg;
};

static void conclude(struct database_probe *probe)
{
    struct probe_round round = probe->round;
    round.latency_us = base_mono_us() - probe->began_us;
    probe_done *done = probe->done;
    probe->done = NULL;
    done(probe->arg, &round); /* last: it may free the probe */
}

static const char *where(const struct database_probe *probe)
{
    if (probe->addresses != NULL)
        return probe->address;
    return probe->target->hostaddr != NULL ? probe->target->hostaddr : probe->target->host;
}

static void on_facts(void *arg, const struct postgres_facts *facts)
{
    struct database_probe *probe = arg;
    struct probe_round *round = &probe->round;
    round->outcome = facts->outcome;
    (void)text_copy(round->address, sizeof round->address, where(probe));
    round->phases.connect_us = facts->tcp_us;
    round->phases.tls_us = facts->login_us > facts->tcp_us ? facts->login_us - facts->tcp_us : 0;
    round->phases.first_byte_us = facts->query_us;
    round->phases.rest_us = facts->write_us;
    postgres_facts_to_policy(facts, &round->database);
    round->waits = (struct probe_waits){ facts->facts_received_us != 0 && !facts->in_recovery, facts->commit_lease,
                                         facts->commits_waiting, facts->commits_longest_us };
    probe_say(round, "%s", facts->detail);
    conclude(probe);
}

static void look(struct database_probe *probe)
{
    struct fault fault = { "" };
    if (probe->inner == NULL) {
        struct postgres_probe_settings settings = {
            .target = *probe->target,
            .observer = probe->observer,
            .write_check = probe->write_check,
            .may_write = probe->may_write,
            .fresh_every_us = probe->fresh_every_us,
        };
        if (probe->addresses != NULL)
            settings.target.hostaddr = probe->address;
        probe->inner = postgres_probe_new(probe->loop, &settings, &fault);
    }
    if (probe->inner == NULL) {
        probe_end_as(&probe->round, SAMPLE_OBSERVER, "this node can't look: %s", fault.text);
        conclude(probe);
        return;
    }
    int64_t left_us = probe->deadline_us - base_mono_us();
    postgres_probe_run(probe->inner, left_us > CLOCK_US_PER_MS ? left_us : CLOCK_US_PER_MS, on_facts, probe);
}

static void on_addresses(void *arg, const struct addresses_answer *answer)
{
    struct database_probe *probe = arg;
    probe->round.phases.name_us = answer->took_us;
    if (answer->outcome != ADDRESSES_KNOWN) {
        probe_end_as(&probe->round, answer->outcome == ADDRESSES_NONE ? SAMPLE_FAILED : SAMPLE_OBSERVER, "%s",
                     answer->detail);
        conclude(probe);
        return;
    }
    bool still = false;
    for (size_t i = 0; i < answer->count; i++)
        still = still || strcmp(answer->text[i], probe->address) == 0;
    if (!still) {
        postgres_probe_free(probe->inner);
        probe->inner = NULL;
        ensure(text_copy(probe->address, sizeof probe->address, answer->text[0]));
    }
    look(probe);
}

void database_probe_run(struct database_probe *probe, int64_t timeout_us, probe_done *done, void *arg)
{
    ensure(probe->done == NULL && done != NULL);
    probe->done = done;
    probe->arg = arg;
    probe->began_us = base_mono_us();
    probe->deadline_us = probe->began_us + timeout_us;
    probe->round = (struct probe_round){ .outcome = SAMPLE_OBSERVER };
    if (probe->addresses != NULL)
        addresses_find(probe->addresses, timeout_us, on_addresses, probe);
    else
        look(probe);
}

void database_probe_cancel(struct database_probe *probe)
{
    if (probe->done == NULL)
        return;
    if (probe->addresses != NULL)
        addresses_cancel(probe->addresses);
    postgres_probe_free(probe->inner);
    probe->inner = NULL;
    probe->done = NULL;
}

static bool take_settings(struct database_probe *probe, struct resolver *resolver,
                          const struct postgres_probe_settings *settings, struct fault *fault)
{
    /* A name without an address is refused there, as libpq would block on it: stand one in. */
    struct pg_target target = settings->target;
    bool by_name = target.host != NULL && target.hostaddr == NULL && target.host[0] != '/' &&
                   !resolver_is_literal(target.host);
    if (settings->observer == NULL || !text_copy(probe->observer, sizeof probe->observer, settings->observer))
        return fault_set(fault, "an observer's name of at most %d characters is needed", OBSERVER_NAME_MAX - 1);
    if (by_name)
        target.hostaddr = "0.0.0.0";
    probe->target = pg_target_copy(&target, fault);
    if (probe->target == NULL)
        return false;
    if (by_name)
        probe->addresses = addresses_new(probe->loop, resolver, target.host, fault);
    return !by_name || probe->addresses != NULL;
}

struct database_probe *database_probe_new(struct loop *loop, struct resolver *resolver,
                                          const struct postgres_probe_settings *settings,
                                          struct fault *fault)
{
    struct database_probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    probe->loop = loop;
    probe->write_check = settings->write_check;
    probe->may_write = settings->may_write;
    probe->fresh_every_us = settings->fresh_every_us;
    if (!take_settings(probe, resolver, settings, fault)) {
        database_probe_free(probe);
        return NULL;
    }
    return probe;
}

void database_probe_free(struct database_probe *probe)
{
    if (probe == NULL)
        return;
    database_probe_cancel(probe);
    postgres_probe_free(probe->inner);
    addresses_free(probe->addresses);
    pg_target_free(probe->target);
    free(probe);
}

static void class_run(void *self, int64_t timeout_us, probe_done *done, void *arg)
{
    database_probe_run(self, timeout_us, done, arg);
}

static void class_cancel(void *self)
{
    database_probe_cancel(self);
}

static void class_free(void *self)
{
    database_probe_free(self);
}

const struct probe_class database_probe_class = { "postgres", class_run, class_cancel, class_free };
